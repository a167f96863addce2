"""OS::Neutron::*: one class a resource type, mostly declaration."""

from kamado.resources.neutron.floatingip import FloatingIP, FloatingIPAssociation
from kamado.resources.neutron.net import Net
from kamado.resources.neutron.port import Port
from kamado.resources.neutron.router import Router, RouterInterface
from kamado.resources.neutron.security_group import SecurityGroup, SecurityGroupRule
from kamado.resources.neutron.subnet import Subnet

TYPES = (
    Net,
    Subnet,
    Port,
    Router,
    RouterInterface,
    FloatingIP,
    FloatingIPAssociation,
    SecurityGroup,
    SecurityGroupRule,
)
