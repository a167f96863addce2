"""Fixtures for suites that need RabbitMQ: a virtual host of their own, and a wire that can be cut.

Left out, with a line in the header of the run, when there is no `rabbitmqctl` that may make virtual hosts; with CI=true it must be there.
KAMADO_TEST_RABBITMQ names another broker, on the same machine as `rabbitmqctl`.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit

import pytest
from tests.wire_cutter import WireCutter

BROKER = os.environ.get("KAMADO_TEST_RABBITMQ", "rabbit://guest:guest@127.0.0.1:5672/")


@cache
def missing() -> str:
    """Why there is no broker; empty when there is one."""
    try:
        _control("list_vhosts")
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return ""


def pytest_report_header(config: pytest.Config) -> list[str]:
    if not missing():
        return ["broker: RabbitMQ"]
    return [f"WARNING: RabbitMQ cannot be reached, its tests are LEFT OUT ({missing()})"]


def _control(*words: str) -> None:
    subprocess.run(["rabbitmqctl", "-q", *words], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def virtual_host() -> Iterator[str]:
    """A virtual host of this run's own."""
    if missing() and os.environ.get("CI") != "true":
        pytest.skip(f"no RabbitMQ: {missing()}")
    name = f"kamado_test_{uuid.uuid4().hex[:12]}"
    _control("add_vhost", name)
    try:
        _control("set_permissions", "-p", name, urlsplit(BROKER).username or "guest", ".*", ".*", ".*")
        yield name
    finally:
        _control("delete_vhost", name)


@pytest.fixture
def wire(virtual_host: str) -> Iterator[WireCutter]:
    """The wire to the broker, on which nothing is cut yet."""
    parts = urlsplit(BROKER)
    with WireCutter(parts.hostname or "127.0.0.1", parts.port or 5672) as cutter:
        yield cutter


@pytest.fixture
def broker_url(virtual_host: str, wire: WireCutter) -> str:
    """The broker as ``transport_url``, by way of `wire`."""
    parts = urlsplit(BROKER)
    return f"rabbit://{parts.username}:{parts.password}@127.0.0.1:{wire.port}/{virtual_host}"
