"""OS::Neutron::*: one class a resource type, mostly declaration."""

from kamado.resources.neutron.net import Net

TYPES = (Net,)
