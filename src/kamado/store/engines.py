"""Engine processes, for the service list and for telling the dead from the slow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import IntegrityError

from kamado.model.records import EngineRecord
from kamado.store import schema
from kamado.store.encoding import at, clean, decode_time, encode_time

if TYPE_CHECKING:
    from kamado.store.store import Store

APPLICATION = "kamado"
"""What connections to PostgreSQL say who they are."""

_END_SLEEPERS = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user AND application_name = :application"
    " AND state = 'active' AND wait_event = 'ClientRead'"
    " AND state_change < now() - current_setting('idle_in_transaction_session_timeout')::interval"
)

_COLUMNS = tuple(
    schema.engine.c[name]
    for name in ("id", "hostname", "binary", "pid", "started_at", "updated_at", "report_interval", "deleted_at")
)


def _record(row: Sequence[Any]) -> EngineRecord:
    key, hostname, binary, pid, started_at, updated_at, interval, deleted_at = row
    return EngineRecord(key, hostname, binary, pid, at(started_at), at(updated_at), interval, decode_time(deleted_at))


class Engines:
    """Engines that reported, and when they did last."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def beat(self, record: EngineRecord) -> None:
        """Say that the engine lives. 1 query, 2 the first time."""
        table = schema.engine
        row = {
            "hostname": clean(record.hostname),
            "binary": clean(record.binary),
            "pid": record.pid,
            "started_at": encode_time(record.started_at),
            "updated_at": encode_time(record.updated_at),
            "report_interval": record.report_interval,
            "deleted_at": encode_time(record.deleted_at),
        }

        def work(connection: Connection) -> None:
            if connection.execute(table.update().where(table.c.id == record.id).values(row)).rowcount == 0:
                connection.execute(table.insert(), {"id": record.id, **row})

        try:
            self._store.write(work)
        except IntegrityError:
            self._store.write(work)

    def end_sleepers(self) -> int:
        """Ends connections of Kamado's processes that fell silent amid a pipeline of statements; how many. 1 query, on PostgreSQL only.

        Rows go to PostgreSQL in pipelines. Of a process that is stopped within one, the server waits for the next statement without end,
        and what it has locked stays so: the limit of `Store`, which is taken here too, is for those who fall silent between two.
        """
        if self._store.dialect != "postgresql":
            return 0
        values = {"application": APPLICATION}
        return int(self._store.write(lambda connection: connection.execute(_END_SLEEPERS, values).scalar_one()))

    def goodbye(self, engine_id: str, now: datetime) -> None:
        """The engine ended in good order."""
        table = schema.engine
        statement = table.update().where(table.c.id == engine_id).values(deleted_at=encode_time(now))
        self._store.write(lambda connection: connection.execute(statement).rowcount)

    def list(self, gone: bool = False) -> list[EngineRecord]:
        """Engines that have not said goodbye (with ``gone`` the others too), oldest first."""
        table = schema.engine.c
        statement = select(*_COLUMNS).order_by(table.started_at, table.id)
        if not gone:
            statement = statement.where(table.deleted_at.is_(None))
        return self._store.read(lambda connection: [_record(row) for row in connection.execute(statement)])

    def forget(self, before: datetime) -> int:
        """Remove engines that were last heard of before that time; how many went."""
        table = schema.engine
        statement = table.delete().where(table.c.updated_at < encode_time(before))
        return self._store.write(lambda connection: connection.execute(statement).rowcount)
