"""A whole installation in one thread from one seed: processes on one database and one cloud, and time that passes at once.

Real are database, store, group commit, orchestrator, planner, executor, template language. Simulated are processes, threads, the
cloud, and time. The same seed gives the same run, write by write and call by call (`Simulation.trace`).
"""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from tests.databases import KEY
from tests.engine_world import Cloud, Described, Holder, Killed, Look, Named, Sturdy, Thing
from tests.simulation.client import Client
from tests.simulation.process import Process, connections

from kamado.engine.ports import EngineSettings
from kamado.model.changes import AppendEvent, Change
from kamado.model.identifiers import ids_drawn_from
from kamado.model.records import EventRecord
from kamado.plugin.registry import Registry
from kamado.resources.heat import TYPES as HEAT_TYPES
from kamado.store import Store, schema

Script = Callable[[Client], Awaitable[None]]
"""What users do, one request after the other."""


class Stuck(AssertionError):
    """Something goes on for longer than it ever may."""


class Simulation(Look):
    """``path``: an SQLite file with all tables. ``deaths``: at which points the process dies that comes to them, each counted from the one
    before; with seconds it does not die there but is stopped for so long.

    ``settings`` are the engines'; ``began`` is the time at which it begins; ``trace_file`` gets the trace. A process that died is
    followed by another one after ``downtime`` seconds. As a context manager it ends all processes.
    """

    key = KEY

    def __init__(
        self,
        path: Path,
        seed: int,
        *,
        settings: dict[str, Any] | None = None,
        began: float = 0.0,
        trace_file: Path | None = None,
    ) -> None:
        self.url = f"sqlite:///{path}"
        self.seed = seed
        self.dice = random.Random(f"moments {seed}")
        self._ids = random.Random(f"ids {seed} {began}")
        self.time = began
        self.settings = EngineSettings(**(settings or {}))
        self.registry = Registry((*HEAT_TYPES, Described, Thing, Sturdy, Holder, Named))
        self.cloud = Cloud(lambda: self.client_process.clock.now())
        self.cloud.point = self._cloud_point
        self.cloud.wait = lambda seconds: self.current.block(seconds)
        self.store = Store(self.url, KEY, durable=False)
        self.store.writer, self.store.reader = connections(self.url)
        self.processes: list[Process] = []
        self.client_process = self.current = Process(self, "client", watched=False)
        self.processes.append(self.client_process)
        self.points: list[str] = []
        self.deaths: list[tuple[int, float]] = []
        self.downtime = 1.0
        self.trace: list[str] = []
        self._trace_file = trace_file
        self.errors: list[str] = []
        self.lines: list[tuple[str, EventRecord]] = []
        self.trespasses: list[str] = []
        self._begun = 0
        self._ending = False

    def __enter__(self) -> Simulation:
        self._log = _Errors(self)
        logging.getLogger("kamado").addHandler(self._log)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.die()
        self._bury()
        if self._trace_file is not None:
            self._trace_file.write_text("\n".join(self.trace))
        logging.getLogger("kamado").removeHandler(self._log)
        self.store.close()

    @property
    def engines(self) -> list[Process]:
        """The processes of engines that live."""
        return [process for process in self.processes if process.alive and process is not self.client_process]

    @property
    def awakening(self) -> bool:
        """Whether a process is stopped, or was until a moment ago."""
        return any(process.awakening for process in self.processes)

    def add_engine(self) -> Process:
        """Starts the process of an engine."""
        self._begun += 1
        process = Process(self, f"engine{self._begun}", watched=True)
        self.processes.append(process)
        process.start_engine(self.settings)
        self.note(process, "begins")
        if self._ending and process.engine is not None:
            process.engine.stop()
        return process

    def run(self, script: Script | None = None, seconds: float = 20_000.0) -> None:
        """Until the script has ended and nothing is left to do. Raises Stuck after so many seconds of simulated time."""
        client = Client(self, self.client_process)
        give_up = self.time + seconds
        with ids_drawn_from(self._ids):
            if not self.engines:
                self.add_engine()
            task = self.client_process.loop.create_task(script(client)) if script is not None else None
            while not (task is None or task.done()) or self.live() or self.awakening:
                self._until_time_passes()
                if self.time > give_up:
                    raise Stuck(f"seed {self.seed}: it goes on and on; {self._what_runs()}")
                self._pass_time()
        if task is not None:
            task.result()
        self.raise_errors()

    def end(self) -> None:
        """All engines say goodbye, also those that only come when all is over."""
        self._ending = True
        with ids_drawn_from(self._ids):
            for process in self.engines:
                assert process.engine is not None
                process.asleep_until = min(process.asleep_until, self.time)
                process.engine.stop()
            while True:
                self._until_time_passes()
                if all(process.task is None or process.task.done() for process in self.engines):
                    break
                self._pass_time()
        self.raise_errors()

    def raise_errors(self) -> None:
        """Raises when a process has said that something went wrong that never may."""
        if self.errors:
            raise AssertionError(f"seed {self.seed}: {self.errors[:3]}")

    def _until_time_passes(self) -> None:
        while True:
            self._bury()
            ready = [one for one in self.processes if not one.asleep and one.loop.has_work()]
            if not ready:
                return
            self.current = ready[0] if len(ready) == 1 else self.dice.choice(ready)
            self.current.loop.step()

    def _bury(self) -> None:
        for process in [process for process in self.processes if not process.alive]:
            self.current = process
            process.bury()
            self.processes.remove(process)

    def _pass_time(self) -> None:
        if not self.engines:
            self.time += self.downtime
            self.add_engine()
            return
        moments = []
        for process in self.processes:
            moment = process.asleep_until if process.asleep else process.loop.next_moment()
            if moment is not None:
                moments.append(moment)
        if not moments:
            raise Stuck(f"seed {self.seed}: nobody waits for anything any more; {self._what_runs()}")
        self.time = max(self.time, min(moments))

    def _what_runs(self) -> str:
        table = schema.operation.c
        statement = select(table.action, table.state, table.stop, table.stack_id).where(table.slot.is_not(None))
        live = self.store.read(lambda connection: connection.execute(statement).all())
        return f"time {self.time:.1f}, operations {[tuple(one) for one in live]}"

    def moment(self) -> float:
        """A few milliseconds."""
        return self.dice.uniform(0.0002, 0.008)

    def note(self, process: Process, what: str) -> None:
        """A line of the trace."""
        self.trace.append(f"{self.time:.6f} {process.name} {what}")

    @property
    def digest(self) -> str:
        """What tells whether two runs were the same."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()

    def point(self, process: Process, what: str) -> None:
        """A process that is watched does something durable. Raises Killed when it is to die here."""
        self.points.append(what)
        self.note(process, what)
        if not self.deaths or len(self.points) <= self.deaths[0][0]:
            return
        stopped = self.deaths.pop(0)[1]
        self.points = []
        if stopped:
            self.note(process, f"is stopped for {stopped} s")
            process.pause(stopped)
            self.client_process.loop.call_later(self.downtime, self.add_engine)
            return
        self.kill(process)
        raise Killed

    def kill(self, process: Process) -> None:
        """kill -9."""
        self.note(process, "dies")
        process.die()

    def committed(self, operation_id: str, changes: Sequence[Change]) -> None:
        """Remembers which operation wrote which lines of history."""
        self.lines += [(operation_id, change.record) for change in changes if isinstance(change, AppendEvent)]

    def _holders(self, physical_name: str) -> list[str | None]:
        """The engine that holds the operation at work on the thing with that name, None for no engine; [] for no such row."""
        resource, operation = schema.resource.c, schema.operation.c
        works = (operation.stack_id == resource.stack_id) & (operation.slot == "RUNNING")
        statement = (
            select(operation.engine_id)
            .select_from(schema.resource.outerjoin(schema.operation, works))
            .where(resource.physical_name == physical_name)
        )
        return self.store.read(lambda connection: list(connection.scalars(statement)))

    def _cloud_point(self, what: str) -> None:
        process = self.current
        process.point(what)
        when, verb, thing = what.split(" ", 2)
        if when == "before" and verb in ("create", "update", "delete") and process.engine is not None:
            holders = self._holders(thing)
            if holders and holders != [process.engine.id]:
                self.trespasses.append(f"{self.time:.3f} {process.name} {what}, which {holders} holds")
        if what.startswith("after"):
            process.block(self.dice.uniform(0.001, 0.05))


class _Errors(logging.Handler):
    """What a process logs as an error is one, unless it is what the simulation does to it."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(logging.ERROR)
        self._simulation = simulation

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Killed) or not self._simulation.current.alive:
            return
        self._simulation.errors.append(f"{record.getMessage()}: {error!r}")
