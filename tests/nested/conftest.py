"""Not mocked: database, journal, planner, executor, templates. In memory: the cloud; and time passes at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases import KEY
from tests.engine_world import World

from kamado.store import Store


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = Store.open(f"sqlite:///{tmp_path}/world.sqlite", KEY, durable=False)
    made = World(store)
    yield made
    made.close()
    store.close()
