"""Points at which a resource waits until somebody lets it go on, named by the environment.

While a resource waits at a hook, its row's progress names it, so that a crash changes nothing, and a signal clears it there. Used by the
steps of the executor and by the orchestrator (signals). The trap: what an operation that was stopped left in the progress means nothing to
the next one, so the operation is named too.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from kamado.engine.effects import DURABLE, Call, Enter, Routine, Sleep
from kamado.model.lifecycle import Action
from kamado.model.records import ResourceRecord

if TYPE_CHECKING:
    from kamado.engine.run import Run

HOOK = "hook"
"""Key in a row's progress: the hook that the resource waits at."""
OPERATION = "hook_of"
"""Key in a row's progress: the operation that waits."""
PASSED = "passed_hooks"
"""Key in a row's progress: the hooks that were cleared for that operation already."""

PRE_UPDATE = "pre-update"

_UPDATING = frozenset({Action.UPDATE, Action.ROLLBACK, Action.RESTORE})

_LOOK_EVERY = 1.0
"""Seconds between two looks at whether a hook was cleared."""


def named(entries: Mapping[str, Any], name: str, key: str) -> frozenset[str]:
    """What the environment's entries for resources say under ``key`` (hooks, restricted_actions) for a resource; names may be patterns."""
    found: set[str] = set()
    for pattern, entry in entries.items():
        if isinstance(entry, Mapping) and key in entry and fnmatch.fnmatchcase(name, pattern):
            words = entry[key]
            found.update([words] if isinstance(words, str) else words or ())
    return frozenset(found)


def waits_at(row: ResourceRecord) -> str | None:
    """The hook at which a resource waits."""
    found = (row.progress or {}).get(HOOK)
    return None if found is None else str(found)


def cleared(row: ResourceRecord) -> dict[str, Any]:
    """The progress of a row whose hook is let go."""
    progress = dict(row.progress or {})
    hook = progress.pop(HOOK, None)
    return progress if hook is None else {**progress, PASSED: [*progress.get(PASSED, ()), hook]}


def waiting_for(row: ResourceRecord, operation_id: str) -> bool:
    """Whether a resource waits at a hook on behalf of that very operation."""
    return waits_at(row) is not None and (row.progress or {}).get(OPERATION) == operation_id


def hooked(run: Run, name: str, hook: str) -> bool:
    """Whether the environment has the hook for a resource."""
    return hook in named(run.desired.entries, name, "hooks")


def waits_unchanged(entries: Mapping[str, Any], action: Action, row: ResourceRecord, operation_id: str) -> bool:
    """Whether a resource that nothing changes about waits before its update all the same. ``action``, ``operation_id``: what runs.

    What that very operation has brought to its end already has done its waiting.
    """
    fresh = row.operation_id != operation_id and row.external_id is None
    return fresh and action in _UPDATING and PRE_UPDATE in named(entries, row.name, "hooks")


def wait_at(run: Run, row_id: str, hook: str, action: Action) -> Routine[None]:
    """Waits until the hook is cleared, if the environment has it for this resource. Goes on waiting after a crash."""
    row = run.ledger.rows[row_id]
    if not hooked(run, row.name, hook):
        return
    progress = dict(row.progress or {})
    ours = progress.get(OPERATION) == run.operation.id
    if ours and hook in progress.get(PASSED, ()):
        return
    yield Enter(False)
    if not ours or progress.get(HOOK) != hook:
        passed = progress.get(PASSED, ()) if ours else ()
        progress |= {HOOK: hook, OPERATION: run.operation.id, PASSED: list(passed)}
        row = run.ledger.update(row_id, progress=progress)
        run.row_event(replace(row, reason=f"{action} paused until Hook {hook} is cleared"))
    while True:
        yield DURABLE
        found = yield Call(partial(run.ports.store.resources.by_id, row_id))
        if found is None or waits_at(found) != hook:
            break
        yield Sleep(_LOOK_EVERY, idle=True)
    if found is not None:
        run.ledger.rows[row_id] = replace(run.ledger.rows[row_id], progress=found.progress)
