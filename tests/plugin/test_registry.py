"""Types by name, and what environments make of names."""

import pytest

from kamado.plugin.registry import Registry, UnknownType
from kamado.resources import heat, neutron

REGISTRY = Registry((*heat.TYPES, *neutron.TYPES))


def test_ours_are_found_by_entry_point() -> None:
    assert {cls.type_name for cls in (*heat.TYPES, *neutron.TYPES)} <= set(Registry.load().names())


def test_an_unknown_type_in_heats_words() -> None:
    with pytest.raises(UnknownType, match=r"The Resource Type \(OS::Neutron::Nte\) could not be found\."):
        REGISTRY.get("OS::Neutron::Nte", "")
    assert REGISTRY.schema("OS::Neutron::Nte", "") is None
    assert REGISTRY.suggestions("OS::Neutron::Nett")[0] == "OS::Neutron::Net"


def test_names_that_heat_maps() -> None:
    assert REGISTRY.get("OS::Quantum::Net", "") is REGISTRY.get("OS::Neutron::Net", "")


def test_an_environment_renames_types() -> None:
    view = REGISTRY.for_environment({
        "My::Net": "OS::Neutron::Net",
        "OS::Networking::*": "OS::Neutron::*",
        "OS::Neutron::FloatingIP": "OS::Heat::None",
        "resources": {"special": {"OS::Heat::Value": "OS::Heat::None"}, "db_net": {"OS::Neutron::Net": "OS::Heat::None"}},
    })  # fmt: skip
    assert view.get("My::Net", "").type_name == "OS::Neutron::Net"
    assert view.get("OS::Networking::Port", "").type_name == "OS::Neutron::Port"
    assert view.get("OS::Neutron::FloatingIP", "").type_name == "OS::Heat::None"
    assert view.schema("OS::Neutron::FloatingIP", "").any_properties
    assert view.get("OS::Heat::Value", "special").type_name == "OS::Heat::None"
    assert view.get("OS::Heat::Value", "other").type_name == "OS::Heat::Value"
    assert view.get("OS::Neutron::Net", "db_net").type_name == "OS::Heat::None"
    assert REGISTRY.get("OS::Neutron::FloatingIP", "").type_name == "OS::Neutron::FloatingIP"
    assert "My::Net" in view.names()


def test_mappings_in_a_circle_end() -> None:
    view = REGISTRY.for_environment({"A::A": "B::B", "B::B": "A::A"})
    with pytest.raises(UnknownType):
        view.get("A::A", "")
