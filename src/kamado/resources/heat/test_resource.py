"""OS::Heat::TestResource: does what tests want: waits, fails, asks to be replaced.

The trap: its waits are deadlines in the token, so they go on after a crash instead of starting again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kamado.model.records import ResourceRecord
from kamado.plugin.context import Ports, StackInfo
from kamado.plugin.declare import BOOLEAN, MAP, NUMBER, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.errors import PermanentError
from kamado.plugin.resource import Resource

_SERVICES = {
    "nova": "compute",
    "neutron": "network",
    "cinder": "volumev3",
    "glance": "image",
    "keystone": "identity",
    "heat": "orchestration",
    "swift": "object-store",
    "zaqar": "messaging",
    "barbican": "key-manager",
}
"""What Heat's clients are called → the type of the service in the catalog."""


@resource_type("OS::Heat::TestResource", since="5.0.0")
class TestResource(Resource):
    """A resource without a cloud behind it, for testing stacks and engines."""

    __test__ = False  # keeps pytest from taking it for a test
    local = True
    properties = Properties(
        Prop("value", STRING, "What the attribute output gives.", default="test_string", update=True),
        Prop("fail", BOOLEAN, "Whether it fails.", default=False, update=True),
        Prop("update_replace", BOOLEAN, "Whether a new value asks for a replacement.", default=False, update=True),
        Prop("wait_secs", NUMBER, "Seconds that each action takes.", default=0, update=True),
        Prop("action_wait_secs", MAP, "Seconds for single actions; they win over wait_secs.", update=True, fields=(
            Prop("create", NUMBER, "Seconds that the creation takes.", update=True),
            Prop("update", NUMBER, "Seconds that an update takes.", update=True),
            Prop("delete", NUMBER, "Seconds that the deletion takes.", update=True),
        )),
        Prop("attr_wait_secs", NUMBER, "Seconds that reading an attribute takes.", default=0, update=True, since="6.0.0"),
        Prop("client_name", STRING, "Service that is asked for an entity at each look (nova, neutron …), whatever it says.",
             default="", update=True),
        Prop("entity_name", STRING, "Collection of that service, such as servers.", default="", update=True),
        Prop("constraint_prop_secs", NUMBER, "Seconds that checking this property takes.", default=0, update=True,
             check="test_constr", since="6.0.0"),
        Prop("update_replace_value", STRING, "A value that only a replacement can change.", since="7.0.0"),
    )  # fmt: skip
    attributes = (Attr("output", None, "The value last set.", live=True),)

    def __init__(
        self,
        name: str,
        type_name: str,
        stack: StackInfo,
        ports: Ports,
        record: ResourceRecord,
        properties: Mapping[str, Any],
        metadata: Mapping[str, Any],
    ) -> None:
        super().__init__(name, type_name, stack, ports, record, properties, metadata)
        self.local = not (properties.get("attr_wait_secs") or properties.get("client_name"))

    @classmethod
    def replaces(cls, before: Mapping[str, Any], after: Mapping[str, Any], changed: frozenset[str]) -> bool:  # noqa: ARG003
        """A new value while update_replace is on."""
        return "value" in changed and bool(after.get("update_replace"))

    def handle_create(self) -> dict[str, Any]:
        """Takes the value, unless it is to fail."""
        if not self.properties.get("fail"):
            self._take_value()
            self.set_physical_id(self.physical_name)
        return self._wait("create")

    def check_create_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Waits, then fails if asked to."""
        return self._over(token)

    def handle_update(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Takes the new value, unless it is to fail."""
        if "value" in changes and not self.properties.get("fail"):
            self._take_value()
        return self._wait("update")

    def check_update_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Waits, then fails if asked to."""
        return self._over(token)

    def handle_delete(self) -> dict[str, Any]:
        """Only waits."""
        return self._wait("delete")

    def check_delete_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Waits; a deletion never fails on purpose, else nobody got rid of it."""
        return self._passed(token)

    def handle_check(self) -> None:
        """Nothing to look at."""

    def attribute(self, name: str) -> Any:
        """The value last set."""
        wait = self.properties.get("attr_wait_secs") or 0
        if wait > 0:
            self.ports.clock.sleep(wait)
        return self.data.get("value") if name == "output" else None

    def _take_value(self) -> None:
        self.set_data("value", self.properties.get("value", "test_string"))

    def _wait(self, action: str) -> dict[str, Any]:
        single = (self.properties.get("action_wait_secs") or {}).get(action)
        seconds = float((self.properties.get("wait_secs") or 0) if single is None else single)
        until = self.ports.clock.now() + timedelta(seconds=seconds)
        return {"until": until.isoformat() if seconds > 0 else None}

    def _asks(self) -> None:
        """Asks for the entity, as often as a type would that waits for it; what the service says does not matter."""
        client, entity = self.properties.get("client_name"), self.properties.get("entity_name")
        if client and entity:
            with contextlib.suppress(Exception):
                self.ports.cloud().service(_SERVICES.get(client, client)).get(f"/{entity}/{self.physical_id}")

    def _passed(self, token: Mapping[str, Any] | None) -> bool:
        self._asks()
        until = (token or {}).get("until")
        return until is None or self.ports.clock.now() >= datetime.fromisoformat(until)

    def _over(self, token: Mapping[str, Any] | None) -> bool:
        if not self._passed(token):
            return False
        if self.properties.get("fail"):
            raise PermanentError(f"Test Resource failed {self.name}", "ValueError")
        return True
