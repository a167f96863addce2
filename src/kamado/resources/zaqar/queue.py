"""OS::Zaqar::Queue and SignedQueueURL: a queue, and a right to it that can be handed on.

A queue is known by its name and need not be there for anything, so making it twice is making it once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import urlencode

from kamado.cloud.queues import Queue as QueueOfCloud
from kamado.plugin.declare import INTEGER, LIST, MAP, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.thing import CloudResource

_PATCH = "application/openstack-messaging-v2.0-json-patch"


@resource_type("OS::Zaqar::Queue", since="2014.2")
class Queue(CloudResource):
    """A queue for messages."""

    heat_class = "ZaqarQueue"
    service_type = "messaging"
    physical_name_limit = 64
    handled = frozenset({"name", "metadata"})
    properties = Properties(
        Prop("name", STRING, "Name of the queue.", length=(None, 64)),
        Prop("metadata", MAP, "Keys and values kept with it.", update=True),
    )
    attributes = (
        Attr("queue_id", None, "ID of the queue.", since="6.0.0", status="HIDDEN", live=True),
        Attr("href", None, "Its address."),
    )

    @property
    def _queue(self) -> QueueOfCloud:
        return QueueOfCloud(self.cloud, str(self.physical_id))

    def handle_create(self) -> None:
        """Its name is its id. Without metadata there is nothing to say: it is there when it is used."""
        name = str(self.properties.get("name") or self.physical_name)
        self.set_physical_id(name)

    def check_create_complete(self, token: Any) -> bool:  # noqa: ARG002
        """Made with its metadata."""
        metadata = self.properties.get("metadata")
        self._queue.call("PUT", "", json=dict(metadata or {}))
        return True

    def handle_update(self, changes: Mapping[str, Any]) -> None:
        """Its metadata becomes what is wanted, its reserved part stays."""
        if "metadata" not in changes:
            return
        wanted = changes["metadata"] or {}
        now = self._queue.call("GET", "") or {}
        gone = [{"op": "remove", "path": f"/metadata/{name}"} for name in now if name not in wanted and name[0] != "_"]
        new = [{"op": "add", "path": f"/metadata/{name}", "value": value} for name, value in wanted.items()]
        if gone or new:
            headers = {"Content-Type": _PATCH}
            self._queue.call("PATCH", "", data=json.dumps([*gone, *new]).encode(), headers=headers)

    def handle_delete(self) -> None:
        """With all that is in it."""
        if self.physical_id:
            self._queue.remove()

    def observe(self) -> Mapping[str, Any]:
        """Its metadata, where that is not as is wanted."""
        now = {name: value for name, value in (self._queue.call("GET", "") or {}).items() if name[0] != "_"}
        wanted = self.properties.get("metadata")
        return {} if wanted is None or now == wanted else {"metadata": now}

    def attribute(self, name: str) -> Any:
        """Its id, its address, its metadata."""
        if self.physical_id is None:
            return None
        if name == "href":
            return f"{self.service.base.rstrip('/')}/v2/queues/{self.physical_id}"
        return {"metadata": self._queue.call("GET", "") or {}} if name == "show" else self.physical_id


@resource_type("OS::Zaqar::SignedQueueURL", since="8.0.0")
class SignedQueueURL(CloudResource):
    """A signature with which some things can be done to a queue without a token."""

    heat_class = "ZaqarSignedQueueURL"
    service_type = "messaging"
    secret = True
    properties = Properties(
        Prop("queue", STRING, "Name of the queue.", required=True),
        Prop("paths", LIST, "What below the queue may be used: messages, subscriptions, claims."),
        Prop("ttl", INTEGER, "Seconds that it is good for; as the service wants when left out."),
        Prop(
            "methods",
            LIST,
            "Methods that may be used.",
            items=Prop("", STRING, allowed=("GET", "DELETE", "PATCH", "POST", "PUT")),
        ),
    )
    attributes = (
        Attr("signature", None, "The signature."),
        Attr("expires", None, "When it ends."),
        Attr("paths", None, "Paths that it is for."),
        Attr("methods", None, "Methods that it is for."),
        Attr("project", None, "Project of the queue."),
        Attr("query_str", None, "All of it as a query, for a URL."),
    )

    def handle_create(self) -> None:
        """The service keeps nothing of it, so a second one harms nobody."""
        wanted = {name: self.properties.get(name) for name in ("methods", "paths")}
        body = {name: value for name, value in wanted.items() if value}
        if self.properties.get("ttl") is not None:
            until = self.ports.clock.now() + timedelta(seconds=int(self.properties["ttl"]))
            body["expires"] = until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        queue = QueueOfCloud(self.cloud, str(self.properties["queue"]))
        self.set_data("signed", queue.call("POST", "/share", json=body))
        self.set_physical_id(self.physical_name)

    def handle_delete(self) -> None:
        """It ends by itself."""

    def handle_check(self) -> None:
        """Nobody knows of it."""

    def attribute(self, name: str) -> Any:
        """As the service has signed it; the query is what Zaqar's page for browsers reads."""
        signed = self.data.get("signed")
        if signed is None or name != "query_str":
            return None if signed is None else signed.get(name)
        told = {key: ",".join(signed[key]) if isinstance(signed[key], list) else signed[key] for key in signed}
        pairs = {key: told[key] for key in ("signature", "expires", "paths", "methods")}
        return urlencode({**pairs, "project_id": told["project"], "queue_name": self.properties["queue"]})
