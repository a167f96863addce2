"""Out of every state in which a stack has failed or hangs: try again, go back, stop, change, delete. The whole table, over HTTP.

Not mocked: HTTP, orchestrator, store, engine. The type is the tests' own: it fails or hangs in the action that it is told to.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud
from kamado.plugin.declare import STRING, Prop, resource_type
from kamado.plugin.errors import PermanentError
from kamado.plugin.resource import Resource

MOOD: dict[str, str] = {}
"""Action → "fail" or "hang"."""

ACTIONS = ("create", "update", "rollback", "suspend", "resume", "check", "snapshot", "restore", "adopt", "delete")
CHANGING = {"create", "update", "rollback", "restore", "adopt"}


def _begin(word: str) -> dict[str, str]:
    if MOOD.get(word) == "fail":
        raise PermanentError("not in the mood", "Moody")
    return {"word": word}


@resource_type("Test::Moody")
class Moody(Resource):
    """Does what its mood says."""

    local = True
    properties = (Prop("note", STRING, "Anything.", update=True),)

    def handle_create(self) -> Any:
        token = _begin("create")
        self.set_physical_id(self.physical_name)
        return token

    def handle_adopt(self, data: Mapping[str, Any]) -> Any:
        token = _begin("adopt")
        super().handle_adopt(data)
        return token

    def handle_update(self, changes: Mapping[str, Any]) -> Any:
        return _begin("update")

    def handle_suspend(self) -> Any:
        return _begin("suspend")

    def handle_resume(self) -> Any:
        return _begin("resume")

    def handle_check(self) -> Any:
        return _begin("check")

    def handle_snapshot(self) -> Any:
        return _begin("snapshot")

    def handle_delete(self) -> Any:
        return _begin("delete")

    def _over(self, token: Mapping[str, str]) -> bool:
        return MOOD.get(token["word"]) != "hang"

    check_create_complete = check_adopt_complete = check_update_complete = check_suspend_complete = _over
    check_resume_complete = check_check_complete = check_snapshot_complete = check_delete_complete = _over

    def needs_replace_failed(self) -> bool:
        return self.physical_id is None


def template(note: str) -> dict[str, Any]:
    return {
        "heat_template_version": "2018-08-31",
        "resources": {"r": {"type": "Test::Moody", "properties": {"note": note}}},
    }


class Case:
    """One stack on the way to a state."""

    def __init__(self, stand: Stand, name: str) -> None:
        self.stand = stand
        self.name = name
        self.path = ""

    def ask(self, verb: str, path: str, body: Any = None) -> Any:
        return self.stand.ask(verb, f"{self.path}{path}", body)

    def act(self, name: str) -> Any:
        return self.ask("POST", "/actions", {name: None})

    def create(self, **more: Any) -> None:
        body = {"stack_name": self.name, "template": template("a"), "disable_rollback": True, **more}
        answer = self.stand.ask("POST", "/stacks", body)
        assert answer.status_code == 201, answer.text
        self.path = f"/stacks/{self.name}/{answer.json()['stack']['id']}"

    def update(self, note: str) -> Any:
        return self.ask("PUT", "", {"template": template(note), "disable_rollback": True})

    def status(self) -> str:
        return str(self.stand.ask("GET", self.path).json()["stack"]["stack_status"])

    def becomes(self, wanted: str) -> None:
        deadline = time.monotonic() + 20
        while (found := self.status()) != wanted:
            assert time.monotonic() < deadline, (found, wanted, self.stand.ask("GET", self.path).json())
            time.sleep(0.02)

    def into(self, action: str, mood: str) -> None:
        """Brings the stack into ``action`` with that mood."""
        MOOD.clear()
        at_last = f"{action.upper()}_{'FAILED' if mood == 'fail' else 'IN_PROGRESS'}"
        if action == "create":
            MOOD["create"] = mood
            self.create()
        elif action == "adopt":
            MOOD["adopt"] = mood
            known = {"r": {"resource_id": "x", "name": "r", "type": "Test::Moody", "metadata": {}, "resource_data": {}}}
            self.create(adopt_stack_data={"template": template("a"), "environment": {}, "resources": known})
        else:
            self.create()
            self.becomes("CREATE_COMPLETE")
            getattr(self, f"_{action}", lambda mood: self._plain(action, mood))(mood)
        self.becomes(at_last)
        if mood == "hang":
            self._begun()

    def _begun(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            found = [row["resource_status"] for row in self.ask("GET", "/resources").json()["resources"]]
            if any(status.endswith("IN_PROGRESS") for status in found):
                return
            assert time.monotonic() < deadline, found
            time.sleep(0.02)

    def _plain(self, action: str, mood: str) -> None:
        MOOD[action] = mood
        assert self.act(action).status_code == 200

    def _update(self, mood: str) -> None:
        MOOD["update"] = mood
        assert self.update("b").status_code == 202

    def _rollback(self, mood: str) -> None:
        MOOD["update"] = "fail"
        self.update("b")
        self.becomes("UPDATE_FAILED")
        MOOD["update"] = mood
        assert self.act("rollback").status_code == 200

    def _resume(self, mood: str) -> None:
        self.act("suspend")
        self.becomes("SUSPEND_COMPLETE")
        self._plain("resume", mood)

    def _snapshot(self, mood: str) -> None:
        MOOD["snapshot"] = mood
        assert self.ask("POST", "/snapshots", {}).status_code == 200

    def _restore(self, mood: str) -> None:
        snapshot = self.ask("POST", "/snapshots", {}).json()["id"]
        self.becomes("SNAPSHOT_COMPLETE")
        self.update("b")
        self.becomes("UPDATE_COMPLETE")
        MOOD["update"] = mood
        assert self.ask("POST", f"/snapshots/{snapshot}/restore").status_code == 202

    def _delete(self, mood: str) -> None:
        MOOD["delete"] = mood
        assert self.ask("DELETE", "").status_code == 204


@pytest.fixture(scope="module")
def moody(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    made = Stand(tmp_path_factory.mktemp("moody"), cloud, types=(Moody,))
    yield made
    MOOD.clear()
    made.close()


@pytest.fixture
def case(moody: Stand, request: pytest.FixtureRequest) -> Iterator[Case]:
    made = Case(moody, "moody-" + "".join(c if c.isalnum() else "-" for c in request.node.name))
    yield made
    MOOD.clear()
    if made.status() != "DELETE_COMPLETE":
        made.ask("DELETE", "")
        made.becomes("DELETE_COMPLETE")


@pytest.mark.parametrize("mood", ["fail", "hang"])
@pytest.mark.parametrize("action", ACTIONS)
def test_try_again(case: Case, action: str, mood: str) -> None:
    """What hangs is stopped first; then it is tried again, and it ends well."""
    case.into(action, mood)
    if mood == "hang":
        assert case.act("retry").status_code == 400
        assert case.act("cancel_without_rollback").status_code == 200
        case.becomes(f"{action.upper()}_FAILED")
    else:
        assert case.act("cancel_without_rollback").status_code == 400
    MOOD.clear()
    assert case.act("retry").status_code == 200
    case.becomes(f"{action.upper()}_COMPLETE")
    assert case.act("retry").status_code in (400, 404)
    if action == "snapshot":
        found = case.ask("GET", "/snapshots").json()["snapshots"]
        assert [one["status"] for one in found] == ["COMPLETE"]


@pytest.mark.parametrize("mood", ["fail", "hang"])
@pytest.mark.parametrize("action", ACTIONS)
def test_go_back(case: Case, action: str, mood: str) -> None:
    """To what was before, where there is such a thing; else it is refused, and nothing changes."""
    case.into(action, mood)
    before = case.status()
    if mood == "fail":
        MOOD.clear()  # what hangs would end now, and there would be nothing to go back from
    answer = case.act("rollback")
    if action not in CHANGING:
        assert (answer.status_code, case.status()) == (400, before)
        assert answer.json()["error"]["message"] == f"Rolling back a stack when it is {before} is not supported."
        return
    assert answer.status_code == 200
    MOOD.clear()
    case.becomes("ROLLBACK_COMPLETE")
    assert case.act("rollback").status_code == 400
    rows = case.ask("GET", "/resources").json()["resources"]
    assert [row["resource_name"] for row in rows] == ([] if action in ("create", "adopt") else ["r"])
    if rows:
        shown = case.ask("GET", "/template").json()["resources"]["r"]["properties"]
        assert shown == {"note": "b" if action == "restore" else "a"}


@pytest.mark.parametrize("mood", ["fail", "hang"])
@pytest.mark.parametrize("action", ACTIONS)
def test_change_it(case: Case, action: str, mood: str) -> None:
    """An update is taken except where Heat refuses one: of what is suspended, or goes."""
    case.into(action, mood)
    if mood == "fail" or action != "delete":
        MOOD.clear()  # a deletion that hangs would end now, and there would be no stack to ask
    answer = case.update("c")
    if action in ("suspend", "delete"):
        assert answer.status_code == 400
        return
    assert answer.status_code == 202, answer.text
    case.becomes("UPDATE_COMPLETE")


@pytest.mark.parametrize("mood", ["fail", "hang"])
@pytest.mark.parametrize("action", ACTIONS)
def test_delete_it(case: Case, action: str, mood: str) -> None:
    """By force where the deletion itself hangs; the name is free again."""
    case.into(action, mood)
    if mood == "fail":
        MOOD.clear()
    assert case.ask("DELETE", "").status_code == 204
    MOOD.clear()  # what hangs is asked while it does: a deletion that has ended leaves no stack to ask
    case.becomes("DELETE_COMPLETE")
    case.create()
    case.becomes("CREATE_COMPLETE")


@pytest.mark.parametrize("mood", ["fail", "hang"])
def test_wake_what_was_put_to_sleep_in_part(case: Case, mood: str) -> None:
    case.into("suspend", mood)
    if mood == "hang":
        case.act("cancel_without_rollback")
        case.becomes("SUSPEND_FAILED")
    MOOD.clear()
    assert case.act("resume").status_code == 200
    case.becomes("RESUME_COMPLETE")


def test_what_never_slept_is_not_woken(case: Case) -> None:
    case.create()
    case.becomes("CREATE_COMPLETE")
    case.act("resume")
    case.becomes("RESUME_FAILED")


def test_what_sleeps_is_woken_though_it_was_looked_at_meanwhile(case: Case) -> None:
    """In Heat nothing but a deletion leads out of that."""
    case.create()
    case.becomes("CREATE_COMPLETE")
    case.act("suspend")
    case.becomes("SUSPEND_COMPLETE")
    case.act("check")
    case.becomes("CHECK_COMPLETE")
    case.act("resume")
    case.becomes("RESUME_COMPLETE")
    assert case.ask("GET", "/resources/r").json()["resource"]["resource_status"] == "RESUME_COMPLETE"
