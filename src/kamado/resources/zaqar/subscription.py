"""OS::Zaqar::Subscription: somebody who is told of what is put into a queue."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from kamado.cloud.queues import Queue
from kamado.plugin.declare import INTEGER, MAP, STRING, Prop, Properties, resource_type
from kamado.plugin.thing import CloudResource

_FOREVER = 220367260800


@resource_type("OS::Zaqar::Subscription", since="8.0.0")
class Subscription(CloudResource):
    """A subscriber to a queue; a queue has one subscription of each subscriber, so making it twice is making it once."""

    heat_class = "ZaqarSubscription"
    service_type = "messaging"
    can_find = True
    handled = frozenset({"queue_name", "subscriber", "ttl", "options"})
    properties = Properties(
        Prop("queue_name", STRING, "Name of the queue.", required=True, refers="zaqar.queue"),
        Prop("subscriber", STRING, "URI of who is told: http, https, mailto, trust+http.", required=True, update=True),
        Prop("ttl", INTEGER, "Seconds that it lasts.", default=_FOREVER, update=True, low=60),
        Prop("options", MAP, "Options of the subscriber.", update=True),
    )

    @property
    def _queue(self) -> Queue:
        return Queue(self.cloud, str(self.properties["queue_name"]))

    def _body(self) -> dict[str, Any]:
        values = self.properties
        return {"subscriber": values["subscriber"], "ttl": values["ttl"], "options": dict(values.get("options") or {})}

    def handle_create(self) -> None:
        """Made, or found, by its subscriber."""
        answer = self._queue.call("POST", "/subscriptions", json=self._body())
        self.set_physical_id(str(answer["subscription_id"]))

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:  # noqa: ARG002
        """Asking again gives the one that there is."""
        return None

    def handle_update(self, changes: Mapping[str, Any]) -> None:  # noqa: ARG002
        """All that may be changed."""
        self._queue.call("PATCH", f"/subscriptions/{self.physical_id}", json=self._body())

    def handle_delete(self) -> None:
        """One that is gone is fine."""
        if self.physical_id:
            self._queue.call("DELETE", f"/subscriptions/{self.physical_id}", ok=(404,))

    def handle_check(self) -> None:
        """It must be there."""
        self._show()

    def observe(self) -> Mapping[str, Any]:
        """What is otherwise there."""
        now, wanted = self._show(), self._body()
        return {name: now.get(name) for name, value in wanted.items() if now.get(name) != value}

    def attribute(self, name: str) -> Any:
        """All that the service shows."""
        return self._show() if name == "show" and self.physical_id else None

    def _show(self) -> dict[str, Any]:
        return dict(self._queue.call("GET", f"/subscriptions/{self.physical_id}") or {})
