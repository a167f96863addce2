"""Wait conditions: resources that are there when enough signals have arrived at a handle.

The trap: the time of the start is in the token, so a wait goes on after a crash instead of starting again; and what has arrived is looked
at before the clock is, so signals that came in time count although nobody was there to see them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from kamado.model.records import ResourceRecord
from kamado.plugin.declare import INTEGER, NUMBER, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.errors import PermanentError
from kamado.plugin.resource import Resource
from kamado.plugin.signal_boxes import Letter
from kamado.plugin.signals import NO_SIGNAL, arn_in_url, parse_arn, signal_box_of
from kamado.resources.heat.signals_kept import (
    AWS_KEYS,
    FAILURE,
    HANDLE,
    HEAT_KEYS,
    SUCCESS,
    Keys,
    NoSignal,
    complete_signal,
    completed,
    read_letter,
    with_signal,
)

_KEYS: Mapping[str, Keys] = {keys.name: keys for keys in (HEAT_KEYS, AWS_KEYS)}
_TAKEN = "letters"
"""Key in a handle's data: ids of what was left for it in the cloud and has been read."""
_AT_ONCE = 0.05
"""Seconds until a handle that needs no signals is looked at again."""


class Waiting(Resource):
    """What both kinds of wait conditions have in common; their properties differ in spelling."""

    nameless = True
    waits_for = "handle"
    waits_outside = True
    count: ClassVar[str]
    handle: ClassVar[str]
    timeout: ClassVar[str]

    def handle_create(self) -> dict[str, Any]:
        """Begins to wait."""
        return self._begin(self._known_handle())

    def check_create_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether enough signals have arrived."""
        return self._over(token or self._begin(self._known_handle()))

    def handle_update(self, changes: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Begins to wait for as many as are wanted now; those that have come count."""
        return self._begin(self._known_handle())

    def check_update_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether enough signals have arrived."""
        return self._over(token or self._begin(self._known_handle()))

    def handle_delete(self) -> None:
        """The signals go with it, so that another condition on the same handle starts from none."""
        row = self._find()
        if row is not None and row.metadata:
            self._siblings.change(row.id, lambda _: {"metadata": {}})

    def asks_again_after(self, token: Any) -> float | None:
        """When the time is over."""
        if not isinstance(token, Mapping) or "until" not in token:
            return None
        if token.get("by_itself"):
            return _AT_ONCE
        left = datetime.fromisoformat(token["until"]) - self.ports.clock.now()
        return max(left.total_seconds(), _AT_ONCE)

    def attribute(self, name: str) -> Any:
        """The data of all signals by their ids, as JSON text."""
        row = self._find()
        if row is None or name.lower() != "data":
            return ""
        keys = _keys(row)
        return json.dumps({key: signal.get(keys.data) for key, signal in row.metadata.items()})

    def _begin(self, row: ResourceRecord) -> dict[str, Any]:
        now = self.ports.clock.now().timestamp()
        until = datetime.fromtimestamp(now + float(self.properties[self.timeout]), self.ports.clock.now().tzinfo)
        by_itself = (row.properties or {}).get("signal_transport") == NO_SIGNAL
        return {"handle": row.id, "until": until.isoformat(), "by_itself": by_itself}

    def _over(self, token: Mapping[str, Any]) -> bool:
        if token["by_itself"]:
            self._signal_itself(token["handle"])
        row = self._collected(self._siblings.row(token["handle"]))
        keys, wanted = _keys(row), int(self.properties[self.count])
        statuses = keys.statuses(row.metadata)
        if any(status != SUCCESS for status in statuses):
            raise PermanentError(";".join(keys.reasons(row.metadata, FAILURE)), "WaitConditionFailure")
        if len(statuses) >= wanted:
            return True
        if self.ports.clock.now() >= datetime.fromisoformat(token["until"]):
            reasons = ";".join(keys.reasons(row.metadata, SUCCESS))
            words = f"{len(statuses)} of {wanted} received" + (f" - {reasons}" if reasons else "")
            raise PermanentError(words, "WaitConditionTimeout")
        return False

    def _signal_itself(self, row_id: str) -> None:
        def decide(row: ResourceRecord) -> Mapping[str, Any]:
            signal = completed(HEAT_KEYS, complete_signal, {}, len(row.metadata) + 1)
            return {"metadata": with_signal(HEAT_KEYS, row.metadata, signal)}

        self._siblings.change(row_id, decide)

    def _collected(self, row: ResourceRecord | None) -> ResourceRecord:
        """The handle with what was left for it in the cloud since the last look."""
        if row is None:
            raise PermanentError(f"{self.properties[self.handle]} is not a valid wait condition handle.", "ValueError")
        box = signal_box_of(row.data, self.ports)
        letters = box.unread(row.data.get(_TAKEN, ())) if box is not None else ()
        if box is None or not letters:
            return row
        self._siblings.change(row.id, lambda now: _with_letters(now, letters))
        box.forget(letters)
        found: ResourceRecord = self._siblings.row(row.id)
        return found

    @property
    def _siblings(self) -> Any:
        if self.ports.siblings is None:
            raise LookupError("there are no other resources here")
        return self.ports.siblings

    def _find(self) -> ResourceRecord | None:
        """The handle: by the URL that refers to it, or by its physical id."""
        reference = str(self.properties[self.handle])
        arn = parse_arn(arn_in_url(reference) or "")
        if arn is None:
            found: ResourceRecord | None = self._siblings.holding(reference)
            return found
        stack, name = arn
        return self._siblings.named(name) if stack.id == self.stack.id else None

    def _known_handle(self) -> ResourceRecord:
        row = self._find()
        if row is None or row.data.get(HANDLE) not in _KEYS:
            named = row.name if row is not None else self.properties[self.handle]
            raise PermanentError(f"{named} is not a valid wait condition handle.", "ValueError")
        return row


def _with_letters(row: ResourceRecord, letters: Sequence[Letter]) -> dict[str, Any]:
    """Metadata and data of a handle with what was left for it; what is no signal counts for nothing. Raises PermanentError."""
    metadata, taken = dict(row.metadata), list(row.data.get(_TAKEN, ()))
    for letter in letters:
        if letter.id in taken:
            continue
        taken.append(letter.id)
        try:
            signal = completed(HEAT_KEYS, complete_signal, read_letter(letter.body), len(metadata) + 1)
        except NoSignal:
            continue
        metadata = with_signal(HEAT_KEYS, metadata, signal)
    return {"metadata": metadata, "data": {**row.data, _TAKEN: taken}}


def _keys(row: ResourceRecord) -> Keys:
    return _KEYS[str(row.data.get(HANDLE, HEAT_KEYS.name))]


@resource_type("OS::Heat::WaitCondition", since="2014.2")
class WaitCondition(Waiting):
    """Waits for signals to an OS::Heat::WaitConditionHandle."""

    heat_class = "HeatWaitCondition"
    count, handle, timeout = "count", "handle", "timeout"
    properties = Properties(
        Prop("handle", STRING, "The handle that is signalled.", required=True),
        Prop("timeout", NUMBER, "Seconds to wait for the signals.", required=True, low=1, high=43200),
        Prop("count", INTEGER, "How many signals of success it takes.", default=1, low=1, update=True),
    )
    attributes = (Attr("data", STRING, "The data of the signals by their ids, as JSON text.", live=True),)


@resource_type("AWS::CloudFormation::WaitCondition", since="2014.1")
class AwsWaitCondition(Waiting):
    """Waits for signals to an AWS::CloudFormation::WaitConditionHandle."""

    heat_class = "WaitCondition"
    count, handle, timeout = "Count", "Handle", "Timeout"
    properties = Properties(
        Prop("Handle", STRING, "The handle that is signalled, as its URL.", required=True),
        Prop("Timeout", INTEGER, "Seconds to wait for the signals.", required=True, low=1, high=43200),
        Prop("Count", INTEGER, "How many signals of success it takes.", default=1, low=1, update=True),
    )
    attributes = (Attr("Data", STRING, "The data of the signals by their ids, as JSON text.", live=True),)

    def handle_create(self) -> dict[str, Any]:
        """Begins to wait, unless the URL leads to another stack.

        :raises PermanentError: it does, or is no handle's at all.
        """
        url = str(self.properties["Handle"])
        found = parse_arn(arn_in_url(url) or "")
        if found is None:
            raise PermanentError(f'"{url}" is not a valid ARN URL', "ValueError")
        stack, _ = found
        if stack.project_id != self.stack.project_id:
            raise PermanentError(f"WaitCondition invalid Handle tenant {stack.project_id}", "ValueError")
        if (stack.name, stack.id) != (self.stack.name, self.stack.id):
            wrong = stack.name if stack.name != self.stack.name else stack.id
            raise PermanentError(f"WaitCondition invalid Handle stack {wrong}", "ValueError")
        return super().handle_create()
