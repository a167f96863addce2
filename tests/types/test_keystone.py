"""Projects, users and roles: names, groups, role assignments, and no taking over of what somebody else made."""

from __future__ import annotations

import pytest
from tests.types.rig import Died, Rig, Saver

from kamado.model.lifecycle import Action
from kamado.plugin import lifecycle
from kamado.plugin.errors import TemporaryError
from kamado.plugin.registry import Registry
from kamado.plugin.resource import Resource
from kamado.template.unknown import UNKNOWN

TYPES = Registry.load()


def assignments(rig: Rig, user: Resource) -> set[tuple[str, str]]:
    assert rig.cloud is not None
    found = rig.cloud.service("identity").get("/v3/role_assignments", params={"user.id": user.physical_id})
    return {(item["role"]["id"], next(iter(item["scope"].values()))["id"]) for item in found["role_assignments"]}


def groups(rig: Rig, user: Resource) -> set[str]:
    assert rig.cloud is not None
    found = rig.cloud.service("identity").get(f"/v3/users/{user.physical_id}/groups")
    return {group["name"] for group in found["groups"]}


def group(rig: Rig, name: str) -> str:
    assert rig.cloud is not None
    made = rig.cloud.service("identity").post("/v3/groups", json={"group": {"name": name, "domain_id": "default"}})
    return str(made["group"]["id"])


def test_least_gives_generated_names_in_the_default_domain(admin_rig: Rig) -> None:
    for kind in ("Project", "User", "Role"):
        made = admin_rig.make(f"OS::Keystone::{kind}", {}, name=kind.lower())
        shown = made.attribute("show")
        assert shown["name"] == made.physical_name
        assert shown["domain_id"] == (None if kind == "Role" else "default")
        admin_rig.run(made, Action.CHECK)


def test_a_project_follows_its_properties(admin_rig: Rig) -> None:
    parent = admin_rig.make("OS::Keystone::Project", {"name": "parent-of"}, name="parent")
    project = admin_rig.make(
        "OS::Keystone::Project",
        {"name": "child-of", "parent": "parent-of", "description": "a", "tags": ["x"], "domain": "Default"},
    )
    assert project.read_attributes([]) == {
        "name": "child-of",
        "parent_id": parent.physical_id,
        "domain_id": "default",
        "enabled": True,
        "is_domain": False,
    }
    for changes in ({"description": "b"}, {"enabled": False}, {"tags": ["y", "z"]}, {"tags": []}, {"name": "renamed"}):
        difference = admin_rig.update(project, **changes)
        assert not difference.must_replace
        shown = project.attribute("show")
        for key, value in changes.items():
            assert (sorted(shown[key]) if key == "tags" else shown[key]) == value
    admin_rig.update(project, name=None)
    assert project.attribute("name") == project.physical_name
    assert lifecycle.diff(project.schema, {"parent": "a"}, {"parent": "b"}).must_replace


def test_a_project_takes_the_security_group_that_neutron_made_with_it(admin_rig: Rig) -> None:
    assert admin_rig.cloud is not None
    project = admin_rig.make("OS::Keystone::Project", {})
    network = admin_rig.cloud.service("network")
    body = {"security_group": {"name": "first", "tenant_id": project.physical_id}}
    first = network.post("/v2.0/security-groups", json=body)["security_group"]
    network.delete(f"/v2.0/security-groups/{first['id']}")
    wanted = {"project_id": project.physical_id}
    assert [group["name"] for group in network.list("/v2.0/security-groups", "security_groups", wanted)] == ["default"]
    admin_rig.run(project, Action.DELETE)
    assert network.list("/v2.0/security-groups", "security_groups", wanted) == []


def test_a_user_with_groups_and_roles(admin_rig: Rig) -> None:
    project = admin_rig.make("OS::Keystone::Project", {}, name="project")
    role = admin_rig.make("OS::Keystone::Role", {"name": "auditor"}, name="role")
    ours, theirs = group(admin_rig, "ours"), group(admin_rig, "theirs")
    user = admin_rig.make(
        "OS::Keystone::User",
        {
            "password": "geheim",
            "email": "a@example.org",
            "default_project": project.physical_name,
            "groups": ["ours"],
            "roles": [{"role": "auditor", "project": project.physical_id}, {"role": "auditor", "domain": "default"}],
        },
    )
    assert user.attribute("default_project_id") == project.physical_id
    assert groups(admin_rig, user) == {"ours"}
    assert assignments(admin_rig, user) == {
        (role.physical_id, project.physical_id),
        (role.physical_id, "default"),
    }
    # What somebody gave by hand stays.
    assert admin_rig.cloud is not None
    admin_rig.cloud.service("identity").put(f"/v3/groups/{theirs}/users/{user.physical_id}")
    admin_rig.update(user, groups=[], roles=[{"role": "auditor", "domain": "default"}])
    assert groups(admin_rig, user) == {"theirs"}
    assert assignments(admin_rig, user) == {(role.physical_id, "default")}
    admin_rig.update(user, groups=[ours], roles=None)
    assert groups(admin_rig, user) == {"ours", "theirs"}
    assert assignments(admin_rig, user) == set()
    for changes in ({"email": "b@example.org"}, {"enabled": False}, {"description": "who"}, {"name": "somebody"}):
        admin_rig.update(user, **changes)
        assert changes.items() <= user.attribute("show").items()


def test_a_new_password_is_the_one_that_counts(admin_rig: Rig) -> None:
    assert admin_rig.cloud is not None
    user = admin_rig.make("OS::Keystone::User", {"password": "first-one"})
    admin_rig.update(user, password="second-one")

    def log_in(password: str) -> object:
        identity = {"methods": ["password"], "password": {"user": {"id": user.physical_id, "password": password}}}
        assert admin_rig.cloud is not None
        return admin_rig.cloud.service("identity").post("/v3/auth/tokens", json={"auth": {"identity": identity}})

    assert log_in("second-one")
    with pytest.raises(Exception, match=r"(?i)auth|password|token"):
        log_in("first-one")
    assert "second-one" not in repr(user)
    assert user.schema.secrets == {"password"}


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ([{"role": "r", "project": "p", "domain": "d"}], "at the same time: project, domain"),
        ([{"role": "r"}], "Either project or domain must be specified for role r"),
    ],
)
def test_a_role_is_on_one_thing(roles: list[object], words: str) -> None:
    (finding,) = TYPES.get("OS::Keystone::User", "").validate({"roles": roles})
    assert words in finding


def test_what_is_not_known_yet_is_not_judged() -> None:
    user = TYPES.get("OS::Keystone::User", "")
    assert user.validate({"roles": UNKNOWN}) == []
    assert user.validate({"roles": [UNKNOWN, {"role": "r", "project": UNKNOWN}]}) == []


def test_a_lost_answer_makes_one_user(admin_rig: Rig) -> None:
    assert admin_rig.local is not None
    admin_rig.local.faults.add(service="identity", method="POST", path="/v3/users", action="lose")
    user = admin_rig.make("OS::Keystone::User", {"name": "lost-and-found"})
    assert user.attribute("name") == "lost-and-found"


def test_a_user_of_somebody_else_is_never_taken_for_ours(admin_rig: Rig) -> None:
    """The service says neither who made a user nor when: what was there before the create is not ours."""
    assert admin_rig.local is not None
    theirs = admin_rig.make("OS::Keystone::User", {"name": "root"}, name="theirs")
    admin_rig.local.faults.add(service="identity", method="POST", path="/v3/users", action="drop")
    user = admin_rig.build("OS::Keystone::User", {"name": "root"})
    with pytest.raises(TemporaryError):
        admin_rig.run(user, Action.CREATE)
    assert user.find_existing(admin_rig.clock.now(), ()) is None
    with pytest.raises(Exception, match=r"(?i)conflict|duplicate|exists"):
        admin_rig.run(user, Action.CREATE)
    admin_rig.run(theirs, Action.CHECK)


def test_what_a_dead_process_made_is_found(admin_rig: Rig) -> None:
    saver = Saver(dies=True)
    project = admin_rig.build("OS::Keystone::Project", {"name": "orphan"}, saver=saver)
    with pytest.raises(Died):
        admin_rig.run(project, Action.CREATE)
    assert project.data == saver.data == {"looked_first": True}
    orphan = project.find_existing(admin_rig.clock.now(), ())
    assert orphan is not None
    assert project.find_existing(admin_rig.clock.now(), {orphan}) is None
    project.ports.saver.dies = False  # type: ignore[attr-defined]
    project.set_physical_id(orphan)
    admin_rig.made.append(project)
    assert lifecycle.poll(project, Action.CREATE, None)
