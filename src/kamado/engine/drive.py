"""Driving the steps of a plan: what is ready runs, inline or as a task; what has failed stops what comes after.

Only order, concurrency and stopping are known here, neither templates nor resources. Local steps run in bursts of a plain loop, for a
task each would cost more than the work; the loop is given back between bursts, so that a huge stack does not starve the others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from graphlib import TopologicalSorter
from typing import Any

from kamado.engine.effects import Ask, Call, Durable, Effect, Enter, Fetch, Look, Routine, Sleep
from kamado.engine.ledger import Ledger, NotWritten
from kamado.engine.looks import together
from kamado.engine.plan import Plan, Step
from kamado.engine.ports import Calls, Clock, EngineSettings
from kamado.store.errors import LeaseLost


class Halt(Enum):
    """How far a run is to stop: ``FINISH`` starts nothing new, and waits for nobody; ``ABANDON`` also stops waiting for what goes on
    without us.
    """

    NONE = 0
    FINISH = 1
    ABANDON = 2


@dataclass(frozen=True, slots=True)
class Work:
    """What a step is to the driver. ``routine`` makes its generator; ``is_local`` guesses where it will run; ``held`` makes a handler's
    call, unless the operation may be somebody else's by now (LeaseLost). ``pauses``: seconds to wait at points that are no steps.

    A routine deals with failures of its step itself (and has the driver halted); an exception that comes out of it ends the whole run.
    """

    routine: Callable[[Step], Routine[bool]]
    is_local: Callable[[Step], bool]
    held: Callable[[Callable[[], Any]], Any]
    pauses: Mapping[str, float] = field(default_factory=dict)


class Driver:
    """Runs a plan's steps."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        work: Work,
        ports: tuple[Clock, Calls],
        settings: EngineSettings,
    ) -> None:
        self._steps = {step.key: step for step in plan.steps}
        self._sorter: TopologicalSorter[str] = TopologicalSorter(plan.graph())
        self._ledger = ledger
        self._work = work
        self._ports = ports
        self._settings = settings
        self._ready: deque[str] = deque()
        self._waiting: deque[str] = deque()
        self._tasks: dict[asyncio.Task[None], Sleep | None] = {}  # → how it sleeps, when it does
        self._moved = asyncio.Event()
        self._error: BaseException | None = None
        self.halted = Halt.NONE

    def halt(self, how: Halt) -> None:
        """No new step starts; steps that only wait are dropped where they are, see `Halt`. On the loop only."""
        if how.value <= self.halted.value:
            return
        self.halted = how
        self._ready.clear()
        self._waiting.clear()
        for task, sleep in self._tasks.items():
            if sleep is not None and self._drops(sleep):
                task.cancel()
        self._moved.set()

    def _drops(self, sleep: Sleep) -> bool:
        return self.halted is Halt.ABANDON or (self.halted is Halt.FINISH and sleep.idle)

    def begin(self) -> bool:
        """Starts what is ready; whether that was all, as for a small stack of local types: then there is nothing left to `run`."""
        self._sorter.prepare()
        try:
            return not self._burst() and not self._tasks
        except BaseException as error:
            self._error = error  # for `run` to raise, when what was started has ended
            return False

    async def run(self) -> None:
        """Goes on from `begin`; returns when nothing runs and nothing can start. Raises what a commit or a programming error raised."""
        try:
            while True:
                self._moved.clear()
                more = self._burst()
                if self._error is not None:
                    raise self._error
                if not more and not self._tasks:
                    return  # what has gathered goes into the operation's last transaction
                self._hand_in()
                if more:
                    await asyncio.sleep(0)
                else:
                    await self._moved.wait()
        finally:
            await self._end_tasks()

    async def _end_tasks(self) -> None:
        if self._tasks:
            self.halt(Halt.ABANDON)
        while self._tasks:
            done, _ = await asyncio.wait(list(self._tasks))
            for task in done:  # one that was cancelled before it began has not taken itself off
                self._tasks.pop(task, None)

    def _burst(self) -> bool:
        """Runs local steps, and starts tasks for others, until nothing is ready (False) or it is time to let others run (True)."""
        clock = self._ports[0]
        enough = clock.monotonic() + self._settings.burst_seconds
        for _ in range(self._settings.burst):
            if self.halted is not Halt.NONE or self._error is not None:
                return False
            key = self._next()
            if key is None:
                return False
            self._begin(key)
            if clock.monotonic() >= enough:
                break
        return True

    def _next(self) -> str | None:
        if not self._ready and self._sorter.is_active():
            self._ready.extend(self._sorter.get_ready())
        while self._ready:
            key = self._ready.popleft()
            if self._work.pauses.get(key):
                self._tasks[asyncio.get_running_loop().create_task(self._pause(key))] = None
            elif key not in self._steps:
                self._sorter.done(key)  # a mere meeting point
                self._ready.extend(self._sorter.get_ready())
            elif self._work.is_local(self._steps[key]):
                return key
            else:
                self._waiting.append(key)
        if self._waiting and len(self._tasks) < self._settings.concurrent_steps:
            return self._waiting.popleft()
        return None

    def _begin(self, key: str) -> None:
        """Goes through the step inline as far as that goes; the rest is a task's."""
        routine = self._work.routine(self._steps[key])
        try:
            effect = _inline(routine)
        except StopIteration as stop:
            self._done(key, stop.value)
            return
        self._tasks[asyncio.get_running_loop().create_task(self._rest(key, routine, effect))] = None

    def _done(self, key: str, good: bool) -> None:
        if good:
            self._sorter.done(key)
        # Steps that need a failed one never become ready: only the root is to blame.

    async def _rest(self, key: str, routine: Routine[bool], effect: Effect) -> None:
        """Drives a step that calls a cloud, or that has to wait."""
        local = not isinstance(effect, Enter)
        try:
            while True:
                effect = await self._perform(routine, effect, local)
                if isinstance(effect, Enter):
                    local = effect.local
        except _Ended as ended:
            self._done(key, ended.good)
        except asyncio.CancelledError:
            routine.close()
            if self.halted is Halt.NONE:
                raise
        except BaseException as error:
            routine.close()
            self._error = self._error or error
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.pop(task, None)
            self._moved.set()

    async def _pause(self, key: str) -> None:
        """At a point where those that come next have to wait."""
        task = asyncio.current_task()
        assert task is not None
        try:
            await self._sleep(Sleep(self._work.pauses[key], idle=True))
            self._sorter.done(key)
        except asyncio.CancelledError:
            if self.halted is Halt.NONE:
                raise
        finally:
            self._tasks.pop(task, None)
            self._moved.set()

    async def _perform(self, routine: Routine[bool], effect: Effect, local: bool) -> Effect:
        """Does what the step asked for and gives its next wish."""
        result = None
        try:
            if isinstance(effect, Call):
                held = partial(self._work.held, effect.function)
                result = effect.function() if local else await self._ports[1].run(held)
            elif isinstance(effect, Fetch):
                result = await self._ports[1].run(effect.function)
            elif isinstance(effect, Look):
                result = await effect.board.look(effect.key, effect.thing, effect.list_them, self._ports)
            elif isinstance(effect, Ask):
                result = await effect.among.get(effect.key)
            elif isinstance(effect, Sleep):
                await self._sleep(effect)
            elif isinstance(effect, Durable) and (effect.always or not local):
                await self._ledger.durable()
        except LeaseLost as error:
            raise NotWritten(str(error)) from error
        except Exception as error:
            if not isinstance(effect, Call | Fetch | Look | Ask):
                raise
            return _advance(partial(routine.throw, error))
        return _advance(partial(routine.send, result))

    async def _sleep(self, effect: Sleep) -> None:
        self._hand_in()
        if self._drops(effect):
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = effect
        try:
            if effect.bell is None:
                clock = self._ports[0]
                await clock.sleep(together(clock.monotonic(), effect.seconds) if effect.together else effect.seconds)
            else:
                await effect.bell.wait(effect.seconds)
        finally:
            self._tasks[task] = None

    def _hand_in(self) -> None:
        """Submits what has gathered; a commit that fails ends the run."""
        if self._ledger.gathered:
            future = self._ledger.flush()
            if future is not None:
                loop = asyncio.get_running_loop()
                future.add_done_callback(lambda done: self._committed(loop, done))

    def _committed(self, loop: asyncio.AbstractEventLoop, future: Future[None]) -> None:
        error = future.exception()
        if error is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._not_written, error)

    def _not_written(self, error: BaseException) -> None:
        if self._error is None:
            self._error = NotWritten(str(error))
            self._error.__cause__ = error
        self._moved.set()


class _Ended(Exception):
    """A step's generator has ended, well or not."""

    def __init__(self, good: bool) -> None:
        super().__init__(good)
        self.good = good


def _advance(move: Callable[[], Effect]) -> Effect:
    try:
        return move()
    except StopIteration as stop:
        raise _Ended(bool(stop.value)) from None


def _inline(routine: Routine[bool]) -> Effect:
    """Runs a step until it ends (StopIteration) or asks for what cannot be done inline; gives that wish."""
    effect = next(routine)
    while True:
        if isinstance(effect, Call):
            try:
                result = effect.function()
            except Exception as error:
                effect = routine.throw(error)
            else:
                effect = routine.send(result)
        elif (isinstance(effect, Durable) and not effect.always) or (isinstance(effect, Enter) and effect.local):
            effect = routine.send(None)
        else:
            return effect
