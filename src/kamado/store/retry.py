"""Which database errors pass by themselves, and how long to try again.

Called by `kamado.store.store`. A transaction is always run again as a whole. The trap: when the connection breaks while
COMMIT is under way, nobody knows whether it happened; work that is not harmless to repeat has to find out by itself.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

from sqlalchemy.exc import DBAPIError

_MYSQL_CONFLICTS = frozenset({1205, 1213, 1020, 3101})
"""Lock wait timeout, deadlock (Galera's certification failure too), record changed since last read, group rollback."""

_MYSQL_LOST = frozenset(
    {1040, 1047, 1053, 1152, 1158, 1159, 1160, 1161, 1290, 1836, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 4031}
)
"""Too many connections, node not ready, shutting down, broken or killed connections, read-only during a fail-over."""

_POSTGRES_CONFLICTS = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available."""

_POSTGRES_LOST = frozenset({"25006", "25P03", "53300", "57P01", "57P02", "57P03", "57P05"})
"""Read-only during a fail-over, silent for too long within a transaction, too many connections, shutting down, crashed, starting up, idle
session ended.
"""

_SQLITE_CONFLICTS = frozenset({5, 6})
"""SQLITE_BUSY and SQLITE_LOCKED."""


class Trouble(Enum):
    """What kind of failure a database error is."""

    CONFLICT = "conflict"
    """Rolled back for certain; try again soon."""
    LOST = "lost"
    """The server or the connection went away; try again until it is back."""
    FATAL = "fatal"
    """Trying again gives the same."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try: number of conflicts in a row, and seconds for which the database may be away."""

    conflicts: int
    seconds: float


REQUEST = Patience(conflicts=25, seconds=10.0)
"""Somebody waits for the answer."""

JOURNAL = Patience(conflicts=100, seconds=300.0)
"""The work is done already; losing the record of it is worse than waiting for a fail-over."""


def diagnose(error: BaseException) -> Trouble:
    """What kind of failure ``error`` is."""
    if not isinstance(error, DBAPIError):
        return Trouble.FATAL
    original = error.orig
    state = getattr(original, "sqlstate", None)
    if state is not None:
        if state in _POSTGRES_CONFLICTS:
            return Trouble.CONFLICT
        return Trouble.LOST if state in _POSTGRES_LOST or state.startswith("08") else Trouble.FATAL
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return Trouble.CONFLICT if code & 0xFF in _SQLITE_CONFLICTS else Trouble.FATAL
    number = original.args[0] if original is not None and original.args else None
    if number in _MYSQL_CONFLICTS:
        return Trouble.CONFLICT
    if number in _MYSQL_LOST or error.connection_invalidated:
        return Trouble.LOST
    # psycopg gives connection failures no state: neither on connecting nor on a socket that broke.
    if type(original).__module__.startswith("psycopg") and type(original).__name__ == "OperationalError":
        return Trouble.LOST
    return Trouble.FATAL


def pause(attempt: int, trouble: Trouble) -> float:
    """Seconds to wait before attempt number ``attempt`` (1 is the second try), with full jitter."""
    first, most = (0.005, 0.5) if trouble is Trouble.CONFLICT else (0.05, 2.0)
    return random.uniform(0.2, 1.0) * min(most, first * float(1 << min(attempt, 12)))
