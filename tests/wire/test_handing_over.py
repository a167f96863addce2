"""A tree of stacks over HTTP: exported in Heat's form, abandoned, and taken over again; and one that a Heat has exported.

``data/heat_export.json`` is what a real Heat (27.0.1) answered of the same tree, with shorter names of files and projects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.wire.stand import Stand
from tests.wire.test_limits import settled

HEATS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "heat_export.json").read_text())
VARYING = ("name", "id", "project_id", "stack_user_project_id")


def made(stand: Stand, name: str, **body: Any) -> str:
    answer = stand.ask("POST", "/stacks", {"stack_name": name, **body})
    assert answer.status_code == 201, answer.text
    return f"/stacks/{name}/{answer.json()['stack']['id']}"


def plain(data: Any, *varying: str) -> Any:
    """Exported data of a stack without what is another at each place; ids of things in the cloud only as being there."""
    if not isinstance(data, Mapping):
        return data
    left = {key: value for key, value in data.items() if key not in varying}
    if "resource_id" in left:
        return {**left, "resource_id": bool(left["resource_id"])}
    return {**left, "resources": {name: plain(one, *varying) for name, one in left["resources"].items()}}


def leaves(data: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """The ids in the cloud of what is no stack, by where it is in the tree."""
    found: dict[str, str] = {}
    for name, one in data["resources"].items():
        found |= leaves(one, f"{path}{name}/") if "resources" in one else {f"{path}{name}": one["resource_id"]}
    return found


def nested(stand: Stand) -> set[str]:
    listed = stand.ask("GET", "/stacks?show_nested=true").json()["stacks"]
    return {stack["id"] for stack in listed if stack["parent"]}


def test_a_tree_is_exported_as_heat_exports_it_and_comes_back_the_same(stand: Stand) -> None:
    before = nested(stand)
    path = made(stand, "tree", template=HEATS["template"], files=HEATS["files"])
    assert settled(stand, path)["stack_status"] == "CREATE_COMPLETE"
    exported = stand.ask("GET", f"{path}/export").json()
    # Files stand for themselves in the registry of every stack here; outputs of a group are those that somebody reads.
    assert _without_own_ways(plain(exported, *VARYING)) == _without_own_ways(plain(HEATS, *VARYING))
    assert stand.ask("DELETE", f"{path}/abandon").json() == exported
    assert settled(stand, path)["stack_status"] == "DELETE_COMPLETE"
    assert nested(stand) == before

    heir = made(stand, "heir", adopt_stack_data=json.dumps(exported))
    assert settled(stand, heir)["stack_status"] == "ADOPT_COMPLETE"
    again = stand.ask("GET", f"{heir}/export").json()
    assert leaves(again) == leaves(exported)
    assert len(nested(stand) - before) == 4
    assert plain(again, *VARYING, "action") == plain(exported, *VARYING, "action")
    resources = stand.ask("GET", f"{heir}/resources?nested_depth=3").json()["resources"]
    assert {one["resource_status"] for one in resources} == {"ADOPT_COMPLETE"}
    assert stand.ask("DELETE", heir).status_code == 204
    assert settled(stand, heir)["stack_status"] == "DELETE_COMPLETE"
    assert nested(stand) == before


def _without_own_ways(data: Any) -> Any:
    if not isinstance(data, Mapping) or "resources" not in data:
        return data
    environment = {key: value for key, value in data["environment"].items() if key != "resource_registry"}
    template = {key: value for key, value in data["template"].items() if key != "outputs"}
    inside = {name: _without_own_ways(one) for name, one in data["resources"].items()}
    return {**data, "environment": environment, "template": template, "resources": inside}


def test_a_tree_that_a_heat_has_given_up_is_taken_over(stand: Stand) -> None:
    path = made(stand, "from-heat", adopt_stack_data=HEATS)
    stack = settled(stand, path)
    assert stack["stack_status"] == "ADOPT_COMPLETE"
    assert leaves(stand.ask("GET", f"{path}/export").json()) == leaves(HEATS)
    assert stack["outputs"][0]["output_value"] == HEATS["resources"]["c"]["resources"]["t"]["resource_id"]
    assert stand.ask("PUT", path, {"template": HEATS["template"], "files": HEATS["files"]}).status_code == 202
    assert settled(stand, path)["stack_status"] == "UPDATE_COMPLETE"
    assert leaves(stand.ask("GET", f"{path}/export").json()) == leaves(HEATS)
    assert stand.ask("DELETE", path).status_code == 204


def test_an_update_after_a_taking_over_that_failed_takes_over_what_is_left(stand: Stand) -> None:
    net = {"type": "OS::Neutron::Net"}
    resources = {"a": net, "b": {**net, "depends_on": "a"}, "i": {"type": "inner.yaml", "depends_on": "a"}}
    template = {"heat_template_version": "2018-08-31", "resources": resources}
    inner = json.dumps({"heat_template_version": "2018-08-31", "resources": {"n": net}})
    body = {"template": template, "files": {"inner.yaml": inner}}
    path = made(stand, "given", **body)
    assert settled(stand, path)["stack_status"] == "CREATE_COMPLETE"
    data = stand.ask("DELETE", f"{path}/abandon").json()
    assert settled(stand, path)["stack_status"] == "DELETE_COMPLETE"
    there = leaves(data)
    del data["resources"]["a"]["resource_id"]  # so it cannot be taken over, and what depends on it is not begun
    heir = made(stand, "given", adopt_stack_data=data)
    assert settled(stand, heir)["stack_status"] == "ADOPT_FAILED"
    assert stand.ask("PUT", heir, body).status_code == 202
    assert settled(stand, heir)["stack_status"] == "UPDATE_COMPLETE"
    now = leaves(stand.ask("GET", f"{heir}/export").json())
    assert (now["b"], now["i/n"]) == (there["b"], there["i/n"])
    assert now["a"] != there["a"]
    assert stand.ask("DELETE", heir).status_code == 204
    assert settled(stand, heir)["stack_status"] == "DELETE_COMPLETE"


def test_data_that_is_no_data_of_a_stack_is_refused_at_any_depth(stand: Stand) -> None:
    for broken in ({"x": 1}, {"c": {"resources": {"t": []}}}, {"c": {"resources": 1}}, {"c": {"template": "none"}}):
        data = {**HEATS, "resources": broken}
        answer = stand.ask("POST", "/stacks", {"stack_name": "broken", "adopt_stack_data": data})
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith("Invalid adopt data: ")
