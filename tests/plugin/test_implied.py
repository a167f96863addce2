"""Dependencies that no template writes down, worked out from definitions as they are written."""

import pytest

from kamado.plugin.registry import Registry
from kamado.template import Environment, PseudoParameters, load

REGISTRY = Registry.load()


def implied(resources: str, name: str) -> set[str]:
    template = load(
        "heat_template_version: 2018-08-31\nparameters:\n  ext: {type: string, default: public}\n" + resources
    )
    definitions = template.definitions(template.bind(Environment.load(None), PseudoParameters("s", "i", "p")))
    definition = definitions[name]
    return REGISTRY.get(definition.type, "").implied_by(name, definition, definitions)


NETWORK = """
resources:
  net: {type: OS::Neutron::Net}
  other: {type: OS::Neutron::Net}
  subnet: {type: OS::Neutron::Subnet, properties: {network: {get_resource: net}, cidr: 10.0.0.0/24}}
  old: {type: OS::Neutron::Subnet, properties: {network_id: {get_resource: net}, cidr: 10.0.1.0/24}}
  elsewhere: {type: OS::Neutron::Subnet, properties: {network: {get_resource: other}, cidr: 10.0.2.0/24}}
  port: {type: OS::Neutron::Port, properties: {network: {get_resource: net}}}
  exact: {type: OS::Neutron::Port, properties: {network: {get_resource: net}, fixed_ips: [{subnet: {get_resource: subnet}}]}}
  router: {type: OS::Neutron::Router, properties: {external_gateway_info: {network: {get_param: ext}}}}
  interface: {type: OS::Neutron::RouterInterface, properties: {router: {get_resource: router}, subnet: {get_resource: subnet}}}
  away: {type: OS::Neutron::RouterInterface, properties: {router: {get_resource: router}, subnet: {get_resource: elsewhere}}}
  address: {type: OS::Neutron::FloatingIP, properties: {floating_network: {get_param: ext}, port_id: {get_resource: port}}}
  plain: {type: OS::Neutron::FloatingIP, properties: {floating_network: somewhere}}
  link: {type: OS::Neutron::FloatingIPAssociation, properties: {floatingip_id: {get_resource: plain}, port_id: {get_resource: exact}}}
  inner: {type: OS::Neutron::Router, properties: {external_gateway_info: {network: {get_resource: other}}}}
"""


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("net", set()),
        ("port", {"subnet", "old"}),
        ("router", set()),
        ("inner", {"elsewhere"}),
        ("address", {"router", "interface"}),
        ("plain", set()),
        ("link", {"interface"}),
    ],
)
def test_what_comes_first(name: str, others: set[str]) -> None:
    assert implied(NETWORK, name) == others
