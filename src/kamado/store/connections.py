"""Connections that stay checked out between two uses: with SQLAlchemy that costs more than a small statement does.

Used by `store` for reading and for writing alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")


class Connections:
    """The connections of an engine of SQLAlchemy, of which at most ``kept`` wait for their next use. Safe from any thread.

    One on which something went wrong is given back to the engine, whose pool knows what to do with it. When it was lost, the others are
    not believed either: a server that was away has lost them all.
    """

    def __init__(self, engine: Engine, kept: int = 5) -> None:
        self.engine = engine
        self._most = kept
        self._kept: list[Connection] = []

    def run(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, run on a connection that is nobody else's meanwhile."""
        try:
            connection = self._kept.pop()
        except IndexError:
            connection = self.engine.connect()
        try:
            found = work(connection)
        except BaseException:
            if connection.invalidated:
                self._let_go()
            connection.close()
            raise
        if len(self._kept) < self._most:
            self._kept.append(connection)
        else:
            connection.close()
        return found

    def begin(self, work: Callable[[Connection], T]) -> T:
        """The same in a transaction, which is committed unless ``work`` raises."""

        def whole(connection: Connection) -> T:
            with connection.begin():
                return work(connection)

        return self.run(whole)

    def close(self) -> None:
        """Close all that are not in use."""
        self._let_go()
        self.engine.dispose()

    def _let_go(self) -> None:
        while self._kept:
            connection = self._kept.pop()
            connection.invalidate()  # else it would be rolled back, which raises when the server has ended it
            connection.close()
