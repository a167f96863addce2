"""How often and how fast a service is called: calls in flight, attempts, waits.

Read by `kamado.cloud.rest`. The trap: a wait here blocks a worker thread, so waits are short; what takes longer
becomes a temporary error that the engine schedules.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from random import Random
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Limits of one service: ``in_flight`` calls at once; ``attempts`` for one call; waits in seconds."""

    in_flight: int = 32
    attempts: int = 4
    first_wait: float = 0.2
    longest_wait: float = 5.0
    timeout: float = 60.0

    def wait(self, attempt: int, retry_after: float | None, random: Random) -> float | None:
        """The wait before attempt ``attempt`` + 1, with jitter; None when it must not be made here.

        A server that asks for more than ``longest_wait`` is not waited for in a thread.
        """
        if attempt >= self.attempts:
            return None
        if retry_after is not None:
            if retry_after > self.longest_wait:
                return None
            return retry_after * random.uniform(1.0, 1.2)
        return float(min(self.longest_wait, self.first_wait * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0))


class CallWatch(Protocol):
    """Who counts calls; in any thread."""

    def call_began(self, service: str) -> None:
        """A call is sent."""

    def call_ended(self, service: str, status: int | None, seconds: float) -> None:
        """It was answered with that status, or not at all."""


class NobodyCounts:
    """Nobody counts."""

    def call_began(self, service: str) -> None:
        """Nothing."""

    def call_ended(self, service: str, status: int | None, seconds: float) -> None:
        """Nothing."""


@dataclass(slots=True)
class Gates:
    """One gate a service: bounds the calls in flight of the whole process. ``random`` spreads waits, ``watch`` counts."""

    limits: CallLimits
    random: Random = field(default_factory=Random)
    watch: CallWatch = field(default_factory=NobodyCounts)
    _gates: dict[str, threading.BoundedSemaphore] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, service: str) -> threading.BoundedSemaphore:
        """The gate of a service."""
        with self._lock:
            if service not in self._gates:
                self._gates[service] = threading.BoundedSemaphore(self.limits.in_flight)
            return self._gates[service]
