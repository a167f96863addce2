"""Other resources of a stack, for a type that works on one of them: a wait condition and its handle.

Read from the store each time, because others than the running operation write them (signals).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kamado.engine.children import in_use
from kamado.engine.ports import Rows
from kamado.model.records import ResourceRecord


class Siblings:
    """The port `kamado.plugin.context.Siblings` for one stack."""

    def __init__(self, rows: Rows, stack_id: str) -> None:
        self._rows = rows
        self._stack_id = stack_id

    def row(self, row_id: str) -> ResourceRecord | None:
        """One by the id of its row."""
        found = self._rows.by_id(row_id)
        return found if found is not None and found.stack_id == self._stack_id else None

    def named(self, name: str) -> ResourceRecord | None:
        """The one that stands for a name of the template."""
        return in_use(self._rows.named(self._stack_id, (name,)))

    def holding(self, physical_id: str) -> ResourceRecord | None:
        """The one that has this physical id."""
        return in_use(self._rows.holding(self._stack_id, physical_id))

    def change(self, row_id: str, decide: Callable[[ResourceRecord], Mapping[str, Any]]) -> None:
        """New metadata or data for one, out of what it has now, together; durable on return."""
        self._rows.change(row_id, lambda row: (dict(decide(row)), ()))

    def known_as(self, name: str) -> ResourceRecord | None:
        """The one that has this physical name."""
        return in_use(self._rows.known_as(self._stack_id, name))
