"""Which request is taken in which state of a stack: every action with every state, each cell with its outcome or refusal.

The rules are those of Heat (`reference/stack_states.json`), with the differences that docs/compatibility.md lists: what is busy
refuses checks, suspends and resumes. No engine works here, so a state stays as it was set; how accepted operations end is the
matter of `test_ways_out`. Not mocked: HTTP, policy, orchestrator, store.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud
from kamado.store import schema
from kamado.store.encoding import encode_time

ACTIONS = ("CREATE", "UPDATE", "ROLLBACK", "SUSPEND", "RESUME", "ADOPT", "SNAPSHOT", "CHECK", "RESTORE", "DELETE")
STATES = tuple(f"{action}_{status}" for action in ACTIONS for status in ("IN_PROGRESS", "COMPLETE", "FAILED"))
TEMPLATE = {"heat_template_version": "2018-08-31", "resources": {"r": {"type": "OS::Heat::TestResource"}}}

REQUESTS: dict[str, tuple[str, str, Any]] = {
    "update": ("PUT", "", {"template": TEMPLATE}),
    "patch": ("PATCH", "", {}),
    "preview": ("PUT", "/preview", {"template": TEMPLATE}),
    "plan": ("POST", "/plan", {"template": TEMPLATE}),
    "plan_check": ("POST", "/plan", {"action": "check"}),
    "plan_delete": ("POST", "/plan", {"action": "delete"}),
    "delete": ("DELETE", "", None),
    "suspend": ("POST", "/actions", {"suspend": None}),
    "resume": ("POST", "/actions", {"resume": None}),
    "check": ("POST", "/actions", {"check": None}),
    "cancel_update": ("POST", "/actions", {"cancel_update": None}),
    "cancel_without_rollback": ("POST", "/actions", {"cancel_without_rollback": None}),
    "retry": ("POST", "/actions", {"retry": None}),
    "rollback": ("POST", "/actions", {"rollback": None}),
    "snapshot": ("POST", "/snapshots", {}),
    "abandon": ("DELETE", "/abandon", None),
}
NOT_SUPPORTED, BUSY, GONE = (400, "NotSupported"), (409, "ActionInProgress"), (404, "EntityNotFound")
Outcome = tuple[int, str]
"""Status, and the state that follows or the error's type."""


def expected(request: str, state: str) -> Outcome:
    """The cell of the table."""
    action, status = state.split("_", 1)
    busy = status == "IN_PROGRESS"
    if request in ("update", "patch", "preview", "plan"):
        if action in ("SUSPEND", "DELETE"):
            return NOT_SUPPORTED
        return (202, "UPDATE_IN_PROGRESS") if request in ("update", "patch") else (200, state)
    if request == "plan_check":
        return NOT_SUPPORTED if action == "DELETE" else (200, state)
    if request == "plan_delete":
        return GONE if state == "DELETE_COMPLETE" else (200, state)
    if request in ("delete", "abandon"):
        if state == "DELETE_COMPLETE":
            return GONE
        return (204 if request == "delete" else 200, "DELETE_IN_PROGRESS")
    if request == "cancel_update":
        return (200, "ROLLBACK_IN_PROGRESS") if state == "UPDATE_IN_PROGRESS" else NOT_SUPPORTED
    if request == "cancel_without_rollback":
        return (200, state) if busy else NOT_SUPPORTED
    if request in ("retry", "rollback") and state == "DELETE_COMPLETE":
        return GONE
    if request == "retry":
        return (200, f"{action}_IN_PROGRESS") if status == "FAILED" else NOT_SUPPORTED
    if request == "rollback":
        changing = action in ("CREATE", "UPDATE", "ROLLBACK", "ADOPT", "RESTORE")
        return (200, "ROLLBACK_IN_PROGRESS") if changing and status != "COMPLETE" else NOT_SUPPORTED
    if state == "DELETE_COMPLETE" or (action == "DELETE" and request != "snapshot"):
        return NOT_SUPPORTED
    if busy:
        return BUSY
    if state == f"{request.upper()}_COMPLETE" and request in ("suspend", "resume"):
        return (200, state)
    return (200, f"{request.upper()}_IN_PROGRESS")


@pytest.fixture(scope="module")
def still(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    stand = Stand(tmp_path_factory.mktemp("still"), cloud, working=False)
    yield stand
    stand.close()


def in_state(stand: Stand, name: str, state: str) -> str:
    """A stack in that state, as the database would have it; its path."""
    made = stand.ask("POST", "/stacks", {"stack_name": name, "template": TEMPLATE})
    assert made.status_code == 201, made.text
    key = made.json()["stack"]["id"]
    action, status = state.split("_", 1)
    values: dict[str, Any] = {"action": action, "status": status}
    if state == "DELETE_COMPLETE":
        values |= {"deleted_at": encode_time(stand.services.clock.now()), "live_name": None}
    ended = {"state": "DONE", "slot": None}

    def work(connection: Any) -> None:
        connection.execute(schema.stack.update().where(schema.stack.c.id == key).values(**values))
        if status != "IN_PROGRESS":
            connection.execute(schema.operation.update().where(schema.operation.c.stack_id == key).values(**ended))

    stand.store.write(work)
    return f"/stacks/{name}/{key}"


def remove(stand: Stand, key: str) -> None:
    """So that the project has room for the next one."""
    stand.store.write(lambda connection: connection.execute(schema.stack.delete().where(schema.stack.c.id == key)))


@pytest.mark.parametrize("state", STATES)
def test_every_request_in_every_state(still: Stand, state: str) -> None:
    wrong: list[Any] = []
    for number, (request, (verb, part, body)) in enumerate(REQUESTS.items()):
        path = in_state(still, f"cell-{state}-{number}".replace("_", "-"), state)
        answer = still.ask(verb, f"{path}{part}", body)
        if answer.status_code < 400:
            found = (answer.status_code, still.ask("GET", path).json()["stack"]["stack_status"])
        else:
            found = (answer.status_code, answer.json()["error"]["type"])
            assert still.ask("GET", path).json()["stack"]["stack_status"] == state, "a refusal changed the state"
        if found != expected(request, state):
            wrong.append((request, found, expected(request, state)))
        if state != "DELETE_COMPLETE":
            remove(still, path[-36:])
    assert wrong == []
