"""OS::Swift::*: what the object store keeps."""

from kamado.plugin.resource import Resource
from kamado.resources.swift.container import Container

TYPES: tuple[type[Resource], ...] = (Container,)
