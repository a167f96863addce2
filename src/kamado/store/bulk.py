"""Many rows with one statement, compiled once: where the journal's speed comes from.

SQLAlchemy Core builds the SQL text, the rows go to the driver's executemany as plain tuples. Values must already look as
the columns want them (`kamado.store.encoding`). The cache is bounded by the sets of columns that callers use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, bindparam

Row = Mapping[str, Any]
_Compiled = tuple[str, Callable[[Row], tuple[Any, ...]]]

_KEY = "id"
_cache: dict[tuple[str, str, tuple[str, ...]], _Compiled] = {}
_deletes: dict[tuple[str, str], str] = {}


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert ``rows``, which all have the same keys, in their order."""
    if not rows:
        return
    columns = tuple(rows[0])
    sql, values = _insert(connection, table, columns)
    connection.exec_driver_sql(sql, [values(row) for row in rows])


def update(connection: Connection, table: Table, changes: Mapping[str, Row]) -> None:
    """Set the columns in ``changes`` (row id → column → value), one statement a set of columns."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for key, values in changes.items():
        if values:
            groups.setdefault(tuple(values), []).append({**values, _KEY: key})
    for columns, rows in groups.items():
        sql, pick = _update(connection, table, columns)
        connection.exec_driver_sql(sql, [pick(row) for row in rows])


def delete(connection: Connection, table: Table, ids: Iterable[str]) -> None:
    """Remove rows by id."""
    rows = [(key,) for key in ids]
    if rows:
        connection.exec_driver_sql(_delete(connection, table), rows)


def _insert(connection: Connection, table: Table, columns: tuple[str, ...]) -> _Compiled:
    key = (connection.dialect.name, f"+{table.name}", columns)
    found = _cache.get(key)
    if found is None:
        statement = table.insert().inline().values({name: bindparam(name) for name in columns})  # no RETURNING
        compiled = statement.compile(dialect=connection.dialect)
        found = _cache[key] = (str(compiled), itemgetter(*_order(compiled)))
    return found


def _update(connection: Connection, table: Table, columns: tuple[str, ...]) -> _Compiled:
    key = (connection.dialect.name, table.name, columns)
    found = _cache.get(key)
    if found is None:
        statement = (
            table.update().where(table.c[_KEY] == bindparam("_id")).values({name: bindparam(name) for name in columns})
        )
        compiled = statement.compile(dialect=connection.dialect)
        order = [_KEY if name == "_id" else name for name in _order(compiled)]
        found = _cache[key] = (str(compiled), itemgetter(*order))
    return found


def _delete(connection: Connection, table: Table) -> str:
    key = (connection.dialect.name, table.name)
    found = _deletes.get(key)
    if found is None:
        compiled = table.delete().where(table.c[_KEY] == bindparam("_id")).compile(dialect=connection.dialect)
        found = _deletes[key] = str(compiled)
    return found


def _order(compiled: Any) -> list[str]:
    names: list[str] = list(compiled.positiontup)
    return names
