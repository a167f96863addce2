"""Not mocked: anything. Processes, databases, RabbitMQ and HTTP are real; the cloud is the local one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.cluster.cluster import Cluster

Start = Callable[..., Cluster]


@pytest.fixture
def start(database: str, database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Start]:
    """Makes a cluster over the database at hand; without SQLite, which is for one machine."""
    if database == "sqlite":
        pytest.skip("SQLite is for one machine")
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            Cluster(tmp_path, database_url, broker_url, **{"claim_interval": 60, "lease_seconds": 4, **options})
        )
