"""The registry as the template checker's catalog: old names count, switched-off types take anything."""

import pytest

from kamado.plugin.registry import Registry
from kamado.template import Environment, PseudoParameters, check, load

REGISTRY = Registry.load()
HEAD = "heat_template_version: 2018-08-31\nresources:\n"


def found(resource: str) -> list[str]:
    template = load(f"{HEAD}  it: {resource}\n")
    environment = Environment.load(None)
    parameters = template.bind(environment, PseudoParameters("s", "i", "p"))
    problems = check(template, parameters, REGISTRY, environment)
    return [problem.message for problem in problems if problem.severity == "error"]


@pytest.mark.parametrize(
    "resource",
    [
        "{type: OS::Neutron::Subnet, properties: {network_id: n, cidr: 10.0.0.0/24}}",
        "{type: OS::Neutron::RouterInterface, properties: {router_id: r, subnet_id: s}}",
        "{type: OS::Heat::None, properties: {whatever: [1]}}",
        "{type: OS::Quantum::Net}",
    ],
)
def test_fine(resource: str) -> None:
    assert found(resource) == []


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("{type: OS::Neutron::Subnet, properties: {cidr: 10.0.0.0/24}}",
         "Property error: : resources.it.properties: : Property network not assigned"),
        ("{type: OS::Neutron::Net, properties: {nmae: x}}",
         "Property error: : resources.it.properties: : Unknown Property nmae"),
        ("{type: OS::Neutron::Subnet, properties: {network_id: [1]}}",
         "Property error: : resources.it.properties.network_id: : Value must be a string; got [1]"),
    ],
)  # fmt: skip
def test_wrong(resource: str, message: str) -> None:
    assert message in found(resource)


def test_old_names_are_told_with_the_new_ones() -> None:
    resource = "{type: OS::Neutron::RouterInterface, properties: {router_id: r, subnet: s}}"
    template = load(f"heat_template_version: 2018-08-31\nresources:\n  it: {resource}\n")
    (only,) = check(template, None, REGISTRY)
    assert (only.code, only.severity, only.dotted, only.hint) == (
        "KT410",
        "warning",
        "resources.it.properties.router_id",
        'use "router"',
    )
