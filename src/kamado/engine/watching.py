"""What an engine tells whoever watches it: states that have changed, steps and operations that have ended.

A port like the others: `kamado.assemble` joins watchers (log, notifications, metrics, traces). The trap: it is called on the engine's
loop, so a watcher must neither block nor raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from kamado.model.lifecycle import Status
from kamado.model.records import ResourceRecord, StackRecord


class Watch(Protocol):
    """Somebody who watches. ``ids``: of stack, operation, engine and request, for log lines."""

    def stack_changed(self, stack: StackRecord, ids: Mapping[str, str]) -> None:
        """A stack has the state that the record shows; the end of an action is told when it is durable."""

    def group_resized(self, stack: StackRecord, resize: Mapping[str, Any], status: Status, reason: str) -> None:
        """A group of a stack is being resized because a signal asked for it (IN_PROGRESS), has been, or could not be (FAILED, ``reason``).

        ``resize``: what was asked for, as the option `kamado.model.records.RESIZE` has it.
        """

    def resource_changed(self, row: ResourceRecord, ids: Mapping[str, str]) -> None:
        """A resource has the state that the row shows."""

    def step_ended(self, type_name: str, action: str, good: bool, seconds: float) -> None:
        """A step has ended. ``type_name`` is that of a class, never a name that a template gave."""

    def operation_began(self, action: str, trace: str) -> None:
        """This engine begins to work on an operation: what follows in this task, and in calls that it makes, belongs to it.

        ``trace``: the ``traceparent`` of the request that asked for it, "" for none.
        """

    def operation_left(self) -> None:
        """The engine is done with it, be it ended or left to another."""

    def operation_ended(self, action: str, outcome: str, seconds: float) -> None:
        """An operation has ended; ``seconds`` since it was accepted."""


class Nobody:
    """Nobody watches."""

    def stack_changed(self, stack: StackRecord, ids: Mapping[str, str]) -> None:
        """Nothing."""

    def group_resized(self, stack: StackRecord, resize: Mapping[str, Any], status: Status, reason: str) -> None:
        """Nothing."""

    def resource_changed(self, row: ResourceRecord, ids: Mapping[str, str]) -> None:
        """Nothing."""

    def step_ended(self, type_name: str, action: str, good: bool, seconds: float) -> None:
        """Nothing."""

    def operation_began(self, action: str, trace: str) -> None:
        """Nothing."""

    def operation_left(self) -> None:
        """Nothing."""

    def operation_ended(self, action: str, outcome: str, seconds: float) -> None:
        """Nothing."""
