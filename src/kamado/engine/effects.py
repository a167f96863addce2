"""What a step asks of the executor: to call, to wait, to have its notes made durable.

A step is a generator that yields these and is sent the results. The executor decides how they are done: a local type's calls run
inline and its notes need not be durable before it goes on; a call to a cloud runs in a thread, after a commit. So each step is written
once, and a simulation can drive it in one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from kamado.engine.gathering import Gathering
from kamado.engine.looks import ListThem, Looks
from kamado.engine.waiting import Bell
from kamado.plugin.lifecycle import Outcome

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Enter:
    """The step has found out whose code it will call: ``local`` code runs inline from here on, other code as a task."""

    local: bool


@dataclass(frozen=True, slots=True)
class Call:
    """Run it and send back the result, or throw what it raises."""

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Go on after so many seconds, or when ``bell`` rings.

    A run that stops drops the step here, and whoever comes next goes on from its row.
    """

    seconds: float
    bell: Bell | None = None
    together: bool = False
    """Up to half as long again, so as to wake at the same moment as others with the same wait."""
    idle: bool = False
    """Nothing goes on meanwhile: somebody is waited for, as at a hook. A run that only finishes what is in flight drops the step, too."""


@dataclass(frozen=True, slots=True)
class Durable:
    """Go on when everything noted so far is committed; code that touches nothing outside need not wait, unless ``always``."""

    always: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """The same as `Call` for what only reads and may block, whoever asks for it: always in a thread."""

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Look:
    """Send back what a list of a collection shows of one thing, None when it does not; see `kamado.engine.looks`."""

    board: Looks
    key: Hashable
    thing: str
    list_them: ListThem


@dataclass(frozen=True, slots=True)
class Ask:
    """Send back what there is of ``key``, read together with what others ask; see `kamado.engine.gathering`."""

    among: Gathering[Any]
    key: str


Effect = Enter | Call | Fetch | Look | Ask | Sleep | Durable
Routine = Generator[Effect, Any, T]

DURABLE = Durable()
ON_DISK = Durable(always=True)


class StepFailed(Exception):
    """The step cannot succeed; ``outcome`` says why, in Heat's words. ``row_id`` is the row that carries the failure.

    ``spared``: no resource was touched, so none is FAILED; the history has its line already.
    """

    def __init__(self, outcome: Outcome, row_id: str | None = None, *, spared: bool = False) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome
        self.row_id = row_id
        self.spared = spared
