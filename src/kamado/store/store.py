"""One database: connections, transactions, retries; the families of tables hang off it as attributes.

Built by ``assemble`` (and tests); everybody else is handed a `Store`. Two engines of SQLAlchemy: one reads in autocommit,
one writes in transactions. On SQLite there is one writer connection behind a lock, shared by the journal and the accept
transactions, and BEGIN IMMEDIATE keeps other processes out; readers never wait for it (WAL).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from kamado.store import retry
from kamado.store.connections import Connections
from kamado.store.credentials import Credentials
from kamado.store.crypt import Cipher
from kamado.store.engines import APPLICATION, Engines
from kamado.store.events import Events
from kamado.store.operations import Operations
from kamado.store.resources import Resources
from kamado.store.snapshots import Snapshots
from kamado.store.software import SoftwareConfigs, SoftwareDeployments
from kamado.store.stacks import Stacks
from kamado.store.templates import Files, Templates

T = TypeVar("T")

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "postgresql+psycopg2": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
}

_BUSY_MILLISECONDS = 30_000


class Store:
    """A database as the rest of Kamado sees it. Thread-safe; methods block.

    ``url`` is SQLAlchemy's (``sqlite:////path``, ``postgresql://…``, ``mysql://…``; a driver may be named and is otherwise
    chosen). ``key`` is the text that secrets are encrypted with. ``durable=False`` lets SQLite answer before data is on
    disk, for tests only. ``idle_seconds``: a server ends transactions whose process has not been heard of for so long: it sleeps, or
    its machine is cut off, and what it has locked must not be locked until it is back. ``patience``: how long a database that is away
    is waited for. Raises ValueError for a database that is not one of the three.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        durable: bool = True,
        idle_seconds: int = 10,
        patience: retry.Patience = retry.REQUEST,
    ) -> None:
        self.url = _normal(url)
        self.cipher = Cipher(key)
        self._write_turn: AbstractContextManager[object] = nullcontext()
        self._read_turn: AbstractContextManager[object] = nullcontext()
        if self.dialect == "sqlite":
            self._write_turn = threading.Lock()
            # SQLite lets go of the interpreter at each row: readers side by side would wait for each other row by row.
            self._read_turn = threading.RLock()
            engines = _sqlite_engines(self.url, durable)
        else:
            engines = _server_engines(self.url, idle_seconds)
        self.writer, self.reader = (Connections(engine) for engine in engines)
        self._patience = patience
        self.stacks = Stacks(self)
        self.resources = Resources(self)
        self.events = Events(self)
        self.templates = Templates(self)
        self.files = Files(self)
        self.operations = Operations(self)
        self.credentials = Credentials(self)

    @property
    def dialect(self) -> str:
        """The kind of database: ``sqlite``, ``postgresql`` or ``mysql``."""
        return self.url.get_backend_name()

    @property
    def engines(self) -> Engines:
        """The engines that there are."""
        return Engines(self)

    @property
    def snapshots(self) -> Snapshots:
        """Snapshots of stacks."""
        return Snapshots(self)

    @property
    def software_configs(self) -> SoftwareConfigs:
        """Configuration for servers."""
        return SoftwareConfigs(self)

    @property
    def software_deployments(self) -> SoftwareDeployments:
        """Which configuration is on which server."""
        return SoftwareDeployments(self)

    def sign(self, text: str) -> str:
        """A digest of a text that only processes with the same key can make, and that may be shown."""
        return self.cipher.sign(text)

    @classmethod
    def open(cls, url: str, key: str, *, durable: bool = True) -> Self:
        """A store whose tables are there and up to date."""
        store = cls(url, key, durable=durable)
        store.migrate()
        return store

    def migrate(self) -> None:
        """Make the tables, or bring them up to this release; one query when there is nothing to do.

        Safe to call from several processes at once. Raises `kamado.store.errors.SchemaAhead` when a newer release was here.
        """
        from kamado.store import migrations

        migrations.migrate(self)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self.writer.close()
        self.reader.close()

    def read(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads on a connection in autocommit; run again when the connection was lost."""
        return _again(lambda: self._read(work), self._patience)

    def write(self, work: Callable[[Connection], T], patience: retry.Patience | None = None) -> T:
        """What ``work`` returns, run in one transaction; run again from the start after conflicts and lost connections.

        ``work`` may thus run several times and, after a connection lost during COMMIT, even after having been committed.
        """
        return _again(lambda: self._write(work), patience or self._patience)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._read_turn:
            return self.reader.run(work)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._write_turn:
            return self.writer.begin(work)


def _again(run: Callable[[], T], patience: retry.Patience) -> T:
    attempt = 0
    give_up = time.monotonic() + patience.seconds
    while True:
        try:
            return run()
        except Exception as error:
            trouble = retry.diagnose(error)
            attempt += 1
            if trouble is retry.Trouble.FATAL:
                raise
            if trouble is retry.Trouble.CONFLICT and attempt > patience.conflicts:
                raise
            if trouble is retry.Trouble.LOST and time.monotonic() > give_up:
                raise
            time.sleep(retry.pause(attempt, trouble))


def _normal(text: str) -> URL:
    url = make_url(text)
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise ValueError(f"database {url.drivername!r} is not one of sqlite, postgresql, mysql")
    if driver == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("SQLite needs a file: readers and the writer have connections of their own")
    if driver.startswith("mysql"):
        url = url.update_query_dict({"charset": "utf8mb4"})
    return url.set(drivername=driver)


def _server_engines(url: URL, idle_seconds: int) -> tuple[Engine, Engine]:
    arguments: dict[str, Any] = {"connect_timeout": 10}
    if url.get_backend_name() == "postgresql":
        arguments["application_name"] = APPLICATION
    else:
        arguments["sql_mode"] = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
    writer = create_engine(
        url, isolation_level="READ COMMITTED", paramstyle="format", connect_args=arguments, pool_size=5, max_overflow=20
    )
    event.listen(writer, "connect", partial(_end_when_idle, idle_seconds))
    reader = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        paramstyle="format",
        connect_args=arguments,
        pool_size=5,
        max_overflow=20,
        pool_reset_on_return=None,
    )
    return writer, reader


def _end_when_idle(seconds: int, connection: Any, _: ConnectionPoolEntry) -> None:
    if hasattr(connection, "pgconn"):
        connection.autocommit = True  # no transaction, whose end the setting would have to live through
        connection.execute(f"SET idle_in_transaction_session_timeout = '{seconds}s'")
        connection.autocommit = False
        return
    # MySQL knows none for transactions alone; a new connection after a pause costs little.
    name = "idle_transaction_timeout" if "MariaDB" in connection.get_server_info() else "wait_timeout"
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION {name} = {seconds}")


def _sqlite_engines(url: URL, durable: bool) -> tuple[Engine, Engine]:
    path = url.database or ""
    if not path.startswith("file:") and not os.path.exists(path):
        # The file holds projects' data: for its owner only.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    arguments = {"check_same_thread": False, "timeout": _BUSY_MILLISECONDS / 1000}
    writer = create_engine(url, connect_args=arguments, pool_size=1, max_overflow=5)
    reader = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        connect_args=arguments,
        pool_size=8,
        max_overflow=40,
        pool_reset_on_return=None,
    )

    def prepare_writer(connection: Any, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", f"synchronous={'FULL' if durable else 'OFF'}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    def prepare_reader(connection: Any, _: ConnectionPoolEntry) -> None:
        connection.execute("PRAGMA query_only=ON").close()

    def begin(dbapi_connection: Any) -> None:
        dbapi_connection.driver_connection.execute("BEGIN IMMEDIATE")

    event.listen(writer, "connect", prepare_writer)
    # Not as a listener for "begin": where one listens for anything, SQLAlchemy asks at each statement who does.
    writer.dialect.do_begin = begin  # type: ignore[method-assign]
    event.listen(reader, "connect", prepare_reader)
    return writer, reader
