"""What a row's last action does not say, so that it is carried on in its progress from one action to the next.

Whether a creation whose outcome nobody heard has made something after all: until somebody has looked, the doubt stays with the row, else
what may be there would never be deleted. And whether it sleeps: a check or a snapshot of what is suspended does not wake it. Used by the
steps and by the orchestrator (marks of health).
"""

from __future__ import annotations

from typing import Any

from kamado.model.lifecycle import Action, Phase, Status
from kamado.model.records import ResourceRecord

UNCERTAIN = "uncertain"
"""Key in a row's progress: a creation was begun and its outcome is not known."""
ASLEEP = "asleep"
"""Key in a row's progress: it was suspended before what was done to it last."""


def uncertain(row: ResourceRecord) -> bool:
    """Whether there may be something in the cloud that the row does not know of."""
    if row.physical_id is not None:
        return False
    if (row.progress or {}).get(UNCERTAIN):
        return True
    return row.action is Action.CREATE and row.phase is not Phase.NONE


def asleep(row: ResourceRecord) -> bool:
    """Whether it was suspended, and nothing has woken it since."""
    return (row.action, row.status) == (Action.SUSPEND, Status.COMPLETE) or bool((row.progress or {}).get(ASLEEP))


def doubt(row: ResourceRecord) -> dict[str, Any] | None:
    """The progress with which an action of the row begins or ends that leaves nothing asleep."""
    return {UNCERTAIN: True} if uncertain(row) else None


def carried(row: ResourceRecord) -> dict[str, Any] | None:
    """The progress with which another action of the row begins and ends."""
    return {**(doubt(row) or {}), **({ASLEEP: True} if asleep(row) else {})} or None
