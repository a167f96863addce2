"""What two people do to one stack: who says what he has seen is refused when it has moved on; and what an operation spent its time on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.wire.stand import Stand

CHAIN: dict[str, Any] = {
    "heat_template_version": "2018-08-31",
    "parameters": {"p": {"type": "string", "default": "one"}},
    "resources": {
        "first": {"type": "OS::Heat::TestResource", "properties": {"value": {"get_param": "p"}}},
        "second": {"type": "OS::Heat::TestResource", "properties": {"value": {"get_attr": ["first", "output"]}}},
    },
}


@pytest.fixture
def path(stand: Stand, request: pytest.FixtureRequest) -> str:
    name = request.node.name.replace("test_", "s_")
    made = stand.ask("POST", "/stacks", {"stack_name": name, "template": CHAIN})
    found = f"/stacks/{name}/{made.json()['stack']['id']}"
    stand.settled(found)
    assert made.headers["ETag"] == stand.ask("GET", found).headers["ETag"]
    return found


def changed(stand: Stand, path: str, value: str, **headers: str) -> Any:
    return stand.ask("PATCH", path, {"parameters": {"p": value}}, **headers)


def test_a_change_of_what_was_seen_is_accepted_and_tags_anew(stand: Stand, path: str) -> None:
    seen = stand.ask("GET", path).headers["ETag"]
    answer = changed(stand, path, "two", If_Match=seen)
    assert answer.status_code == 202
    assert answer.headers["ETag"] != seen
    stand.settled(path)
    assert stand.ask("GET", path).headers["ETag"] == answer.headers["ETag"]


def test_a_change_of_what_has_moved_on_is_refused_and_changes_nothing(stand: Stand, path: str) -> None:
    seen = stand.ask("GET", path).headers["ETag"]
    assert changed(stand, path, "two").status_code == 202
    stand.settled(path)
    for verb, body in (("PATCH", {"parameters": {"p": "three"}}), ("PUT", {"template": CHAIN}), ("DELETE", None)):
        answer = stand.ask(verb, path, body, If_Match=seen)
        assert answer.status_code == 412, answer.text
        assert answer.json()["error"]["type"] == "PreconditionFailed"
    shown = stand.ask("GET", path).json()["stack"]
    assert (shown["parameters"]["p"], shown["stack_status"]) == ("two", "UPDATE_COMPLETE")


def test_any_state_will_do_for_a_star_or_without_the_header(stand: Stand, path: str) -> None:
    assert changed(stand, path, "two", If_Match="*").status_code == 202
    stand.settled(path)
    current = stand.ask("GET", path).headers["ETag"]
    assert changed(stand, path, "three", If_Match=f'"other", {current}').status_code == 202


def test_of_two_at_the_same_time_one_is_refused(stand: Stand, path: str) -> None:
    seen = stand.ask("GET", path).headers["ETag"]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda value: changed(stand, path, str(value), If_Match=seen), range(6)))
    assert sorted(answer.status_code for answer in answers) == [202, 412, 412, 412, 412, 412]


def test_a_timeline_says_what_was_waited_for(stand: Stand, path: str) -> None:
    made = stand.ask("GET", f"{path}/timeline").json()["timeline"]
    assert (made["action"], made["state"]) == ("CREATE", "DONE")
    first, second = made["resources"]
    assert (first["resource_name"], first["resource_status"], first["waited_for"]) == ("first", "CREATE_COMPLETE", None)
    assert (second["resource_name"], second["waited_for"]) == ("second", "first")
    assert made["accepted_at"] <= made["started_at"] <= first["started_at"] <= first["ended_at"]
    assert first["ended_at"] <= second["started_at"] <= second["ended_at"] <= made["finished_at"]
    assert first["seconds"] >= 0
    assert second["waited_seconds"] >= first["seconds"]


def test_each_operation_has_its_own_timeline(stand: Stand, path: str) -> None:
    before = stand.ask("GET", f"{path}/timeline").json()["timeline"]
    changed(stand, path, "two")
    stand.settled(path)
    after = stand.ask("GET", f"{path}/timeline").json()["timeline"]
    assert (after["action"], [one["resource_status"] for one in after["resources"]]) == (
        "UPDATE",
        ["UPDATE_COMPLETE"] * 2,
    )
    again = stand.ask("GET", f"{path}/timeline?operation={before['operation_id']}").json()["timeline"]
    assert again == before
    assert stand.ask("GET", f"{path}/timeline?operation=none").status_code == 404
