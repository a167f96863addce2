"""What was worked out from something, kept for as long as that is the same; and rows read in a form that is compared at once.

Used by the store for records of rows, and above it for what is made of those. Reads ask for the same things over and over; the database
is asked each time, and only the work on an answer that has not changed is saved. So it is right whoever else writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Select, func, select

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement gave; equal when all rows are. A boolean may be a number."""

    _raw: str | Sequence[Sequence[Any]]

    @classmethod
    def read(cls, connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> Rows:
        """Run a statement, one that is built once and used again.

        SQLite lets go of the interpreter at each row, and whoever then waits for it waits long where others compute. So it is asked for
        all rows as one text, which it also makes faster than Python makes tuples.
        """
        if connection.dialect.name == "sqlite":
            return cls(connection.execute(_as_text(statement), values).scalar_one())
        result = connection.execute(statement, values)
        assert result.cursor is not None
        found = cls(result.cursor.fetchall())
        result.close()
        return found

    def all(self) -> Sequence[Sequence[Any]]:
        """The values row by row."""
        found: Sequence[Sequence[Any]] = json.loads(self._raw) if isinstance(self._raw, str) else self._raw
        return found


@lru_cache(maxsize=512)
def _as_text(statement: Select[Any]) -> Select[Any]:
    rows = statement.subquery("listed")
    return select(func.json_group_array(func.json_array(*rows.c)))


class Remembered(Generic[T]):
    """Values by key, each with its source. Safe from any thread.

    ``most`` is the weight that is kept, of which a value has 1 unless it is said; beyond it everything is forgotten, and made anew when
    it is asked for. What is given is shared: nobody may change it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._lock = Lock()
        self._kept: dict[Hashable, tuple[object, T, int]] = {}

    def get(self, key: Hashable, source: object, make: Callable[[], T], weigh: Callable[[T], int] = lambda _: 1) -> T:
        """The value made from an equal source before, else a new one."""
        kept = self._kept.get(key)
        if kept is not None and (kept[0] is source or kept[0] == source):
            return kept[1]
        made = make()
        weight = weigh(made)
        with self._lock:
            before = self._kept.pop(key, None)
            self._weight += weight - (before[2] if before else 0)
            if self._weight > self._most:
                self._kept.clear()
                self._weight = weight
            self._kept[key] = (source, made, weight)
        return made
