"""What one place, a real Heat or Kamado, says to a row of the tables in `tests/template/cases`, as plain data.

A value is asked for by a preview: it is the property of a resource that nobody makes. Many go into one template; when that is refused,
it is asked again in halves, so that a refusal is always the answer to one row alone; what is known to be refused (`alone`) is asked
by itself at once. Then the same values are outputs of a stack that
is really made. An answer is `{"value": …}`, `{"refused": sentence, "type": …, "status": …}` or, of an output, `{"error": …}`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from tests.real.comparison import PLACE, SECONDS, Account
from tests.template.tables import FILES, PROJECT, around, orderly

Answer = dict[str, Any]
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NAME = re.compile(r"oracle-[0-9a-f]{6}")
_SHORT = re.compile(r"(name-\w+-)[a-z0-9]{12}")
_AT_ONCE = 60
_AT_A_TIME = 3


def previewed(account: Account, template: Any, **request: Any) -> Answer:
    """The preview of a stack of ``template``: its body as the value, or the refusal."""
    answer = account.call("POST", "/stacks/preview", {"stack_name": "name", "template": template, **request})
    return _read(account, answer, "stack")


def validated(account: Account, template: Any, **request: Any) -> Answer:
    """What POST /validate says to ``template``."""
    return _read(account, account.call("POST", "/validate", {"template": template, **request}), None)


def properties(
    account: Account, version: str, values: Mapping[str, Any], alone: Collection[str] = ()
) -> dict[str, Answer]:
    """What each of ``values`` is as a property of a resource, as long as no resource exists."""

    def ask(named: Mapping[str, Any]) -> Answer:
        found = previewed(account, around(version, named), files=FILES)
        if "refused" in found:
            return found
        return {"value": {one["resource_name"]: one["properties"]["value"] for one in found["value"]["resources"]}}

    return _asked(values, alone, ask)


def conditions(
    account: Account, version: str, values: Mapping[str, Any], alone: Collection[str] = ()
) -> dict[str, Answer]:
    """Whether each of ``values`` may stand where a condition is defined."""

    def ask(named: Mapping[str, Any]) -> Answer:
        found = previewed(account, around(version, {}, conditions=dict(named)), files=FILES)
        return found if "refused" in found else {"value": dict.fromkeys(named, True)}

    return _asked(values, alone, ask)


def outputs(
    account: Account, version: str, values: Mapping[str, Any], stack: str, alone: Collection[str] = ()
) -> dict[str, Answer]:
    """What each of ``values`` is as an output of a finished stack, which is made for that under the name ``stack``."""

    def ask(named: Mapping[str, Any]) -> Answer:
        found = previewed(account, around(version, named, as_outputs=True), files=FILES)
        return found if "refused" in found else {"value": dict(named)}

    found = _asked(values, alone, ask)
    accepted = {name: answer["value"] for name, answer in found.items() if "value" in answer}
    return {**found, **_of_a_stack(account, stack, around(version, accepted, as_outputs=True))}


def _asked(
    values: Mapping[str, Any], alone: Collection[str], ask: Callable[[Mapping[str, Any]], Answer]
) -> dict[str, Answer]:
    """Answers by name; those in ``alone`` are asked for one by one, some at the same time."""
    single = [{name: values[name]} for name in values if name in alone]
    together = {name: value for name, value in values.items() if name not in alone}
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        parts = list(threads.map(lambda part: _in_halves(part, "t", ask), [*single, *([together] if together else [])]))
    return {name: answer for part in parts for name, answer in part.items()}


def _in_halves(values: Mapping[str, Any], alone: str, ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Answer]:
    """Answers by name: all at once if none is refused. A value that is asked about alone bears the name ``alone``."""
    names = list(values)
    if len(names) == 1:
        answer = ask({alone: values[names[0]]})
        return {names[0]: answer if "refused" in answer else {"value": answer["value"][alone]}}
    if len(names) <= _AT_ONCE:
        answer = ask(values)
        if "value" in answer:
            return {name: {"value": answer["value"][name]} for name in names}
    middle = len(names) // 2
    halves = [{name: values[name] for name in part} for part in (names[:middle], names[middle:]) if part]
    return {name: answer for half in halves for name, answer in _in_halves(half, alone, ask).items()}


def _of_a_stack(account: Account, name: str, template: Mapping[str, Any]) -> dict[str, Answer]:
    delete(account, name)
    request = {"stack_name": name, "template": template, "files": FILES, "disable_rollback": True}
    made = account.call("POST", "/stacks", request)
    assert made.status_code == 201, made.text
    try:
        stack = _settled(account, name)
        assert stack is not None, f"{name} disappeared"
        assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
        return {one["output_key"]: _output(account, one) for one in stack.get("outputs", ())}
    finally:
        delete(account, name)


def _output(account: Account, shown: Mapping[str, Any]) -> Answer:
    if shown.get("output_error"):
        return {"error": _common(account, PLACE.sub("", shown["output_error"]))}
    return {"value": _common(account, shown["output_value"])}


def delete(account: Account, name: str) -> None:
    """Delete the stack ``name`` if it is there, and wait until it is gone."""
    if account.get(f"/stacks/{name}") is not None:
        found = account.get(f"/stacks/{name}")["stack"]["id"]
        account.call("DELETE", f"/stacks/{name}/{found}")
        _settled(account, f"{name}/{found}")


def _settled(account: Account, path: str) -> Mapping[str, Any] | None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = account.get(f"/stacks/{path}")
        if found is None or found["stack"]["stack_status"] == "DELETE_COMPLETE":
            return None
        stack: Mapping[str, Any] = found["stack"]
        if not stack["stack_status"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(0.3)
    raise AssertionError(f"{path} did not end")


def _read(account: Account, answer: requests.Response, envelope: str | None) -> Answer:
    try:
        body = answer.json()
    except ValueError:
        return {"refused": answer.text, "type": None, "status": answer.status_code}
    if answer.status_code == 200:
        return {"value": _common(account, body[envelope] if envelope else body)}
    error = body["error"]
    sentence = orderly(_common(account, PLACE.sub("", str(error.get("message")))))
    return {"refused": sentence, "type": error["type"], "status": answer.status_code}


def _common(account: Account, value: Any) -> Any:
    """``value`` with the tables' words for what is another at each place and each time."""
    text = json.dumps(value).replace(str(account.session.get_project_id()), PROJECT)
    return json.loads(_SHORT.sub(r"\1<short>", _NAME.sub("name", _ID.sub("<id>", text))))
