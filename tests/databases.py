"""Fixtures for suites that need a database: the same test runs on SQLite, PostgreSQL and MariaDB.

A server that cannot be reached is left out, which the header of the run says; with CI=true it must be there. Each process of a
run makes databases of its own and drops them. KAMADO_TEST_POSTGRESQL and KAMADO_TEST_MARIADB name other servers.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from kamado.store import Store
from kamado.store.schema import metadata

SERVERS = {
    "postgresql": os.environ.get("KAMADO_TEST_POSTGRESQL", "postgresql+psycopg://root@127.0.0.1:5432/postgres"),
    "mariadb": os.environ.get("KAMADO_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/"),
}
KEY = "a key for tests only"


@cache
def missing() -> dict[str, str]:
    """Servers that do not answer, with the reason."""
    found = {}
    for name, url in SERVERS.items():
        try:
            _administer(url, "SELECT 1")
        except DBAPIError as error:
            found[name] = str(error.orig).strip().splitlines()[0]
    return found


def _dialects(config: pytest.Config) -> list[str]:
    """What the tests run on; the same in every process of a run."""
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        return list(workerinput["databases"])
    required = os.environ.get("CI") == "true"
    return ["sqlite", *(name for name in SERVERS if required or name not in missing())]


class _ForWorkers:
    """Hands the list to pytest-xdist's workers."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: object) -> None:
        node.workerinput["databases"] = _dialects(node.config)  # type: ignore[attr-defined]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_ForWorkers())


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = [f"databases: {', '.join(_dialects(config))}"]
    for name, reason in missing().items():
        lines.append(f"WARNING: {name} cannot be reached, its tests are LEFT OUT ({reason})")
    return lines


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        for_one_machine = metafunc.definition.get_closest_marker("servers") is None
        names = [name for name in _dialects(metafunc.config) if for_one_machine or name != "sqlite"]
        metafunc.parametrize("database", names, indirect=True)


def _administer(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


class Servers:
    """Databases made by this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[tuple[str, str]] = []

    def make(self, dialect: str) -> str:
        """The URL of a new database without tables."""
        name = f"kamado_test_{uuid.uuid4().hex[:16]}"
        if dialect == "sqlite":
            return f"sqlite:///{self._folder / name}.sqlite"
        _administer(SERVERS[dialect], f"CREATE DATABASE {name}")
        self._made.append((dialect, name))
        return make_url(SERVERS[dialect]).set(database=name).render_as_string(hide_password=False)

    def drop(self) -> None:
        """Drop them all."""
        for dialect, name in self._made:
            force = " WITH (FORCE)" if dialect == "postgresql" else ""
            _administer(SERVERS[dialect], f"DROP DATABASE {name}{force}")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Maker of databases; drops them in the end."""
    servers = Servers(tmp_path_factory.mktemp("databases"))
    yield servers
    servers.drop()


@pytest.fixture(scope="session")
def _shared(servers: Servers) -> Callable[[str], str]:
    """One database with tables a server, used by one test after the other."""

    @cache
    def shared(dialect: str) -> str:
        url = servers.make(dialect)
        store = Store.open(url, KEY)
        store.close()
        return url

    return shared


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on: sqlite, postgresql or mariadb."""
    name: str = request.param
    return name


@pytest.fixture
def empty_database_url(database: str, servers: Servers) -> str:
    """A database without tables, for this test alone."""
    return servers.make(database)


@pytest.fixture
def database_url(database: str, servers: Servers, _shared: Callable[[str], str]) -> str:
    """A database with all tables and no rows."""
    if database == "sqlite":
        return servers.make("sqlite")
    url = _shared(database)
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()
    return url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store over `database_url`."""
    store = Store.open(database_url, KEY, durable=False)
    yield store
    store.close()


def kill_all_others(store: Store, executioner: Connection) -> int:
    """End every connection of the store's database but the executioner's own; how many there were."""
    if store.dialect == "postgresql":
        sql = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(executioner.execute(text(sql)).scalar_one())
    sql = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    ids = executioner.scalars(text(sql)).all()
    for key in ids:
        # One that ended in the meantime is an error to KILL.
        with contextlib.suppress(OperationalError):
            executioner.execute(text(f"KILL {int(key)}"))
    return len(ids)
