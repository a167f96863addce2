"""The executor: one claimed operation from its plan to its end.

Plans from what is there (so an operation that was interrupted is simply planned again), drives the steps, and closes the operation with the
stack's state in one transaction. Called by the engine; everything it is given is in `EnginePorts`. The traps: nothing is written after a
lease was lost, and an operation that was told to stop leaves what waits to the one that comes next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from kamado.engine import closing, events, holding, observing, turns
from kamado.engine.acting import act
from kamado.engine.drive import Driver, Halt, Work
from kamado.engine.effects import Routine, StepFailed
from kamado.engine.export import stack_data
from kamado.engine.gathering import Begun, Readings
from kamado.engine.hold import Hold
from kamado.engine.ledger import Ledger, NotWritten
from kamado.engine.making import make
from kamado.engine.observing import Seen
from kamado.engine.plan import Plan, Step, StepKind
from kamado.engine.planner import PlanRequest, plan
from kamado.engine.planner.differences import ATTEMPTED
from kamado.engine.ports import EnginePorts, EngineSettings
from kamado.engine.removing import remove
from kamado.engine.run import Family, Run, ids_of
from kamado.engine.targets import Desired
from kamado.engine.waiting import Bells, Waiting
from kamado.model.changes import RemoveSnapshot, UpdateOperation
from kamado.model.lifecycle import Action, OperationState, Phase, Status, Stop
from kamado.model.records import RESIZE, SNAPSHOT_ID, OperationRecord, ResourceRecord, StackRecord, changed
from kamado.plugin.registry import UnknownType
from kamado.plugin.template_resource import TemplateResource
from kamado.store.retry import Trouble, diagnose
from kamado.template import TemplateInvalid

LOG = logging.getLogger(__name__)

_FEW = 20
"""Resources of a stack that is planned in less time than a thread takes to begin."""


class Execution:
    """One operation being executed. `stop` may be called while `run` runs, on the same loop."""

    def __init__(
        self,
        ports: EnginePorts,
        settings: EngineSettings,
        operation: OperationRecord,
        waiting: Waiting,
        readings: Readings,
    ) -> None:
        self.operation = operation
        self.hold = Hold(ports.clock, settings.lease_seconds, operation)
        self._ports = ports
        self._settings = settings
        self._running: tuple[Driver, Run] | None = None
        self._bells = Bells(waiting)
        self._readings = readings
        self._stop = operation.stop
        self._timed_out = False
        self._failure = operation.reason if operation.reason.startswith("Resource ") else ""
        self._lost = False
        self.paused = False

    def stop(self, why: Stop) -> None:
        """No new step starts. Cancelled: what is in flight goes on to its end, as in Heat. Superseded: that is left to who comes next."""
        if why in (Stop.NONE, self._stop) or self._stop is Stop.SUPERSEDED:
            return
        self._stop = why
        if why is Stop.SUPERSEDED:
            self._halt(Halt.ABANDON)
        elif self._running is not None:
            self._tell_cancelled(self._running[1])
            self._halt(Halt.FINISH)

    def _tell_cancelled(self, run: Run) -> None:
        """The stack is said to be cancelled at once; so is what this began in nested stacks."""
        if closing.is_cancelled(self.operation):
            return
        for change in closing.cancelled(run.stack, self.operation, run.now()):
            run.ledger.note(change)
        self.operation = replace(self.operation, reason=events.cancelled(self.operation.action))

    def lose(self) -> None:
        """The lease is gone: whatever runs is dropped, and nothing is written any more."""
        self._lost = True
        self._halt(Halt.ABANDON)

    def pause(self) -> None:
        """This engine ends: what is known is written, and the rest left to whoever takes the operation over."""
        self.paused = True
        self._halt(Halt.ABANDON)

    def _halt(self, how: Halt) -> None:
        if self._running is not None:
            self._running[0].halt(how)

    @property
    def _leaves(self) -> bool:
        """Whether it is to end where it is, leaving what is in flight to others."""
        return self._stop is Stop.SUPERSEDED or self._lost or self.paused

    async def run(self) -> None:
        """Executes the operation to its end. Raises what kept it from being written (a lost lease, a database that is gone)."""
        operation = self.operation
        begun = await self._readings.begun.get(operation.stack_id)
        if begun is None:
            raise LookupError(f"operation {operation.id} has no stack {operation.stack_id}")
        stack, rows = begun.stack, begun.rows
        waiting = self._bells.waiting
        ledger = Ledger(self._ports.journal, operation.id, operation.epoch, rows, waiting.work, waiting.post)
        ledger.let_go = operation.reason if operation.reason.startswith(events.LET_GO) else ""
        moved = ""
        if operation.epoch == 1:  # not again by who takes it over
            _tell(self._ports, operation, stack, Status.IN_PROGRESS, events.started(operation.action))
            await _tell_resize(self._ports, operation, stack, Status.IN_PROGRESS)
        cancelled = self._stop is Stop.CANCELLED and not _in_flight(operation, rows)
        if not self._leaves and not cancelled:
            try:
                if holding.is_held(operation):
                    moved = await self._ports.store_calls.run(
                        partial(holding.what_moved, self._ports, operation, stack, rows)
                    )
                if not moved:
                    await self._work(begun, ledger)
            except NotWritten:
                raise
            except (TemplateInvalid, UnknownType) as error:
                self._failure = f"{getattr(error, 'error_type', 'EntityNotFound')}: {error}"
            except Exception as error:
                if diagnose(error) is not Trouble.FATAL:
                    raise  # the database is away: that is not the operation's fault
                LOG.exception("an operation could not be executed", extra={"operation": operation.id})
                self._failure = f"{type(error).__name__}: {error}"
        if self._lost:
            return
        if self.paused:
            await ledger.durable()
            return
        await self._close(begun, ledger, moved)

    async def _work(self, begun: Begun, ledger: Ledger) -> None:
        """Plans and runs the plan. The first thing that becomes durable is that the plan it was held to has been checked."""
        for change in holding.checked(self.operation):
            ledger.note(change)
        stack, rows = begun.stack, begun.rows
        # Off the loop, for the plan of a huge stack takes longer than others should have to wait; but for a small one, for which
        # nothing has to be read, a thread would cost more than the work.
        off_loop = self._ports.store_calls.run
        small = len(rows) <= _FEW and self._readings.loader.at_hand(self.operation.target, _FEW)
        wanted = partial(self._desired, begun)
        desired, strange = wanted() if small else await off_loop(wanted)
        if strange:
            await off_loop(partial(_stand_in, self._ports, stack, desired, strange))
        try:
            seen = await observing.look(self._ports, self._settings, self.operation, stack, desired, rows)
        except observing.Unobserved as error:
            self._failure = str(error)
            return
        if self._leaves:
            return
        request = self._request(desired, rows, seen)
        plan_ = plan(request) if small else await off_loop(partial(plan, request))
        family = Family(self._bells, self._readings, self._deadline(stack))
        await self._drive(Run(self._ports, self._settings, self.operation, stack, desired, plan_, ledger, family))

    def _desired(self, begun: Begun) -> tuple[Desired, list[ResourceRecord]]:
        """What is wanted, and the rows of a type that there is not."""
        loader, target = self._readings.loader, self.operation.target
        if self.operation.action is Action.DELETE:
            desired = replace(loader.nothing(target), snapshots=begun.snapshots)
        else:
            desired = loader.desired(begun.stack, target)
        return desired, [row for row in begun.rows if observing.kind_of(desired.types, row) is None]

    def _request(self, desired: Desired, rows: list[ResourceRecord], seen: Seen) -> PlanRequest:
        return PlanRequest(
            action=self.operation.action,
            rows=rows,
            types=desired.types,
            definitions=desired.definitions,
            parameters=desired.parameters,
            outputs=desired.outputs,
            operation_id=self.operation.id,
            unsound=seen.unsound,
            observed=seen.observed,
            entries=desired.entries,
            turns=turns.of_operation(self.operation, rows, self._ports.clock.now()),
        )

    async def _drive(self, run: Run) -> None:
        if self._leaves:
            return  # it was told so while the plan was being made, when there was nothing to halt yet
        deadline = self._deadline(run.stack)
        if run.now() >= deadline:
            self._timed_out = True
            return
        ends = bool(self._failure) or self._stop is Stop.CANCELLED
        goes_back = bool(self._failure) and closing.follows(self.operation)
        chosen = _continuing(run, goes_back) if ends else run.plan
        driver = Driver(
            chosen,
            run.ledger,
            Work(
                partial(_watched, self._routine, run),
                lambda step: run.kind(step).local is True,
                self.hold.call,
                run.plan.pauses,
            ),
            (self._ports.clock, self._ports.calls.lane(run.stack.project_id)),
            self._settings,
        )
        self._running = driver, run
        if self._stop is Stop.CANCELLED:
            self._tell_cancelled(run)
        besides: list[asyncio.Task[None]] = []
        try:
            if not driver.begin():
                loop = asyncio.get_running_loop()
                besides.append(loop.create_task(self._ring((deadline - run.now()).total_seconds())))
                if any(run.kind(step).composite for step in chosen.steps):
                    besides.append(loop.create_task(self._look_after_children(run)))
                await driver.run()
        finally:
            self._running = None
            for task in besides:
                task.cancel()

    @property
    def only_waits(self) -> bool:
        """Whether nested stacks are waited for: such an operation does not count among those that an engine can hold."""
        return bool(self._bells.awaited)

    async def _look_after_children(self, run: Run) -> None:
        """Rings for nested stacks that another engine has brought to rest: one query for all of them, less and less often."""
        wait = self._settings.poll_first * 5
        while True:
            await self._ports.clock.sleep(wait)
            wait = min(wait * self._settings.poll_growth, self._settings.poll_max)
            awaited = list(self._bells.awaited)
            if not awaited:
                continue
            try:
                busy = await self._ports.store_calls.run(partial(self._ports.store.stacks.busy, awaited))
            except Exception:
                LOG.exception("nested stacks could not be looked at", extra=run.log)
                continue
            for stack_id in awaited:
                if stack_id not in busy:
                    self._bells.waiting.ring(stack_id)

    def _deadline(self, stack: StackRecord) -> datetime:
        operation = self.operation
        if operation.deadline is not None:
            return operation.deadline
        minutes = stack.timeout_mins
        seconds = minutes * 60.0 if minutes else self._settings.stack_action_timeout
        return operation.created_at + timedelta(seconds=seconds)

    async def _ring(self, seconds: float) -> None:
        await self._ports.clock.sleep(seconds)
        if self._stop is Stop.NONE:
            self._timed_out = True
        self._halt(Halt.ABANDON)

    def _routine(self, run: Run, step: Step) -> Routine[bool]:
        """The step, with its failure turned into state. Gives whether it went well."""
        try:
            if step.kind is StepKind.DELETE:
                yield from remove(run, step)
            elif step.kind.makes:
                yield from make(run, step)
            else:
                yield from act(run, step)
        except StepFailed as failed:
            self._failed(run, step, failed)
            return False
        return True

    def _failed(self, run: Run, step: Step, failed: StepFailed) -> None:
        """Writes down that a resource failed, and with the first one that the stack did."""
        row_id = failed.row_id or run.current.get(step.name) or step.row_id
        row = run.ledger.rows.get(row_id or "")
        reason = failed.outcome.reason
        if row is not None and not failed.spared:
            uncertain = failed.outcome.unknown and row.action is Action.CREATE and row.physical_id is None
            progress = row.progress or {}
            row = run.ledger.update(
                row.id,
                status=Status.FAILED,
                reason=reason,
                phase=Phase.INTENT if uncertain else Phase.NONE,
                progress={ATTEMPTED: progress[ATTEMPTED]} if ATTEMPTED in progress else row.progress,
                updated_at=run.now(),
            )
            run.row_event(row)
        if run.plan.action is Action.CHECK:
            # All resources are looked at; the stack's reason names each that failed.
            said = f"{step.name}: {reason}"
            self._failure = f"{self._failure}; {said}" if self._failure else f"Resource CHECK failed: {said}"
            return
        if self._failure or self._stop is not Stop.NONE:
            return
        if run.now() >= self._deadline(run.stack):  # a nested stack, whose deadline is the same, was first to notice
            self._timed_out = True
            self._halt(Halt.ABANDON)
            return
        action = row.action if row is not None and not failed.spared else run.plan.action
        self._failure = f"Resource {action} failed: {reason}"
        LOG.info("resource failed", extra={**run.log, "resource": step.name, "reason": reason})
        # The stack is said to have failed at once, as in Heat; what is in flight goes on to its end.
        run.ledger.note(UpdateOperation(self.operation.id, {"reason": self._failure}))
        for change in closing.stack_failed(run.stack, self.operation.action, self._failure, run.now()):
            run.ledger.note(change)
        self._halt(Halt.ABANDON if closing.follows(self.operation) else Halt.FINISH)

    async def _close(self, begun: Begun, ledger: Ledger, moved: str) -> None:
        """The last transaction: what became of the operation, its stack, and rows that were left in the middle.

        ``moved``: why nothing was done, see `holding.what_moved`.
        """
        operation, stack = self.operation, begun.stack
        now = self._ports.clock.now()
        if moved:
            before = await self._ports.store_calls.run(partial(holding.before, self._ports, operation))
            changes = closing.refused(stack, operation, before, moved, now)
        elif self._stop is not Stop.NONE:
            changes = closing.stopped(stack, operation, self._stop, ledger.rows.values(), now)
        elif self._failure or self._timed_out:
            changes = closing.failed(stack, operation, self._failure, self._timed_out, ledger.rows.values(), now)
            if closing.follows(operation):
                changes += await self._rollback(stack, now)
        else:
            if operation.action is Action.DELETE and stack.owner_id is None:
                await _remove_users(self._ports, await self._readings.stacks.get(stack.id))
            besides = closing.besides(operation.action, ledger.let_go, ledger.rows.values())
            changes = closing.completed(stack, operation, now, besides)
            if SNAPSHOT_ID in operation.options:
                data = await self._ports.store_calls.run(
                    partial(_exported, self._ports, operation, stack, list(ledger.rows.values()))
                )
                changes.insert(0, closing.filled(operation, data))
            if operation.action is Action.DELETE:
                changes += [RemoveSnapshot(snapshot.id) for snapshot in begun.snapshots]
        for change in changes:
            ledger.note(change)
        await ledger.durable()
        self._bells.waiting.ended(stack.id, nested=stack.owner_id is not None)
        ended = _tell_end(self._ports, operation, stack, changes)
        if ended is not None:
            await _tell_resize(self._ports, operation, stack, *ended)

    async def _rollback(self, stack: StackRecord, now: datetime) -> list[Any]:
        operation = self.operation
        target = operation.previous
        if target is None:
            body = closing.nothing_wanted(self._ports.store.templates.get(operation.target.template_id))
            target = closing.emptied(
                operation.target, await self._ports.store_calls.run(partial(self._ports.store.templates.put, body))
            )
        return closing.rollback(stack, operation, target, now)


def _watched(routine: Callable[[Run, Step], Routine[bool]], run: Run, step: Step) -> Routine[bool]:
    """The step, with its end told. Gives whether what comes after it may begin: of a check, whatever was found."""
    begun = run.ports.clock.monotonic()
    name = _class_name(run, step)  # before the step, after which there may be no row to tell it
    good = yield from routine(run, step)
    seconds = run.ports.clock.monotonic() - begun
    run.ports.watch.step_ended(name, step.kind.value, good, seconds)
    return good or run.plan.action is Action.CHECK


def _tell(ports: EnginePorts, operation: OperationRecord, stack: StackRecord, status: Status, reason: str) -> None:
    shown = changed(stack, action=operation.action, status=status, reason=reason)
    ports.watch.stack_changed(shown, ids_of(operation))


async def _tell_resize(
    ports: EnginePorts, operation: OperationRecord, stack: StackRecord, status: Status, reason: str = ""
) -> None:
    """Of a group that a signal resizes: told of the stack that the group is in."""
    resize = operation.options.get(RESIZE)
    if resize is None or stack.owner_id is None:
        return
    above = await ports.store_calls.run(partial(ports.store.stacks.get, stack.owner_id, True))
    if above is not None:
        ports.watch.group_resized(above, resize, status, reason)


def _tell_end(
    ports: EnginePorts, operation: OperationRecord, stack: StackRecord, changes: list[Any]
) -> tuple[Status, str] | None:
    """Of an end that is durable; one that was superseded ends no action of the stack's. How it ended, if it did."""
    values = next(change.values for change in changes if isinstance(change, UpdateOperation))
    state = OperationState(values["state"])
    seconds = (ports.clock.now() - operation.created_at).total_seconds()
    ports.watch.operation_ended(operation.action.value, state.value.lower(), seconds)
    if state is OperationState.SUPERSEDED:
        return None
    status, reason = Status.COMPLETE if state is OperationState.DONE else Status.FAILED, str(values["reason"])
    _tell(ports, operation, stack, status, reason)
    return status, reason


def _class_name(run: Run, step: Step) -> str:
    """The type's own name, for numbers: of a template as a type, whose name is the template's author's, only that it is one."""
    kind = run.kind(step)
    return "template" if issubclass(kind, TemplateResource) else kind.type_name


def _stand_in(ports: EnginePorts, stack: StackRecord, desired: Desired, rows: list[ResourceRecord]) -> None:
    """Of types that were a file which is not there any more: what it made as a nested stack can be deleted all the same."""
    for row in rows:
        child = ports.store.stacks.get(row.physical_id, True) if row.physical_id else None
        if child is not None and child.owner_id == stack.id:
            desired.types.stand_in(row)


async def _remove_users(ports: EnginePorts, stack: StackRecord | None) -> None:
    """Of a root stack, as it is when all its resources are gone. What is left of their project must not keep it from being deleted."""
    if stack is None or not stack.stack_user_project_id:
        return
    try:
        await ports.calls.run(partial(ports.remove_users, stack.stack_user_project_id))
    except Exception:
        LOG.exception("the project of a deleted stack's users stays", extra={"stack": stack.id})


def _exported(
    ports: EnginePorts, operation: OperationRecord, stack: StackRecord, rows: list[ResourceRecord]
) -> dict[str, Any]:
    """What a snapshot says of the stack."""
    store, target = ports.store, operation.target
    done = replace(stack, action=operation.action, status=Status.COMPLETE)
    files = {name: store.files.get(body) for name, body in target.files.items()}
    return stack_data(done, store.templates.get(target.template_id), files, rows)


def _in_flight(operation: OperationRecord, rows: Iterable[ResourceRecord]) -> set[str]:
    """Ids of the rows that an operation is, or was before a crash, in the middle of."""
    return {row.id for row in rows if row.operation_id == operation.id and row.status is Status.IN_PROGRESS}


def _continuing(run: Run, goes_back: bool) -> Plan:
    """Of an operation that had failed or was cancelled before a crash: only the steps that were in flight then, and none of one that
    goes back.
    """
    ours = _in_flight(run.operation, run.ledger.rows.values())
    steps = () if goes_back else tuple(step for step in run.plan.steps if step.row_id in ours)
    return replace(run.plan, steps=steps, edges={})
