"""The two ways to a schema end alike, and old ones are brought up safely."""

from __future__ import annotations

import os
import stat
import threading
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from tests.databases import KEY, Servers

from kamado.store import SchemaAhead, Store, migrations, schema


def _shape(connection: Connection) -> dict[str, Any]:
    """All that the database itself says about its tables."""
    inspector = inspect(connection)

    def by_name(items: Any) -> Any:
        return sorted(items, key=lambda item: str(item.get("name")))

    return {
        table: (
            [
                (column["name"], repr(column["type"]), column["nullable"], column["default"] and "default")
                for column in inspector.get_columns(table)
            ],
            inspector.get_pk_constraint(table),
            by_name(inspector.get_foreign_keys(table)),
            by_name(inspector.get_unique_constraints(table)),
            by_name(inspector.get_indexes(table)),
            inspector.get_table_options(table),
        )
        for table in sorted(inspector.get_table_names())
    }


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, schema.metadata))


def test_migrations_from_nothing_end_where_a_fresh_database_begins(database: str, servers: Servers) -> None:
    migrated, fresh = Store(servers.make(database), KEY), Store(servers.make(database), KEY)
    with migrated.writer.engine.begin() as connection:
        migrations.upgrade(connection)
    fresh.migrate()
    with migrated.reader.engine.connect() as one, fresh.reader.engine.connect() as other:
        assert migrations.current(one) == migrations.current(other) == migrations.HEAD
        assert _differences(one) == []
        assert _differences(other) == []
        shape = _shape(one)
        assert set(shape) == {*schema.metadata.tables, "alembic_version"}
        assert shape == _shape(other)
    migrated.migrate()
    migrated.close()
    fresh.close()


def test_head_names_the_newest_revision(empty_database_url: str) -> None:
    store = Store(empty_database_url, KEY)
    with store.writer.engine.begin() as connection:
        script = ScriptDirectory.from_config(migrations.configuration(connection))
        assert script.get_heads() == [migrations.HEAD]
    store.close()


def test_many_processes_may_migrate_at_once(empty_database_url: str) -> None:
    stores = [Store(empty_database_url, KEY) for _ in range(4)]
    start = threading.Barrier(len(stores))
    errors: list[BaseException] = []

    def migrate(store: Store) -> None:
        start.wait()
        try:
            store.migrate()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=migrate, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with stores[0].reader.engine.connect() as connection:
        assert connection.scalars(text("SELECT version_num FROM alembic_version")).all() == [migrations.HEAD]
        assert _differences(connection) == []
    for store in stores:
        store.close()


def test_a_newer_schema_is_left_alone(empty_database_url: str) -> None:
    store = Store.open(empty_database_url, KEY)
    with store.writer.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'c6214ca60943'"))
    with pytest.raises(SchemaAhead, match="c6214ca60943"):
        store.migrate()
    store.close()


def test_an_interrupted_first_start_is_finished(empty_database_url: str) -> None:
    store = Store(empty_database_url, KEY)
    with store.writer.engine.begin() as connection:
        schema.metadata.create_all(connection, tables=[schema.template, schema.stack])
    store.migrate()
    with store.reader.engine.connect() as connection:
        assert _differences(connection) == []
    store.close()


def test_which_databases_there_are() -> None:
    for url in ("oracle://x/y", "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ValueError, match=r"SQLite needs a file|not one of"):
            Store(url, KEY)


def test_a_sqlite_file_is_for_its_owner_only(servers: Servers) -> None:
    store = Store.open(servers.make("sqlite"), KEY)
    assert store.url.database is not None
    assert stat.S_IMODE(os.stat(store.url.database).st_mode) == 0o600
    with store.writer.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    store.close()
