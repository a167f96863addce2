"""OS::Barbican::*: what the key manager keeps."""

from kamado.plugin.resource import Resource
from kamado.resources.barbican.secret import Secret

TYPES: tuple[type[Resource], ...] = (Secret,)
