"""OS::Nova::*: one class a resource type, mostly declaration."""

from kamado.plugin.resource import Resource
from kamado.resources.nova.ec2_instance import Instance
from kamado.resources.nova.flavor import Flavor
from kamado.resources.nova.keypair import KeyPair
from kamado.resources.nova.launch_configuration import LaunchConfiguration
from kamado.resources.nova.server import Server
from kamado.resources.nova.server_group import ServerGroup

TYPES: tuple[type[Resource], ...] = (Flavor, Instance, KeyPair, LaunchConfiguration, Server, ServerGroup)
