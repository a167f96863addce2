"""Trouble on demand: refusals, delays, lost requests, lost answers, slow and failing builds.

Set from Python (`cloud.faults.add(...)`, `cloud.faults.build(...)`) or over HTTP with an administrator's token:

    GET|POST|DELETE /_local/faults      {"fault": {"service": "network", "method": "POST", "path": "/v2.0/ports*",
                                         "action": "lose", "times": 1}}
    DELETE /_local/faults/{id}
    POST /_local/builds                 {"build": {"table": "compute.servers", "seconds": 3}}

`server` asks `hit` once before and once after the work. The trap: the first fault that matches and still has `times` left
wins; a fault is used up by the requests it hits, not by those it lets pass by `skip` or `probability`.
"""

import fnmatch
import random
import threading
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

ACTIONS = frozenset({"answer", "delay", "drop", "lose", "lose_answer"})


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and where.

    `service`, `method` and `path` are shell patterns. `action`:
    `answer` – do nothing, answer `status` with `body` (None: the service's own error body) and `headers`;
    `delay` – wait `seconds`, then go on as usual; `drop` – close the connection before doing the work;
    `lose` – do the work, then close the connection without an answer; `lose_answer` – do the work, then answer `status`.
    `times`: how many requests are hit (None: all). `skip`: how many matching requests pass first.
    `probability`: of each matching request, drawn from the seed given to `Faults`. `seconds` delays any action.
    """

    service: str = "*"
    method: str = "*"
    path: str = "*"
    action: str = "answer"
    status: int = 500
    body: Any = None
    message: str = "Injected fault"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    id: int = 0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(sorted(ACTIONS))}")

    def matches(self, service: str, method: str, path: str) -> bool:
        """Whether the fault is meant for such a request."""
        pairs = ((service, self.service), (method, self.method), (path, self.path))
        return all(fnmatch.fnmatchcase(actual, pattern) for actual, pattern in pairs)


@dataclass(frozen=True)
class Build:
    """How objects of a table come to be: after `seconds` of the clock (None: as declared) or `reads`; `fail` ends in ERROR.

    `times`: for how many objects (None: all that follow).
    """

    seconds: float | None = None
    reads: int = 0
    fail: str = ""
    times: int | None = None


class Faults:
    """The faults that are set; thread-safe."""

    NO_BUILD: ClassVar[Build] = Build()

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._faults: list[Fault] = []
        self._builds: dict[str, list[Build]] = {}
        self._next_id = 0

    def add(self, **what: Any) -> int:
        """Set a `Fault` (keyword arguments are its fields; ValueError when they are not) and return its id."""
        try:
            fault = Fault(**what)
        except TypeError as error:
            raise ValueError(str(error)) from None
        with self._lock:
            self._next_id += 1
            self._faults.append(replace(fault, id=self._next_id))
            return self._next_id

    def remove(self, fault_id: int) -> None:
        """Take one fault back; nothing happens when it is used up already."""
        with self._lock:
            self._faults = [f for f in self._faults if f.id != fault_id]

    def clear(self) -> None:
        """Everything works again, build times are those declared."""
        with self._lock:
            self._faults.clear()
            self._builds.clear()

    def all(self) -> list[Fault]:
        """The faults that are still set, as they stand."""
        with self._lock:
            return list(self._faults)

    def hit(self, service: str, method: str, path: str) -> Fault | None:
        """The fault that this request meets, if any; counts it."""
        if not self._faults:
            return None
        with self._lock:
            for place, fault in enumerate(self._faults):
                if not fault.matches(service, method, path):
                    continue
                if fault.skip > 0:
                    self._faults[place] = replace(fault, skip=fault.skip - 1)
                    continue
                if fault.probability < 1.0 and self._random.random() >= fault.probability:
                    continue
                if fault.times is not None:
                    if fault.times <= 1:
                        del self._faults[place]
                    else:
                        self._faults[place] = replace(fault, times=fault.times - 1)
                return fault
        return None

    def build(
        self,
        table: str,
        seconds: float | None = None,
        reads: int = 0,
        fail: str = "",
        times: int | None = None,
    ) -> None:
        """Say how the objects of a table (`compute.servers`) that are made from now on come to be; see `Build`."""
        with self._lock:
            plans, new = self._builds.get(table, []), Build(seconds, reads, fail, times)
            limited = [b for b in plans if b.times is not None]
            lasting = [b for b in plans if b.times is None]
            self._builds[table] = [*limited, new] if times is None else [*limited, new, *lasting]

    def next_build(self, table: str) -> Build:
        """How the next object of a table comes to be; those with `times` are used up first."""
        if not self._builds:
            return self.NO_BUILD
        with self._lock:
            plans = self._builds.get(table, [])
            for place, plan in enumerate(plans):
                if plan.times is not None:
                    if plan.times <= 1:
                        del plans[place]
                    else:
                        plans[place] = replace(plan, times=plan.times - 1)
                    return plan
            return plans[-1] if plans else self.NO_BUILD
