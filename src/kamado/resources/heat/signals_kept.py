"""Signals as handles keep them: id → the rest of the signal. Written by handles, read by what waits for signals.

Pure. What arrives is completed first (Heat's own form lets everything be left out), then put beside the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kamado.plugin.errors import PermanentError

SUCCESS, FAILURE = "SUCCESS", "FAILURE"

HANDLE = "handle"
"""Key in a handle's data: the name of its `Keys`, which also tells that it is a handle, whatever its type is called."""

Complete = Callable[[Mapping[str, Any], int], Mapping[str, Any]]
"""Makes a whole signal of what was sent; the number says the how many-th it is."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the parts of a signal are called in one of the two forms."""

    name: str
    status: str
    reason: str
    data: str
    id: str

    @property
    def all(self) -> set[str]:
        """All parts."""
        return {self.status, self.reason, self.data, self.id}

    def statuses(self, metadata: Mapping[str, Any]) -> list[str]:
        """What the signals say."""
        return [str(signal.get(self.status)) for signal in metadata.values()]

    def reasons(self, metadata: Mapping[str, Any], status: str) -> list[str]:
        """Why those with a status say so."""
        return [str(signal.get(self.reason)) for signal in metadata.values() if signal.get(self.status) == status]


HEAT_KEYS = Keys("heat", status="status", reason="reason", data="data", id="id")
AWS_KEYS = Keys("aws", status="Status", reason="Reason", data="Data", id="UniqueId")


class NoSignal(PermanentError):
    """Something arrived that is not of the form of a signal."""

    heat_name = "ValueError"

    def __init__(self) -> None:
        super().__init__("Metadata format invalid")


def complete_signal(signal: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """A signal of Heat's form with everything that may be left out: success is meant, and the id is its number."""
    return {
        HEAT_KEYS.reason: f"Signal {number} received",
        HEAT_KEYS.data: None,
        HEAT_KEYS.id: number,
        HEAT_KEYS.status: SUCCESS,
        **signal,
    }


def completed(keys: Keys, complete: Complete, details: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """A whole signal. Raises NoSignal when it is none of the form."""
    signal = complete(details, number)
    if set(signal) != keys.all or signal[keys.status] not in (SUCCESS, FAILURE):
        raise NoSignal
    return signal


def with_signal(keys: Keys, before: Mapping[str, Any], signal: Mapping[str, Any]) -> dict[str, Any]:
    """The signals with one more, in the place of one of the same id."""
    return {**before, str(signal[keys.id]): {key: value for key, value in signal.items() if key != keys.id}}


def read_letter(body: Any) -> Mapping[str, Any]:
    """A signal that was left somewhere, as bytes of JSON or as JSON; nothing at all says no more than that it is one.

    :raises PermanentError: the bytes are no JSON. NoSignal: it is no map.
    """
    if isinstance(body, bytes):
        if not body.strip():
            return {}
        try:
            body = json.loads(body)
        except ValueError:
            text = body.decode(errors="replace")
            raise PermanentError(f"Failed to parse JSON data: {text}", "Error") from None
    if not isinstance(body, Mapping):
        raise NoSignal
    return body
