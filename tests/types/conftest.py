"""A real local cloud over HTTP; nothing of ours is replaced."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.types.rig import Rig

from kamado.cloud.limits import CallLimits
from kamado.cloud.session import CloudFactory, CloudSettings, ServiceUser
from kamado.localcloud.server import LocalCloud
from kamado.store import Store


@pytest.fixture(scope="session")
def local_cloud() -> Iterator[LocalCloud]:
    with LocalCloud(identity_port=0) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def clouds(local_cloud: LocalCloud) -> Iterator[CloudFactory]:
    heat = ServiceUser(local_cloud.auth_url, "heat", "heat", project_name="service")
    factory = CloudFactory(CloudSettings(heat, limits=CallLimits(first_wait=0.01)))
    yield factory
    factory.close()


@pytest.fixture
def rig(local_cloud: LocalCloud, clouds: CloudFactory) -> Iterator[Rig]:
    """As the project's member."""
    rig = Rig(clouds.for_user("demo", "demo", "demo"), local_cloud)
    yield rig
    local_cloud.faults.clear()
    rig.clean()


@pytest.fixture
def admin_rig(local_cloud: LocalCloud, clouds: CloudFactory) -> Iterator[Rig]:
    """As the administrator, for types that need one."""
    rig = Rig(clouds.for_user("admin", "admin", "admin"), local_cloud)
    yield rig
    local_cloud.faults.clear()
    rig.clean()


@pytest.fixture
def bare_rig() -> Rig:
    """Without a cloud, for types that live in the engine."""
    return Rig()


@pytest.fixture
def stored_rig(tmp_path: Path) -> Iterator[Rig]:
    """With the engine's tables, without a cloud."""
    store = Store.open(f"sqlite:///{tmp_path / 'kamado.sqlite'}", "0123456789abcdef0123456789abcdef", durable=False)
    yield Rig(store=store)
    store.close()
