"""Changes as data: what the engine asks the store's journal to write, many at a time.

A batch of changes belongs to one operation and is written in one transaction under its fence: when the engine's lease is
gone, nothing of it is written. ``values`` name fields of the record; a name that is no field is a programming error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kamado.model.records import EventRecord, OperationRecord, ResourceRecord


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
)
