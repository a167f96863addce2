"""OS::Glance::*: one class a resource type, mostly declaration."""

from kamado.plugin.resource import Resource

TYPES: tuple[type[Resource], ...] = ()
