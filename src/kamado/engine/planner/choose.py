"""Pass 2: which row stands for each wanted resource, and which rows are left over.

A name may have several rows: a replacement under way, or what failed, cancelled and superseded operations left. The one that
fits the wanted definition best is chosen, so that a rollback takes back the old row that still lives; the rest is deleted
after the chosen one is in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from kamado.engine.digests import definition_digest, same_writing
from kamado.engine.plan import Reason
from kamado.engine.planner.request import Draft
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def choose(draft: Draft) -> None:
    """Fills ``by_id``, ``chosen`` and ``leftovers``."""
    request = draft.request
    draft.by_id = {row.id: row for row in request.rows}
    rows_of: dict[str, list[ResourceRecord]] = {}
    for row in request.rows:
        rows_of.setdefault(row.name, []).append(row)
    gone = Reason.REMOVED_FROM_TEMPLATE if request.definitions else Reason.STACK_DELETED
    for name, rows in rows_of.items():
        definition = request.definitions.get(name)
        if definition is None:
            draft.leftovers.extend((row, gone) for row in rows)
            continue
        usable = [row for row in rows if _usable(row, definition.type)]
        if usable:
            best = usable[0]
            if len(usable) > 1:
                version = request.types.version(definition.type, name)
                digest = definition_digest(definition, request.parameters, version)
                best = _best(usable, definition.type, digest, request.operation_id)
            draft.chosen[name] = best
            rows = [row for row in rows if row is not best]
        draft.leftovers.extend((row, Reason.LEFT_OVER) for row in rows)


def _usable(row: ResourceRecord, type_name: str) -> bool:
    """Whether a row can stand for a resource: not one that is going, nor one that was never begun as something else."""
    return row.action is not Action.DELETE and (row.action is not Action.INIT or row.type == type_name)


def _best(rows: Iterable[ResourceRecord], type_name: str, digest: str, operation_id: str) -> ResourceRecord:
    def fitness(row: ResourceRecord) -> tuple[object, ...]:
        alive = row.status is not Status.FAILED
        return (
            row.type == type_name,
            alive and bool(operation_id) and row.operation_id == operation_id,  # made by this very run, before a crash
            alive and same_writing(row, digest),
            row.status is Status.COMPLETE,
            row.action is not Action.INIT,
            row.replaced_by is None,
            row.physical_id is not None,
            row.created_at or _LONG_AGO,
            row.id,
        )

    return max(rows, key=fitness)
