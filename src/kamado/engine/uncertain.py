"""What a row does not know: whether a creation whose outcome nobody heard has made something after all.

Until somebody has looked, the doubt stays with the row, whatever else is done to it; else what may be there would never be deleted.
Used by the steps and by the orchestrator (marks of health).
"""

from __future__ import annotations

from typing import Any

from kamado.model.lifecycle import Action, Phase
from kamado.model.records import ResourceRecord

UNCERTAIN = "uncertain"
"""Key in a row's progress: a creation was begun and its outcome is not known."""


def uncertain(row: ResourceRecord) -> bool:
    """Whether there may be something in the cloud that the row does not know of."""
    if row.physical_id is not None:
        return False
    if (row.progress or {}).get(UNCERTAIN):
        return True
    return row.action is Action.CREATE and row.phase is not Phase.NONE


def doubt(row: ResourceRecord) -> dict[str, Any] | None:
    """The progress with which another action of the row begins and ends."""
    return {UNCERTAIN: True} if uncertain(row) else None
