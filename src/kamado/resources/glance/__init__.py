"""OS::Glance::*: one class a resource type, mostly declaration."""

from kamado.plugin.resource import Resource
from kamado.resources.glance.web_image import WebImage

TYPES: tuple[type[Resource], ...] = (WebImage,)
