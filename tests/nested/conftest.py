"""Not mocked: database, journal, planner, executor, templates. In memory: the cloud; and time passes at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases import KEY
from tests.engine_world import World
from tests.nested.heat_place import Place
from tests.nested.heat_samples import Sample

from kamado.cloud.session import Cloud, CloudFactory, CloudSettings, ServiceUser
from kamado.localcloud.server import LocalCloud
from kamado.store import Store


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = Store.open(f"sqlite:///{tmp_path}/world.sqlite", KEY, durable=False)
    made = World(store)
    yield made
    made.close()
    store.close()


@pytest.fixture(scope="module")
def user() -> Iterator[Cloud]:
    with LocalCloud(identity_port=0) as local:
        factory = CloudFactory(CloudSettings(ServiceUser(local.auth_url, "heat", "heat", project_name="service")))
        yield factory.for_user("demo", "demo", "demo")
        factory.close()


@pytest.fixture
def place(tmp_path: Path, sample: Sample, request: pytest.FixtureRequest) -> Iterator[Place]:
    store = Store.open(f"sqlite:///{tmp_path}/world.sqlite", KEY, durable=False)
    made = Place(store, request.getfixturevalue("user") if sample.objects else None)
    yield made
    made.close()
    store.close()
