"""Changes as data: what the engine asks the store's journal to write, many at a time.

A batch of changes belongs to one operation and is written in one transaction under its fence: when the engine's lease is
gone, nothing of it is written. ``values`` name fields of the record; a name that is no field is a programming error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kamado.model.lifecycle import Stop
from kamado.model.records import EventRecord, OperationRecord, ResourceRecord, StackRecord


@dataclass(frozen=True, slots=True)
class InsertResource:
    """A new resource row."""

    record: ResourceRecord


@dataclass(frozen=True, slots=True)
class UpdateResource:
    """New values for some fields of a resource row; ``secret`` when the row's record says so: they are then encrypted."""

    id: str
    values: Mapping[str, Any]
    secret: bool = False


@dataclass(frozen=True, slots=True)
class RemoveResource:
    """The row goes; its events stay."""

    id: str


@dataclass(frozen=True, slots=True)
class AppendEvent:
    """A line of the stack's history; events of one stack keep the order in which they were appended."""

    record: EventRecord


@dataclass(frozen=True, slots=True)
class UpdateStack:
    """New values for some fields of a stack row."""

    id: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UpdateOperation:
    """New values for some fields of an operation row; an ended state also drops the lease."""

    id: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InsertOperation:
    """A follow-up operation on the same stack (a rollback), accepted in the transaction that ends the first."""

    record: OperationRecord


@dataclass(frozen=True, slots=True)
class UpdateSnapshot:
    """New values for some fields of a snapshot."""

    id: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RemoveSnapshot:
    """A snapshot goes, with its stack."""

    id: str


@dataclass(frozen=True, slots=True)
class InsertStack:
    """A nested stack with its first operation and the line of history that says so.

    Written by the operation of its parent, so it is there exactly when the parent's row knows of it. When that operation is
    superseded already, the first operation is recorded as ended: whoever comes next starts it again.
    """

    stack: StackRecord
    operation: OperationRecord
    event: EventRecord


@dataclass(frozen=True, slots=True)
class StartOperation:
    """An operation on a nested stack, accepted as `kamado.store.stacks.Stacks.start` does: it supersedes what runs there.

    Nothing happens when the nested stack is gone, or when the operation that asks for it is superseded.
    """

    operation: OperationRecord
    values: Mapping[str, Any]
    event: EventRecord
    as_it_is: bool = False
    """The operation's target is the nested stack's own, whatever that is then."""


@dataclass(frozen=True, slots=True)
class StopChildren:
    """What the operation ``operation_id`` on the stack ``stack_id`` has started in nested stacks stops, for the reason ``stop``.

    SUPERSEDED: a newer operation on the parent comes and goes on with them. CANCELLED: nobody comes, so nested stacks in the middle of
    something that no operation works on get one that closes them as failed.
    """

    stack_id: str
    operation_id: str
    stop: Stop
    now: datetime


Change = (
    InsertResource
    | UpdateResource
    | RemoveResource
    | AppendEvent
    | UpdateStack
    | UpdateOperation
    | InsertOperation
    | UpdateSnapshot
    | RemoveSnapshot
    | InsertStack
    | StartOperation
    | StopChildren
)
