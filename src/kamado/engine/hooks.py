"""Points at which a resource waits until somebody lets it go on: who has which, and what a row knows of it.

A hook comes from the environment; while a resource waits at one, the row's progress names it, so that a crash changes nothing, and a
signal clears it there. Used by the steps of the executor and by the orchestrator (signals).
"""

from __future__ import annotations

from typing import Any

from kamado.model.records import ResourceRecord

HOOK = "hook"
"""Key in a row's progress: the hook that the resource waits at."""
PASSED = "passed_hooks"
"""Key in a row's progress: the hooks of this action that were cleared already."""


def waits_at(row: ResourceRecord) -> str | None:
    """The hook at which a resource waits."""
    found = (row.progress or {}).get(HOOK)
    return None if found is None else str(found)


def has_passed(row: ResourceRecord, hook: str) -> bool:
    """Whether that hook was cleared in the running action."""
    return hook in (row.progress or {}).get(PASSED, ())


def cleared(row: ResourceRecord) -> dict[str, Any]:
    """The progress of a row whose hook is let go."""
    progress = dict(row.progress or {})
    hook = progress.pop(HOOK, None)
    return progress if hook is None else {**progress, PASSED: [*progress.get(PASSED, ()), hook]}
