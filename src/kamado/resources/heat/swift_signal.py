"""Signals by the object store: a handle that is a temporary URL, and what waits until it has been written to often enough.

Needs no user of the stack and no way from the server to us. The trap: what was written is read once and kept by the time of its writing,
so a look at the object costs no more for the many that came before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

from kamado.plugin.declare import INTEGER, NUMBER, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.errors import PermanentError
from kamado.plugin.signal_boxes import ObjectBox
from kamado.plugin.signals import make_object_box, signal_box_of
from kamado.plugin.thing import CloudResource
from kamado.resources.heat.signals_kept import (
    FAILURE,
    HEAT_KEYS,
    SUCCESS,
    NoSignal,
    complete_signal,
    read_letter,
    with_signal,
)

_LEFT = "left"
"""Key of the data: what was written to the object, by the time of its writing."""


@resource_type("OS::Heat::SwiftSignalHandle", since="2014.2")
class SwiftSignalHandle(CloudResource):
    """A temporary URL of the object store, which a server writes its signals to."""

    service_type = "object-store"
    secret = True
    properties = Properties()
    attributes = (
        Attr("token", STRING, "Empty: a temporary URL needs no token.", live=True),
        Attr("endpoint", STRING, "The URL to write to.", live=True),
        Attr("curl_cli", STRING, "A curl command that lacks the body of the signal.", live=True),
    )

    def handle_create(self) -> None:
        """Its object, then the URL."""
        self.set_data("endpoint", make_object_box(self))
        self.set_physical_id(self.physical_name)

    def handle_delete(self) -> None:
        """All that was written, and the stack's container with the last of its handles."""
        box = signal_box_of(self.data, self.ports)
        if box is not None:
            box.remove()

    def reference(self) -> str:
        """The URL to write to."""
        return str(self.data.get("endpoint") or self.name)

    def attribute(self, name: str) -> Any:
        """All of them follow from the URL."""
        endpoint = self.data.get("endpoint")
        if endpoint is None:
            return None
        return {"token": "", "endpoint": endpoint, "curl_cli": f"curl -i -X PUT '{endpoint}'"}.get(name)


@resource_type("OS::Heat::SwiftSignal", since="2014.2")
class SwiftSignal(CloudResource):
    """Waits until the URL of a handle has been written to often enough."""

    service_type = "object-store"
    nameless = True
    secret = True
    waits_outside = True
    properties = Properties(
        Prop("handle", STRING, "The URL of the handle.", required=True),
        Prop("timeout", NUMBER, "Seconds to wait for the signals.", required=True, low=1, high=43200),
        Prop("count", INTEGER, "How many signals of success it takes.", default=1, low=1, high=1000),
    )
    attributes = (Attr("data", STRING, "The data of the signals by their ids, as JSON text."),)

    def handle_create(self) -> dict[str, Any]:
        """Begins to wait.

        :raises PermanentError: the handle is no URL of an object.
        """
        self._box()
        return self._begin()

    def check_create_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether enough signals have arrived; what is there is looked at before the clock is."""
        until = (token or self._begin())["until"]
        signals, wanted = self._signals(self._look()), int(self.properties["count"])
        statuses = HEAT_KEYS.statuses(signals)
        unknown = [status for status in statuses if status not in (SUCCESS, FAILURE)]
        if unknown:
            raise PermanentError(f"Unknown status: {unknown[0]}", "Error")
        if FAILURE in statuses:
            raise PermanentError(";".join(HEAT_KEYS.reasons(signals, FAILURE)), "SwiftSignalFailure")
        if len(statuses) >= wanted:
            return True
        if self.ports.clock.now() >= datetime.fromisoformat(until):
            reasons = ";".join(HEAT_KEYS.reasons(signals, SUCCESS))
            words = f"{len(statuses)} of {wanted} received" + (f" - {reasons}" if reasons else "")
            raise PermanentError(words, "SwiftSignalTimeout")
        return False

    def asks_again_after(self, token: Any) -> float | None:
        """When the time is over."""
        if not isinstance(token, Mapping):
            return None
        left = datetime.fromisoformat(token["until"]) - self.ports.clock.now()
        return max(left.total_seconds(), 0.05)

    def attribute(self, name: str) -> Any:
        """The data of all signals that were seen while it waited."""
        if name != "data" or _LEFT not in self.data:
            return None
        return json.dumps({key: signal[HEAT_KEYS.data] for key, signal in self._signals(self.data[_LEFT]).items()})

    def _begin(self) -> dict[str, Any]:
        now = self.ports.clock.now()
        until = datetime.fromtimestamp(now.timestamp() + float(self.properties["timeout"]), now.tzinfo)
        return {"until": until.isoformat()}

    def _box(self) -> ObjectBox:
        path = unquote(urlsplit(str(self.properties["handle"])).path)
        container, slash, name = path.partition("/v1/")[2].partition("/")[2].partition("/")
        if not slash or not name:
            raise PermanentError(f"{self.properties['handle']} is no URL of an object", "ValueError")
        return ObjectBox(self.cloud, container, name)

    def _look(self) -> Mapping[str, Any]:
        """What was written so far, by its time. Raises PermanentError for what is no JSON."""
        known: dict[str, Any] = dict(self.data.get(_LEFT, {}))
        letters = self._box().unread(known)
        for letter in letters:
            try:
                known[letter.id] = dict(read_letter(letter.body))
            except NoSignal:
                known[letter.id] = None
        if letters:
            self.set_data(_LEFT, known)
        return known

    @staticmethod
    def _signals(left: Mapping[str, Any]) -> dict[str, Any]:
        """What was written, as signals by their ids; what is none counts for nothing."""
        found: dict[str, Any] = {}
        for _, letter in sorted(left.items()):
            if letter is not None:
                # One without an id is another signal, whatever ids others have chosen.
                number = next(n for n in count(len(found) + 1) if str(n) not in found)
                found = with_signal(HEAT_KEYS, found, complete_signal(letter, number))
        return found
