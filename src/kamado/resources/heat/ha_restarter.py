"""OS::Heat::HARestarter: replaces a resource, and what depends on it, when it is signalled.

Heat keeps only the name: since 2018 it is a resource that does nothing. Here old templates go on working. The trap: its property is
written down by no schema (Heat has none either), so what it is about is what it refers to.
"""

from __future__ import annotations

from typing import Any

from kamado.model.identifiers import new_id
from kamado.plugin.declare import resource_type
from kamado.plugin.errors import NoActionRequired
from kamado.plugin.signals import SignalResponder

INSTANCE = "InstanceId"
_URL = "AlarmUrl"


@resource_type("OS::Heat::HARestarter", since="10.0.0", status="HIDDEN")
class HARestarter(SignalResponder):
    """Restarts what ``InstanceId`` refers to."""

    heat_class = "Restarter"
    any_properties = True
    heeds_any = True
    any_attributes = True

    def handle_create(self) -> None:
        """With something to restart: a user and the address that it may be signalled at. Else only an id."""
        user_id = self._address()
        self.set_physical_id(user_id or self.physical_id or new_id())

    def handle_update(self, changes: Any) -> None:  # noqa: ARG002
        """Given something to restart only now, it gets its address; its id stays. A signal looks at what it refers to by then."""
        self._address()

    def _address(self) -> str | None:
        """Makes the address, and the user who may signal it; gives his id. None as long as there is nothing to restart."""
        if not self.properties.get(INSTANCE):
            return None
        user_id = self.signal_user()
        self.signed_url(expires=False)
        return user_id

    def handle_signal(self, details: Any = None) -> None:
        """Has it replaced, unless the signal comes from an alarm that is over. Raises NoActionRequired."""
        given = details or {}
        if str(given.get("current", given.get("state", "alarm"))).lower() != "alarm" or self.ports.groups is None:
            raise NoActionRequired
        named = self.properties.get(INSTANCE)
        self.ports.groups.replace(self.record.requires, None if named is None else str(named))

    def attribute(self, name: str) -> Any:
        """The address; of anything else nothing is known."""
        return self.data.get("ec2_signed_url") if name == _URL else None
