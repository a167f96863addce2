"""Bringing a database to this release's schema; called by `Store.migrate`.

An empty database gets its tables straight from ``schema.py`` (no Alembic to import, which costs more than the tables); an
older one goes through the revisions in ``versions``. A test proves that both ways end alike. ``HEAD`` must name the newest
revision. Concurrent callers wait for each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from kamado.store import retry, schema
from kamado.store.errors import SchemaAhead

if TYPE_CHECKING:
    from alembic.config import Config

    from kamado.store.store import Store

HEAD = "0005"
"""The newest revision in ``versions``."""

_LOCK_NAME = "kamado.schema"
_LOCK_NUMBER = 5_271_009_442
_LOCK_SECONDS = 120


def migrate(store: Store) -> None:
    """Make or upgrade the tables. Raises `SchemaAhead`."""
    if store.read(current) == HEAD:
        return
    if store.dialect == "mysql":
        _migrate_mysql(store)
    else:
        store.write(_migrate)


def current(connection: Connection) -> str | None:
    """The revision that the database is at; None for an empty one."""
    try:
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except DBAPIError as error:
        if retry.diagnose(error) is not retry.Trouble.FATAL:
            raise
        return None
    return revision


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for commands on ``connection``, made without a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the revisions that are missing, in the transaction of ``connection``."""
    from alembic import command

    command.upgrade(configuration(connection), revision)


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        with connection.begin_nested() as attempt:
            revision = current(connection)
            if revision is None:
                # The failed look at a missing table has spoilt the inner transaction.
                attempt.rollback()
    else:
        revision = current(connection)
    _bring_up(connection, revision)


def _migrate_mysql(store: Store) -> None:
    # Every DDL statement commits by itself here: a lock of its own, and steps that may be repeated.
    with store.writer.engine.connect() as connection:
        connection.execute(text("SELECT GET_LOCK(:name, :wait)"), {"name": _LOCK_NAME, "wait": _LOCK_SECONDS})
        try:
            _bring_up(connection, current(connection))
            connection.commit()
        finally:
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": _LOCK_NAME})


def _bring_up(connection: Connection, revision: str | None) -> None:
    if revision == HEAD:
        return
    if revision is None:
        schema.metadata.create_all(connection)
        connection.execute(
            text(
                "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL,"
                " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
            )
        )
        connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})
        return
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    script = ScriptDirectory.from_config(configuration(connection))
    try:
        script.get_revision(revision)
    except CommandError:
        raise SchemaAhead(
            f"the database is at revision {revision!r}, which this release does not know: it belongs to a newer release or to"
            " another program"
        ) from None
    upgrade(connection)
