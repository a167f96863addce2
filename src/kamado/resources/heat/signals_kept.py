"""Signals as a handle keeps them in its metadata: id → the rest of the signal. Read by wait conditions, written by handles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SUCCESS, FAILURE = "SUCCESS", "FAILURE"

HANDLE = "handle"
"""Key in a handle's data: the name of its `Keys`, which also tells that it is a handle, whatever its type is called."""


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
