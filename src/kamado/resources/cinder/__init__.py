"""OS::Cinder::*: one class a resource type, mostly declaration."""

from kamado.plugin.resource import Resource
from kamado.resources.cinder.attachment import VolumeAttachment
from kamado.resources.cinder.volume import Volume

TYPES: tuple[type[Resource], ...] = (Volume, VolumeAttachment)
