"""The plan of a request over HTTP: what it shows, that it is what runs, and that it is refused once the stack has moved on.

Not mocked: HTTP, store, types, engine, Keystone (the local cloud's).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud

T = "OS::Heat::TestResource"
V = "OS::Heat::Value"
NESTED = """
heat_template_version: 2016-10-14
parameters:
  v: {type: string}
  n: {type: number, default: 3}
resources:
  t: {type: OS::Heat::TestResource, properties: {value: {get_param: v}}}
  u: {type: OS::Heat::Value, properties: {value: {get_param: n}}}
  me: {type: OS::Heat::Value, properties: {value: {get_param: "OS::stack_name"}}}
outputs: {o: {value: {get_attr: [t, output]}}}
"""


def thing(value: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": T, "properties": {"value": value, **more}}


def reader(of: str) -> dict[str, Any]:
    return {"type": V, "properties": {"value": {"get_attr": [of, "output"]}}}


def body(resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    template = {"heat_template_version": "2016-10-14", "resources": resources, **more.pop("template", {})}
    return {"template": template, "files": {"my.yaml": NESTED}, **more}


class Plans:
    """One stack, its plans and what is done with them."""

    def __init__(self, stand: Stand, name: str) -> None:
        self.stand = stand
        self.name = name
        self.path = ""

    def create(self, request: dict[str, Any]) -> None:
        answer = self.stand.ask("POST", "/stacks", {"stack_name": self.name, **request})
        assert answer.status_code == 201, answer.text
        self.path = f"/stacks/{self.name}/{answer.json()['stack']['id']}"
        assert self.settled() == "CREATE_COMPLETE"

    def plan(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self.stand.ask("POST", f"{self.path}/plan", request)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["plan"]
        return found

    def steps(self, request: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {step["step"]: step for step in self.plan(request)["steps"]}

    def settled(self) -> str:
        return str(self.stand.settled(self.path)["stack_status"])

    def history(self) -> list[tuple[str, str]]:
        events = self.stand.ask("GET", f"{self.path}/events?sort_dir=asc").json()["events"]
        return [(event["resource_name"], event["resource_status"]) for event in events]


@pytest.fixture
def plans(stand: Stand, request: pytest.FixtureRequest) -> Plans:
    return Plans(stand, request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[:60])


def test_a_create_shows_what_will_be_made_in_order(stand: Stand) -> None:
    resources = {
        "a": thing(),
        "b": reader("a"),
        "c": {"type": "my.yaml", "properties": {"v": {"get_attr": ["a", "output"]}}},
    }
    answer = stand.ask("POST", "/stacks/plan", {"stack_name": "to-be", **body(resources)})
    assert answer.status_code == 200, answer.text
    plan = answer.json()["plan"]
    assert (plan["action"], plan["stack_id"], plan["has_changes"]) == ("CREATE", None, True)
    assert plan["summary"] == {"create": 6, "unchanged": 0}
    assert plan["steps"][0]["step"] == "create:a"
    steps = {step["resource"]: step for step in plan["steps"]}
    assert steps["b"]["needs"] == ["create:a"]
    assert steps["a"]["changes"] == [
        {"path": ["value"], "old": None, "new": "x", "known_later": False, "replaces": False}
    ]
    assert steps["b"]["changes"] == [
        {"path": ["value"], "old": None, "new": None, "known_later": True, "replaces": False}
    ]
    inside = {step["resource"]: step for step in steps["c"]["nested"]["steps"]}
    assert inside["t"]["changes"][0]["known_later"]
    assert inside["u"]["changes"][0]["new"] == 3
    assert inside["me"]["changes"][0]["known_later"]
    assert stand.ask("GET", "/stacks/to-be").status_code == 404


def test_an_update_shows_values_causes_and_what_is_touched(plans: Plans) -> None:
    plans.create(body({"a": thing("x"), "b": reader("a"), "gone": thing(), "same": thing()}))
    request = body({"a": thing("y"), "b": reader("a"), "same": thing(), "new": thing()})
    plan = plans.plan(request)
    steps = {step["step"]: step for step in plan["steps"]}
    assert steps["update:a"]["reason"] == "property changed"
    assert steps["update:a"]["changes"] == [
        {"path": ["value"], "old": "x", "new": "y", "known_later": False, "replaces": False}
    ]
    assert steps["update:a"]["touches"] == ["b"]
    assert steps["update:a"]["may_become"] == ["update", "replace"]
    assert steps["update:b"]["because_of"] == ["a"]
    assert steps["update:b"]["decided_at_run_time"]
    assert steps["update:b"]["changes"][0]["known_later"]
    gone = next(step for step in plan["steps"] if step["resource"] == "gone")
    assert (gone["action"], gone["reason"], gone["deletion_policy"]) == (
        "delete",
        "removed from the template",
        "Delete",
    )
    assert plan["unchanged"] == ["same"]
    assert plan["summary"] == {"create": 1, "delete": 1, "unchanged": 1, "undecided": 1, "update": 1}
    order = [step["step"] for step in plan["steps"]]
    assert order.index("update:a") < order.index("update:b") < order.index(gone["step"])


def test_an_update_of_nothing_is_an_empty_plan_through_every_depth(plans: Plans) -> None:
    request = body({"a": thing(), "c": {"type": "my.yaml", "properties": {"v": {"get_attr": ["a", "output"]}}}})
    plans.create(request)
    plan = plans.plan(request)
    assert (plan["steps"], plan["has_changes"]) == ([], False)


def test_plans_of_nested_stacks_are_inside(plans: Plans) -> None:
    child = lambda value, **more: {"type": "my.yaml", "properties": {"v": value, **more}}  # noqa: E731
    plans.create(body({"c": child("x"), "gone": child("x")}))
    plan = plans.plan(body({"c": child("y"), "new": child("z")}))
    steps = {step["step"]: step for step in plan["steps"]}
    inside = steps["update:c"]["nested"]
    assert [(step["step"], step["changes"][0]["new"]) for step in inside["steps"] if step["action"] == "update"] == [
        ("update:t", "y")
    ]
    assert inside["stack_name"].startswith(f"{plans.name}-c-")
    assert inside["unchanged"] == ["me", "u"]
    assert steps["create:new"]["nested"]["stack_id"] is None
    gone = next(step for step in plan["steps"] if step["resource"] == "gone")
    assert {step["action"] for step in gone["nested"]["steps"]} == {"delete"}
    assert len(gone["nested"]["steps"]) == 3


def test_hidden_values_are_masked_at_every_depth(plans: Plans) -> None:
    def request(secret: str) -> dict[str, Any]:
        resources = {
            "a": {"type": T, "properties": {"value": {"get_param": "p"}}},
            "c": {"type": "my.yaml", "properties": {"v": {"get_param": "p"}}},
        }
        hidden = {"p": {"type": "string", "hidden": True}}
        return body(resources, template={"parameters": hidden}, parameters={"p": secret})

    shown = plans.stand.ask("POST", "/stacks/plan", {"stack_name": "to-be", **request("swordfish")})
    assert "swordfish" not in shown.text
    assert shown.text.count("******") == 3  # not what else is in the nested stack
    plans.create(request("swordfish"))
    answer = plans.stand.ask("POST", f"{plans.path}/plan", request("sesame"))
    assert "swordfish" not in answer.text
    assert "sesame" not in answer.text
    assert {step["action"] for step in answer.json()["plan"]["steps"]} == {"update"} | {"delete"}
    again = plans.stand.ask("POST", f"{plans.path}/plan", body({"a": thing("open"), "c": thing("open")}))
    assert "swordfish" not in again.text


@pytest.mark.parametrize("kind", ["group", "scaled"])
@pytest.mark.parametrize("inner", [T, "my.yaml"], ids=["plain", "nested"])
def test_only_secrets_of_members_are_masked(plans: Plans, kind: str, inner: str) -> None:
    secret, open_ = ("value", "client_name") if inner == T else ("v", "w")

    def request(password: str, name: str) -> dict[str, Any]:
        member = {"type": inner, "properties": {secret: {"get_param": "p"}, open_: name}}
        group: dict[str, Any] = {
            "group": {"type": "OS::Heat::ResourceGroup", "properties": {"count": 2, "resource_def": member}},
            "scaled": {
                "type": "OS::Heat::AutoScalingGroup",
                "properties": {"min_size": 2, "max_size": 3, "resource": member},
            },
        }[kind]
        template = {"parameters": {"p": {"type": "string", "hidden": True}}}
        wanted = body({"g": group}, template=template, parameters={"p": password})
        child = {
            "heat_template_version": "2018-08-31",
            "parameters": {"v": {"type": "string"}, "w": {"type": "string"}},
            "resources": {
                "t": {"type": T, "properties": {"value": {"get_param": "v"}, "client_name": {"get_param": "w"}}}
            },
        }
        return {**wanted, "files": {"my.yaml": json.dumps(child)}}

    shown = plans.stand.ask("POST", "/stacks/plan", {"stack_name": "to-be", **request("swordfish", "abc")})
    assert "swordfish" not in shown.text
    assert shown.text.count('"abc"') >= 2
    plans.create(request("swordfish", "abc"))
    answer = plans.stand.ask("POST", f"{plans.path}/plan", request("swordfish", "xyz"))
    assert "swordfish" not in answer.text
    steps = answer.json()["plan"]["steps"][0]["nested"]["steps"]
    members = [step for step in steps if step["action"] != "delete"]
    assert [step["action"] for step in members] == ["update", "update"]
    changes = [
        {tuple(change["path"]): (change["old"], change["new"]) for change in step["changes"]} for step in members
    ]
    assert changes == [{(open_,): ("abc", "xyz")}] * 2
    other = plans.stand.ask("POST", f"{plans.path}/plan", request("sesame", "abc"))
    assert "swordfish" not in other.text
    assert "sesame" not in other.text
    bare = plans.stand.ask(
        "POST", f"{plans.path}/plan", body({"g": {"type": "OS::Heat::Value", "properties": {"value": 1}}})
    )
    assert "swordfish" not in bare.text
    child = plans.stand.ask("GET", f"{plans.path}/resources/g").json()["resource"]["physical_resource_id"]
    (nested,) = plans.stand.ask("GET", f"/stacks?show_nested=true&id={child}").json()["stacks"]
    path = f"/stacks/{nested['stack_name']}/{child}"
    for what in ("template", "events", "environment"):
        assert "swordfish" not in plans.stand.ask("GET", f"{path}/{what}").text


@pytest.mark.parametrize("kind", ["group", "scaled"])
def test_of_a_groups_definition_only_what_is_secret_is_masked(plans: Plans, kind: str) -> None:
    """In what the group itself shows (preview, plan, history), and in whatever shows the metadata that it gives to its members."""

    def request(password: str, name: str) -> dict[str, Any]:
        secret = {"get_param": "p"}
        member = {
            "type": T,
            "properties": {"value": secret, "client_name": name, "action_wait_secs": {"create": 0, "update": 0}},
            "metadata": {"role": name, "deep": {"key": secret, "other": "open-one"}, "list": ["x", secret]},
        }
        named = {"group": "resource_def", "scaled": "resource"}[kind]
        sizes = {"group": {"count": 2}, "scaled": {"min_size": 2, "max_size": 3}}[kind]
        group = {"type": {"group": "OS::Heat::ResourceGroup", "scaled": "OS::Heat::AutoScalingGroup"}[kind],
                 "properties": {**sizes, named: member}}  # fmt: skip
        template = {"parameters": {"p": {"type": "string", "hidden": True}}}
        return body({"g": group}, template=template, parameters={"p": password})

    stand = plans.stand
    preview = stand.ask("POST", "/stacks/preview", {"stack_name": "to-be", **request("swordfish", "abc")})
    assert "swordfish" not in preview.text
    assert preview.text.count('"abc"') == 2, "each member's"
    plan = stand.ask("POST", "/stacks/plan", {"stack_name": "to-be", **request("swordfish", "abc")})
    assert "swordfish" not in plan.text
    assert plan.text.count('"abc"') == 4, "the group's and each member's"
    assert "open-one" in plan.text
    plans.create(request("swordfish", "abc"))
    answer = stand.ask("POST", f"{plans.path}/plan", request("sesame", "xyz"))
    assert "swordfish" not in answer.text
    assert "sesame" not in answer.text
    step = next(one for one in answer.json()["plan"]["steps"] if one["step"] == "update:g")
    changes = {tuple(change["path"][1:]): (change["old"], change["new"]) for change in step["changes"]}
    assert changes == {
        ("properties", "value"): ("******", "******"),
        ("properties", "client_name"): ("abc", "xyz"),
        ("metadata", "role"): ("abc", "xyz"),
        ("metadata", "deep", "key"): ("******", "******"),
        ("metadata", "list"): ("******", "******"),
    }
    first, *_ = stand.ask("GET", f"{plans.path}/resources/g/events").json()["events"]
    event = stand.ask("GET", f"{plans.path}/resources/g/events/{first['id']}").json()["event"]["resource_properties"]
    definition = event["resource_def" if kind == "group" else "resource"]
    assert definition["properties"]["value"] == "******"
    assert definition["properties"]["client_name"] == "abc"
    assert definition["metadata"] == {"role": "abc", "deep": {"key": "******", "other": "open-one"}, "list": "******"}
    child = stand.ask("GET", f"{plans.path}/resources/g").json()["resource"]["physical_resource_id"]
    (nested,) = stand.ask("GET", f"/stacks?show_nested=true&id={child}").json()["stacks"]
    path = f"/stacks/{nested['stack_name']}/{child}"
    for what in ("template", "events", "environment", "resources"):
        assert "swordfish" not in stand.ask("GET", f"{path}/{what}").text, what
    rows = stand.ask("GET", f"{path}/resources").json()["resources"]
    for row in rows:  # its agents have to read it
        shown = stand.ask("GET", f"{path}/resources/{row['resource_name']}/metadata").json()["metadata"]
        assert shown == {"role": "abc", "deep": {"key": "swordfish", "other": "open-one"}, "list": ["x", "swordfish"]}
    stand.ask("PUT", plans.path, request("sesame", "xyz"))
    assert stand.settled(plans.path)["stack_status"] == "UPDATE_COMPLETE"
    shown = stand.ask("GET", f"{path}/resources/{rows[0]['resource_name']}/metadata").json()["metadata"]
    assert shown["deep"] == {"key": "sesame", "other": "open-one"}
    again = stand.ask("POST", f"{plans.path}/plan", request("sesame", "xyz"))
    assert again.json()["plan"]["summary"] == {"unchanged": 3}, "what is held apart is compared too"


@pytest.mark.parametrize("action", ["delete", "suspend", "resume", "check"])
def test_other_actions_have_plans_too(plans: Plans, action: str) -> None:
    plans.create(body({"a": thing(), "b": reader("a"), "c": {"type": "my.yaml", "properties": {"v": "x"}}}))
    plan = plans.plan({"action": action})
    assert plan["summary"] == {action: 6, "unchanged": 0}
    order = [step["resource"] for step in plan["steps"]]
    if action in ("delete", "suspend"):
        assert order.index("b") < order.index("a")
    nested = next(step["nested"] for step in plan["steps"] if step["resource"] == "c")
    assert sorted(step["resource"] for step in nested["steps"]) == ["me", "t", "u"]


def test_what_a_deletion_retains_is_shown(plans: Plans) -> None:
    plans.create(body({"a": thing(), "c": {"type": "my.yaml", "properties": {"v": "x"}}}))
    plan = plans.plan({"action": "delete", "retain": ["a", "c/t"]})
    steps = {step["resource"]: step for step in plan["steps"]}
    assert (steps["a"]["deletion_policy"], steps["c"]["deletion_policy"]) == ("Retain", "Delete")
    inside = {step["resource"]: step["deletion_policy"] for step in steps["c"]["nested"]["steps"]}
    assert inside == {"t": "Retain", "u": "Delete", "me": "Delete"}
    assert plans.stand.ask("DELETE", f"{plans.path}?plan={plan['basis']}").status_code == 409
    assert plans.stand.ask("DELETE", f"{plans.path}?retain=a,c/t&plan={plan['basis']}").status_code == 204


def test_an_update_on_top_of_what_is_stored(plans: Plans) -> None:
    parameters = {"p": {"type": "string", "default": "d"}, "q": {"type": "string", "default": "e"}}
    resources = {"a": thing({"get_param": "p"}), "b": thing({"get_param": "q"})}  # type: ignore[arg-type]
    plans.create(body(resources, template={"parameters": parameters}, parameters={"p": "x", "q": "y"}))
    steps = plans.steps({"existing": True, "parameters": {"p": "z"}})
    assert [step["resource"] for step in steps.values() if step["action"] == "update"] == ["a"]


def test_what_is_refused_is_refused_as_the_request_itself_would_be(plans: Plans) -> None:
    plans.create(body({"a": thing()}))
    ask = plans.stand.ask
    wrong = ask("POST", f"{plans.path}/plan", body({"a": thing(nonsense=1)}))
    assert (wrong.status_code, wrong.json()["error"]["type"]) == (400, "StackValidationFailed")
    assert ask("POST", f"{plans.path}/plan", {"action": "dance"}).status_code == 400
    assert ask("POST", f"{plans.path}/plan", {}).status_code == 400
    assert ask("POST", f"{plans.path}/plan", body({"a": thing()}), user="alt_demo").status_code in (403, 404)
    assert ask("POST", "/stacks/plan", body({"a": thing()})).status_code == 400


def test_each_plan_needs_what_its_verb_needs(cloud: LocalCloud, tmp_path: Path) -> None:
    rules = '"stacks:preview_update": "!"\n"stacks:delete": "!"\n"actions:check": "!"\n'
    stand = Stand(tmp_path, cloud, policy=rules)
    try:
        plans = Plans(stand, "ruled")
        plans.create(body({"a": thing()}))
        asked = [body({"a": thing()}), {"action": "delete"}, {"action": "check"}, {"action": "suspend"}]
        answers = [stand.ask("POST", f"{plans.path}/plan", one).status_code for one in asked]
        assert answers == [403, 403, 403, 200]
    finally:
        stand.close()


# --- held to a plan --------------------------------------------------------------------------------------------------


def test_the_plan_that_was_shown_is_applied(plans: Plans) -> None:
    plans.create(body({"a": thing("x")}))
    request = body({"a": thing("y"), "b": reader("a")})
    basis = plans.plan(request)["basis"]
    assert plans.plan(request)["basis"] == basis
    answer = plans.stand.ask("PUT", plans.path, {**request, "plan": basis})
    assert answer.status_code == 202, answer.text
    assert plans.settled() == "UPDATE_COMPLETE"
    again = plans.stand.ask("PUT", plans.path, {**request, "plan": basis})
    assert again.status_code == 409
    assert "another operation was accepted on the stack" in again.json()["error"]["message"]


def test_a_create_is_held_to_its_plan(stand: Stand) -> None:
    request = {"stack_name": "held-create", **body({"a": thing("x")})}
    basis = stand.ask("POST", "/stacks/plan", request).json()["plan"]["basis"]
    other = {"stack_name": "held-create", **body({"a": thing("y")})}
    refused = stand.ask("POST", "/stacks", {**other, "plan": basis})
    assert (refused.status_code, refused.json()["error"]["type"]) == (409, "PlanOutdated")
    assert stand.ask("GET", "/stacks/held-create").status_code == 404
    assert stand.ask("POST", "/stacks", {**request, "plan": basis}).status_code == 201


def test_another_request_is_not_the_plan(plans: Plans) -> None:
    plans.create(body({"a": thing("x")}))
    basis = plans.plan(body({"a": thing("y")}))["basis"]
    before = plans.history()
    for request in (
        body({"a": thing("z")}),
        body({"a": thing("y")}, tags="t"),
        body({"a": thing("y")}, timeout_mins=3),
    ):
        answer = plans.stand.ask("PUT", plans.path, {**request, "plan": basis})
        assert answer.status_code == 409
        assert "something else is asked for" in answer.json()["error"]["message"]
    nonsense = plans.stand.ask("PUT", plans.path, {**body({"a": thing("y")}), "plan": "nonsense"})
    assert nonsense.status_code == 409
    assert plans.stand.ask("PUT", plans.path, {**body({"a": thing("y")}), "plan": 3}).status_code == 400
    assert plans.history() == before


def test_a_resource_that_was_marked_ends_the_plan_also_inside(plans: Plans) -> None:
    plans.create(body({"a": thing("x"), "c": {"type": "my.yaml", "properties": {"v": "x"}}}))
    request = body({"a": thing("y"), "c": {"type": "my.yaml", "properties": {"v": "x"}}})
    basis = plans.plan(request)["basis"]
    found = plans.stand.ask("GET", f"{plans.path}/resources?nested_depth=1&name=u").json()["resources"][0]
    nested = next(link["href"] for link in found["links"] if link["rel"] == "self")
    marked = plans.stand.ask("PATCH", nested, {"mark_unhealthy": True, "resource_status_reason": "rust"})
    assert marked.status_code == 200, marked.text
    answer = plans.stand.ask("PUT", plans.path, {**request, "plan": basis})
    assert answer.status_code == 409
    assert "resources of the stack have changed" in answer.json()["error"]["message"]


@pytest.mark.parametrize("action", ["check", "delete"])
def test_actions_and_deletions_are_held_too(plans: Plans, action: str) -> None:
    plans.create(body({"a": thing("x")}))
    outdated = plans.plan({"action": action})["basis"]
    plans.stand.ask("PATCH", f"{plans.path}/resources/a", {"mark_unhealthy": True})

    def ask(basis: str) -> int:
        if action == "delete":
            return plans.stand.ask("DELETE", f"{plans.path}?plan={basis}").status_code
        return plans.stand.ask("POST", f"{plans.path}/actions", {action: {"plan": basis}}).status_code

    assert ask(outdated) == 409
    assert ask(plans.plan({"action": action})["basis"]) in (200, 204)
    assert plans.settled() == f"{action.upper()}_COMPLETE"


def test_nothing_is_held_while_the_stack_is_at_work(plans: Plans) -> None:
    plans.create(body({"a": thing("x")}))
    request = body({"a": thing("y")})
    basis = plans.plan(request)["basis"]
    busy = body({"a": thing("z", wait_secs=2)})
    assert plans.stand.ask("PUT", plans.path, busy).status_code == 202
    assert plans.plan(request)["basis"] is None
    answer = plans.stand.ask("PUT", plans.path, {**request, "plan": basis})
    assert answer.status_code == 409
    assert "in the middle of an action" in answer.json()["error"]["message"]
    assert plans.settled() == "UPDATE_COMPLETE"
