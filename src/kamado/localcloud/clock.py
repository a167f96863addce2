"""Time as an argument: the local cloud asks a clock, never the system.

Called by everything in `localcloud` that stamps, expires or builds. The trap: a clock only answers "now"; nobody
may sleep on it. What takes time in the local cloud is a due moment that the next request finds to have passed.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the local cloud needs to know about time."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return self._now

    def advance(self, seconds: float) -> float:
        """Move on by `seconds` (never back: a real cloud's time does not go back either) and return the new time."""
        if seconds < 0:
            raise ValueError("a clock only moves forward")
        self._now += seconds
        return self._now


def seconds_z(moment: float) -> str:
    """`2026-11-20T22:19:13Z`: Neutron, Nova and Glance write times like this."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micros(moment: float) -> str:
    """`2026-11-20T22:19:13.123456`: Cinder writes times like this."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def micros_z(moment: float) -> str:
    """`2026-11-20T22:19:13.123456Z`: Keystone writes times like this."""
    return micros(moment) + "Z"
