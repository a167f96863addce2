"""Carrying out one action of one resource: call its handler, poll until it is over, repeat what failed for a passing cause.

What is durable when: the intent before the handler is called, the physical id when the handler gets it (the saver blocks), the token
before the first poll. So after a crash the row tells how far it had come, and `resume` goes on from there. Used by all kinds of steps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from kamado.engine import events
from kamado.engine.claims import Claims
from kamado.engine.effects import DURABLE, ON_DISK, Ask, Call, Enter, Fetch, Look, Routine, Sleep, StepFailed
from kamado.engine.gathering import Gathering
from kamado.engine.ledger import Ledger
from kamado.engine.ports import EngineSettings, Rows
from kamado.engine.waiting import FALLBACK_SECONDS, Bell, Bells
from kamado.model.lifecycle import Action, Phase
from kamado.model.records import ResourceRecord
from kamado.plugin import lifecycle
from kamado.plugin.context import ChildState
from kamado.plugin.errors import place_of
from kamado.plugin.lifecycle import ErrorKind, Outcome, OutcomeKind
from kamado.plugin.resource import Resource
from kamado.plugin.stack_resource import LooksFirst

TOKEN = "token"
"""Key in a row's progress: what the handler returned."""


DELETE = "delete"
SNAPSHOT_DELETE = "snapshot_delete"
DELETE_SNAPSHOT = "delete_snapshot"
"""The actions' names for `kamado.plugin.lifecycle`."""

_DELETES = frozenset({DELETE, SNAPSHOT_DELETE})

_GOES_BY_ITSELF = frozenset({ErrorKind.CONFLICT, ErrorKind.BROKEN, ErrorKind.TROUBLE})
"""What a deletion meets and tries again: still in use or busy, gone wrong on the way, a service in trouble."""


class LedgerSaver:
    """Keeps what a handler has learned: in the running batch for ``local`` code, durable at once for code in a thread."""

    def __init__(self, ledger: Ledger, row_id: str) -> None:
        self._ledger = ledger
        self._row_id = row_id
        self.local = False

    def save_physical_id(self, physical_id: str | None) -> None:
        """The cloud's id of the resource, or None when it is gone."""
        self._keep(physical_id=physical_id)

    def save_data(self, data: Mapping[str, Any]) -> None:
        """The type's own data, whole."""
        self._keep(data=dict(data))

    def save_metadata(self, metadata: Mapping[str, Any]) -> None:
        """The resource's metadata, whole."""
        self._keep(metadata=dict(metadata))

    def change_metadata(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """The metadata as ``change`` makes it of what it is now."""
        self.save_metadata(change(self._ledger.rows[self._row_id].metadata))

    def _keep(self, **values: Any) -> None:
        if self.local:
            self._ledger.update(self._row_id, **values)
        else:
            self._ledger.save(self._row_id, **values)


class Taken(Collection[str]):
    """Physical ids that other rows hold, or are about to, asked one at a time: a list of all of them would be the whole cloud."""

    def __init__(self, rows: Rows, claims: Claims, row_id: str) -> None:
        self._rows = rows
        self._claims = claims
        self._row_id = row_id

    def __contains__(self, physical_id: object) -> bool:
        return isinstance(physical_id, str) and (
            self._claims.of_others(physical_id, self._row_id) or physical_id in self._rows.taken([physical_id])
        )

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Caller:
    """What carrying out needs of the run."""

    ledger: Ledger
    settings: EngineSettings
    rows: Rows
    random: Random
    children: Gathering[ChildState]
    bells: Bells = field(default_factory=Bells)
    owner: str = ""
    """Whose cloud it is: things of one owner may be looked at by one call."""
    patience: float | None = None
    """Seconds that a deletion may take at most; None for as long as the operation may."""

    def carry_out(
        self, resource: Resource, action: str, changes: Mapping[str, Any] | None = None, *, resume: bool = False
    ) -> Routine[None]:
        """Runs the action to its end. ``resume``: the row's phase says how far an earlier engine had come. Raises StepFailed."""
        yield Enter(bool(resource.local))
        called, token = False, None
        if resume:
            called, token = yield from self._how_far(resource, action)
        attempt = 0
        unknown = False
        fresh = False
        while True:
            try:
                if unknown and not called:
                    called = yield from self._look_up(resource, self.ledger.rows[resource.id])
                if not called:
                    token = yield from self._start(resource, action, changes)
                    called = True
                    fresh = token is not None
                if resource.composite and resource.physical_id is not None:
                    yield from self._await_child(resource, action, token, fresh)
                else:
                    yield from self._poll(resource, action, token)
                return
            except StepFailed:
                raise
            except Exception as error:
                outcome = lifecycle.outcome(error, resource.name)
            if action == DELETE and outcome.kind is not OutcomeKind.RETRY:
                called = False  # what went wrong while it was waited for is asked for again
            # Once an answer was lost, each further create looks first: the cloud may be late.
            unknown = unknown or (not called and action == Action.CREATE and outcome.unknown)
            attempt += 1
            if not _passes(outcome, action) or attempt > self.settings.action_retry_limit:
                # What an answer that was lost may have left is not forgotten for another that came.
                raise StepFailed(replace(outcome, unknown=outcome.unknown or unknown), resource.id)
            # Whoever wonders why it takes so long is told; the end of the action says something else.
            self.ledger.update(resource.id, reason=events.TRIED_AGAIN.format(outcome.reason))
            yield Sleep(self.pause(attempt, outcome))

    def _start(self, resource: Resource, action: str, changes: Mapping[str, Any] | None) -> Routine[Any]:
        yield DURABLE
        if action == Action.CREATE and isinstance(resource, LooksFirst):
            resource.looked = yield Fetch(resource.look)
        token = yield Call(partial(lifecycle.start, resource, action, changes))
        if token is not None:
            self._keep_token(resource, token)
            yield DURABLE
        return token

    def _poll(self, resource: Resource, action: str, token: Any) -> Routine[None]:
        """Until it is over. Raises StepFailed, or for a deletion that must be asked for again what the handler raised."""
        row_id = token.get(resource.waits_for) if resource.waits_for and isinstance(token, dict) else None
        if row_id is None:
            yield from self._poll_by(resource, action, token, None)
            return
        bell = self.bells.waiting.hang(row_id)
        try:
            yield from self._poll_by(resource, action, token, bell)
        finally:
            self.bells.waiting.take_down(row_id, bell)

    def _poll_by(self, resource: Resource, action: str, token: Any, bell: Bell | None) -> Routine[None]:
        """Polls at growing intervals, and whenever the bell is rung. Only failures in a row count: a long build may meet many
        passing ones.
        """
        failures = 0
        waited = 0.0
        slept = False
        wait = self.settings.poll_first
        shared = lifecycle.polled_by_list(resource)
        while True:
            if bell is not None:
                bell.clear()
            before = copy.deepcopy(token) if isinstance(token, dict) else token
            pause = 0.0
            try:
                if slept and shared is not None:
                    key = (self.owner, shared.name)
                    resource.seen = yield Look(self.bells.waiting.looks, key, str(resource.physical_id), shared.read)
                over = yield Call(partial(lifecycle.poll, resource, action, token))
                resource.seen = None
                if over:
                    return
                failures = 0
            except Exception as error:
                outcome = lifecycle.outcome(error, resource.name)
                failures += 1
                if action == DELETE and outcome.error in _GOES_BY_ITSELF and outcome.kind is not OutcomeKind.RETRY:
                    raise
                if outcome.kind is not OutcomeKind.RETRY or failures > self.settings.action_retry_limit:
                    raise StepFailed(outcome, resource.id) from error
                pause = self.pause(failures, outcome, spread=shared is None)
            if token != before:
                self._keep_token(resource, token)
            yield DURABLE
            self._lose_patience(resource, action, waited)
            again = resource.asks_again_after(token)
            rest = max(wait if again is None else min(wait, again), pause)
            yield Sleep(rest, bell, together=shared is not None)
            slept = True
            waited += rest
            wait = min(wait * self.settings.poll_growth, self.settings.poll_max)

    def _lose_patience(self, resource: Resource, action: str, waited: float) -> None:
        if self.patience is not None and action in _DELETES and waited >= self.patience:
            said = f"Error: {place_of(resource.name)}: it is still there {self.patience:g} seconds after it was deleted"
            raise StepFailed(Outcome(OutcomeKind.FAIL, said), resource.id)

    def _await_child(self, resource: Resource, action: str, token: Any, fresh: bool) -> Routine[None]:
        """Until the child stack has come to rest. ``fresh``: it was begun just now, so there is nothing to see yet."""
        stack_id = str(resource.physical_id)
        yield ON_DISK  # nobody may look for what is not there yet
        bell = self.bells.hang(stack_id)
        try:
            while True:
                if not fresh:
                    bell.clear()
                    resource.saw((yield Ask(self.children, stack_id)))
                    before = copy.deepcopy(token)
                    try:
                        if (yield Call(partial(lifecycle.poll, resource, action, token))):
                            return
                    except Exception as error:
                        raise StepFailed(lifecycle.outcome(error, resource.name), resource.id) from error
                    if token != before:
                        self._keep_token(resource, token)
                fresh = False
                again = resource.asks_again_after(token)
                yield ON_DISK
                yield Sleep(FALLBACK_SECONDS if again is None else min(again, FALLBACK_SECONDS), bell)
        finally:
            self.bells.take_down(stack_id, bell)

    def _keep_token(self, resource: Resource, token: Any) -> None:
        row = self.ledger.rows[resource.id]
        progress = {**(row.progress or {}), TOKEN: copy.deepcopy(token)}
        self.ledger.update(row.id, phase=Phase.CALLED, progress=progress)

    def _how_far(self, resource: Resource, action: str) -> Routine[tuple[bool, Any]]:
        """Whether the handler was called by an earlier engine, and what it returned."""
        row = self.ledger.rows[resource.id]
        if row.phase is Phase.CALLED:
            return True, copy.deepcopy((row.progress or {}).get(TOKEN))
        if action != Action.CREATE:
            return False, None
        if row.physical_id is not None:
            return True, None
        return (yield from self._look_up(resource, row)), None

    def _look_up(self, resource: Resource, row: ResourceRecord) -> Routine[bool]:
        """Finds what a create may have made without our knowing; whether there was something, which is then ours."""
        if not resource.can_find or row.physical_id is not None:
            return row.physical_id is not None
        since, claims = self._since(row), self.bells.waiting.claims
        look = partial(resource.find_existing, since, Taken(self.rows, claims, row.id))
        while True:
            try:
                found = yield from self.patiently(resource, look)
            except StepFailed as failed:
                # That it may exist must not be forgotten: whoever deletes or replaces it looks again.
                raise StepFailed(replace(failed.outcome, unknown=True), resource.id) from failed
            if found is None:
                return False
            if not claims.take(found, row.id):
                continue  # another row was first
            try:
                if (yield Call(partial(self._own, resource, found))):
                    return True
            finally:
                claims.give_back(found, row.id)
            yield Sleep(self.settings.retry_first * self.random.uniform(0.1, 1))

    def _own(self, resource: Resource, found: str) -> bool:
        """Makes it the row's, unless that of another engine did so at the same moment: then both let go, and look again."""
        resource.set_physical_id(found)
        if resource.local or self.rows.holders(found) <= {resource.id}:
            return True
        resource.set_physical_id(None)
        return False

    def look_up_before_delete(self, resource: Resource) -> Routine[bool]:
        """The same for a row that is to be deleted without its physical id being known."""
        yield Enter(bool(resource.local))
        return (yield from self._look_up(resource, self.ledger.rows[resource.id]))

    def patiently(self, resource: Resource, function: Any, *, reads: bool = True) -> Routine[Any]:
        """A call that changes nothing, repeated while it fails for a passing cause. Raises StepFailed.

        ``reads``: whether that of a composite asks the database, for which it would wait off the loop.
        """
        attempt = 0
        while True:
            try:
                return (yield Fetch(function) if resource.composite and reads else Call(function))
            except Exception as error:
                outcome = lifecycle.outcome(error, resource.name)
            attempt += 1
            if outcome.kind is not OutcomeKind.RETRY or attempt > self.settings.action_retry_limit:
                raise StepFailed(outcome, resource.id)
            yield Sleep(self.pause(attempt, outcome))

    def _since(self, row: ResourceRecord) -> datetime:
        """When the row was made, with the intent of its one creation: no action that comes later moves that."""
        return row.created_at - timedelta(seconds=self.settings.adoption_slack)

    def pause(self, attempt: int, outcome: Outcome, *, spread: bool = True) -> float:
        """Seconds to wait before trying again for the ``attempt``-th time: growing, at least what the cloud asks for, and ``spread``, so
        that a thousand that failed together do not come back together; unless they come back as one call.
        """
        settings = self.settings
        wait: float = min(settings.retry_first * 2 ** (attempt - 1), settings.retry_max)
        asked = outcome.after or 0.0
        if spread:
            wait, asked = wait * self.random.uniform(0.75, 1.25), asked * self.random.uniform(1.0, 1.2)
        return max(wait, asked)


def _passes(outcome: Outcome, action: str) -> bool:
    """Whether it may be otherwise in a moment. What still uses a thing often goes by itself, so a delete waits for that."""
    return outcome.kind is OutcomeKind.RETRY or (action in _DELETES and outcome.error in _GOES_BY_ITSELF)
