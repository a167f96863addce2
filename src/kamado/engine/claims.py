"""Things of the cloud that look-ups of this process are about to make their rows' own.

Of rows whose creation is in doubt several may look for things of one name at once; between the look and the durable row nobody else sees
what was chosen. One for an engine, in `kamado.engine.waiting.Waiting`. Safe from any thread.
"""

from __future__ import annotations


class Claims:
    """Who is about to take what."""

    def __init__(self) -> None:
        self._rows: dict[str, str] = {}

    def take(self, physical_id: str, row_id: str) -> bool:
        """Whether the row may take it: no other is about to."""
        return self._rows.setdefault(physical_id, row_id) == row_id

    def give_back(self, physical_id: str, row_id: str) -> None:
        """It is the row's by now, or will not be."""
        if self._rows.get(physical_id) == row_id:
            del self._rows[physical_id]

    def of_others(self, physical_id: str, row_id: str) -> bool:
        """Whether another row is about to take it."""
        return self._rows.get(physical_id, row_id) != row_id
