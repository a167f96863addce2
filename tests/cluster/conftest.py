"""Not mocked: anything. Processes, databases, RabbitMQ and HTTP are real; the cloud is the local one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import make_url
from tests.cluster.cluster import Cluster
from tests.cluster.processes import forked
from tests.wire_cutter import WireCutter

Start = Callable[..., Cluster]


@pytest.fixture
def database_wire(database: str, database_url: str) -> Iterator[WireCutter]:
    """A wire to the database at hand, on which nothing is cut yet."""
    url = make_url(database_url)
    ports = {"postgresql": 5432, "mariadb": 3306}
    with WireCutter(url.host or "127.0.0.1", url.port or ports[database]) as cutter:
        yield cutter


@pytest.fixture
def start(database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Start]:
    """Makes a cluster over the database at hand. Its engines look at the queue when they are told to, and every hour."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            Cluster(tmp_path, database_url, broker_url, begin=forked, **{"claim_interval": 3600, **options})
        )


_ON_BOTH = ("test_the_life_of_stacks", "test_an_engine_that_is_killed")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test` takes its sample on PostgreSQL, and of that a sample on MariaDB; `make test-cluster` runs everything on both."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and "[mariadb" in item.name and not item.name.startswith(_ON_BOTH):
            item.add_marker(pytest.mark.cluster)
