"""What is told over the bus while a fixed row of requests is made: the same at a real Heat and here, as plain data.

`python -m tests.messaging.noticed AUTH_URL STACKS_URL BROKER`, as demo, writes `data/notices_of_heat.json` from what a Heat tells whose
`[oslo_messaging_notifications]` names the driver messagingv2; `test_notifications.py` holds Kamado to that. Times, ids and drawn names are
masked; each stack's notices are in their order, those of several stacks are not compared.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from oslo_config import cfg
from tests.real.comparison import Account

from kamado.messaging.transport import library

RECORDED = Path(__file__).parent / "data" / "notices_of_heat.json"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DRAWN = re.compile(r"(?<=-)[a-z0-9]{12}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_QUIET = 5.0
"""Seconds without a notice after which no more is waited for."""

Story = Callable[["Player"], None]
Notices = dict[str, list[dict[str, Any]]]


class Listener:
    """Hears the notifications on a broker about stacks whose names begin with ``prefix``."""

    def __init__(self, broker: str, prefix: str) -> None:
        self._prefix = prefix
        self._lock = threading.Lock()
        self._heard: list[dict[str, Any]] = []
        self._last = time.monotonic()
        messaging = library()
        transport = messaging.get_notification_transport(cfg.ConfigOpts(), url=broker)
        targets = [messaging.Target(topic="notifications")]
        self._server = messaging.get_notification_listener(transport, targets, [self], executor="threading")
        self._server.start()

    def info(self, _context: Any, publisher: str, kind: str, payload: Mapping[str, Any], _metadata: Any) -> None:
        """Called by oslo.messaging for a notice of this level."""
        self._keep("info", publisher, kind, payload)

    def error(self, _context: Any, publisher: str, kind: str, payload: Mapping[str, Any], _metadata: Any) -> None:
        """The same."""
        self._keep("error", publisher, kind, payload)

    def close(self) -> list[dict[str, Any]]:
        """What was heard, in order, once it has been quiet for a while."""
        while time.monotonic() - self._last < _QUIET:
            time.sleep(0.1)
        self._server.stop()
        self._server.wait()
        return self._heard

    def _keep(self, level: str, publisher: str, kind: str, payload: Mapping[str, Any]) -> None:
        if not str(payload.get("stack_name", "")).startswith(self._prefix):
            return
        with self._lock:
            self._last = time.monotonic()
            told = {"publisher": publisher.partition(".")[0], "level": level, "event_type": kind}
            self._heard.append({**told, "payload": dict(payload)})


def recorded(account: Account, broker: str, name: str, stories: Collection[Story]) -> Notices:
    """Plays the stories; what was told of each stack, masked."""
    listener = Listener(broker, name)
    try:
        for story in stories:
            story(Player(account, f"{name}-{story.__name__}"))
    finally:
        heard = listener.close()
    found: Notices = {}
    for notice in heard:
        stack = _masked(account, name, notice["payload"]["stack_name"])
        found.setdefault(stack, []).append(_masked(account, name, notice))
    return dict(sorted(found.items()))


class Player:
    """One stack and what is asked of it."""

    def __init__(self, account: Account, name: str) -> None:
        self._account, self.name = account, name

    def ask(self, method: str, path: str, body: Any = None, seconds: float = 120) -> dict[str, Any]:
        """A request about the stack, and what the stack is once it is at rest."""
        answer = self._account.call(method, path.replace("STACK", self._path()), body)
        assert answer.status_code < 300, answer.text
        return self.rest(seconds)

    def data(self, method: str, path: str) -> Any:
        """The body of an answer."""
        return self._account.call(method, path.replace("STACK", self._path())).json()

    def gone(self, seconds: float = 60) -> None:
        """Waits until nothing has the name any more."""
        end = time.monotonic() + seconds
        while self._path():
            assert time.monotonic() < end, f"{self.name} stays"
            time.sleep(0.3)

    def create(self, resources: Mapping[str, Any], **more: Any) -> None:
        """Makes it."""
        body = {"stack_name": self.name, "template": _template(resources), "disable_rollback": True, **more}
        self.ask("POST", "/stacks", body)

    def update(self, resources: Mapping[str, Any], **more: Any) -> None:
        """Changes it."""
        self.ask("PUT", "STACK", {"template": _template(resources), "disable_rollback": True, **more})

    def act(self, action: str, given: Any = None) -> None:
        """One of the actions."""
        self.ask("POST", "STACK/actions", {action: given})

    def rest(self, seconds: float = 120) -> dict[str, Any]:
        """The stack once nothing is in progress; empty when it is gone."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self._account.get(f"/stacks/{self.name}")
            if found is None:
                return {}
            stack: dict[str, Any] = found["stack"]
            if not stack["stack_status"].endswith("_IN_PROGRESS"):
                return stack
            time.sleep(0.3)
        raise AssertionError(f"{self.name} does not come to rest")

    def size(self, group: str, members: int) -> None:
        """Waits until a group has so many members and is at rest."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            rows = self._account.get(f"{self._path()}/resources?nested_depth=2")["resources"]
            inside = [row for row in rows if row.get("parent_resource") == group]
            (child,) = (row["physical_resource_id"] for row in rows if row["resource_name"] == group)
            (stack,) = self._account.get(f"/stacks?show_nested=true&id={child}")["stacks"]
            if len(inside) == members and stack["stack_status"].endswith("_COMPLETE"):
                return
            time.sleep(0.3)
        raise AssertionError(f"{group} never has {members} members")

    def _path(self) -> str:
        found = self._account.get(f"/stacks/{self.name}")
        return f"/stacks/{self.name}/{found['stack']['id']}" if found else ""


def life(player: Player) -> None:
    """Every action that ends well."""
    player.create({"a": _test("one")}, tags="red,blue")
    player.update({"a": _test("two")}, tags="red")
    player.ask("PATCH", "STACK", {"parameters": {}})
    for action in ("check", "suspend", "resume"):
        player.act(action)
    player.ask("POST", "STACK/snapshots", {"name": "s"})
    snapshot = player._account.get(f"{player._path()}/snapshots")["snapshots"][0]["id"]
    player.ask("POST", f"STACK/snapshots/{snapshot}/restore")
    player.ask("DELETE", "STACK")


def fails(player: Player) -> None:
    """A creation and an update that fail, the latter with and without going back."""
    player.create({"a": _test("one", fail=True)})
    player.update({"a": _test("one")})
    player.update({"a": _test("two", fail=True)})
    player.update({"a": _test("three")})
    player.update({"a": _test("four", fail=True)}, disable_rollback=False)
    player.ask("DELETE", "STACK")


def back(player: Player) -> None:
    """A creation that is taken back."""
    player.create({"a": _test("one", fail=True)}, disable_rollback=False)
    if player.rest():
        player.ask("DELETE", "STACK")


def handed(player: Player) -> None:
    """A stack that is let go of, and taken over."""
    player.create({"a": _test("one")}, tags="red")
    data = player.data("DELETE", "STACK/abandon")
    player.gone()
    body = {"stack_name": player.name, "adopt_stack_data": json.dumps(data), "template": _template({"a": _test("one")})}
    player.ask("POST", "/stacks", {**body, "timeout_mins": 5})
    player.ask("DELETE", "STACK")


def scales(player: Player) -> None:
    """A group that grows by a signal, shrinks by another, is at its limit, and cannot grow."""
    group = {"min_size": 1, "max_size": 3, "desired_capacity": 1, "resource": _test("m")}
    player.create(
        {
            "g": {"type": "OS::Heat::AutoScalingGroup", "properties": group},
            "up": _policy("change_in_capacity", 2),
            "exact": _policy("exact_capacity", 1),
            "less": _policy("percent_change_in_capacity", -50, min_adjustment_step=1),
        }
    )
    for policy, members in (("up", 3), ("up", 3), ("less", 2), ("exact", 1)):
        player.ask("POST", f"STACK/resources/{policy}/signal")
        player.size("g", members)
        time.sleep(_QUIET)  # Heat is busy with a signal for a while after its work shows
    player.ask("DELETE", "STACK")


STORIES = (life, fails, back, handed, scales)


def _test(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "OS::Heat::TestResource", "properties": {"value": value, **more}}


def _policy(kind: str, by: int, **more: Any) -> dict[str, Any]:
    given = {"auto_scaling_group_id": {"get_resource": "g"}, "adjustment_type": kind, "scaling_adjustment": by}
    return {"type": "OS::Heat::ScalingPolicy", "properties": {**given, **more}}


def _template(resources: Mapping[str, Any]) -> dict[str, Any]:
    return {"heat_template_version": "2018-08-31", "description": "Of the tests", "resources": dict(resources)}


def _masked(account: Account, name: str, value: Any) -> Any:
    text = json.dumps(value).replace(name, "NAME").replace(str(account.session.get_project_id()), "<project>")
    text = text.replace(str(account.session.get_user_id()), "<user>")
    return json.loads(_DRAWN.sub("<drawn>", _TIME.sub("<time>", _UUID.sub("<id>", text))))


def main(auth_url: str, stacks: str, broker: str, *names: str) -> None:
    """Records what a Heat tells; ``names``: in these stories only, the others stay as they are recorded."""
    account = Account.make(auth_url, "demo", "demo", "demo", stacks)
    before = json.loads(RECORDED.read_text()) if names else {}
    stories = [story for story in STORIES if not names or story.__name__ in names]
    found = before | recorded(account, broker, f"told{int(time.time()) % 10000}", stories)
    RECORDED.parent.mkdir(exist_ok=True)
    RECORDED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
