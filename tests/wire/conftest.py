"""Not mocked: HTTP, store, types, engine, Keystone (the local cloud's). WIRE_ENDPOINT and WIRE_AUTH_URL play the exchanges
against another server instead, a real Heat for example; WIRE_PROJECT is a project of demo's that is empty."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wire.exchange import Target
from tests.wire.stand import Stand, issue

from kamado.localcloud.server import LocalCloud

PASSWORDS = {"demo": "demo", "alt_demo": "demo", "admin": "admin"}
"""Of the users of the real cloud."""


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(identity_port=0) as running:
        yield running


@pytest.fixture(scope="module")
def stand(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    made = Stand(tmp_path_factory.mktemp("stand"), cloud)
    yield made
    made.close()


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target:
    endpoint = os.environ.get("WIRE_ENDPOINT")
    if endpoint is None:
        return request.getfixturevalue("stand").target()
    auth_url = os.environ.get("WIRE_AUTH_URL", "http://127.0.0.1:5000/v3")
    projects = {"demo": os.environ.get("WIRE_PROJECT")}
    sessions = {user: issue(auth_url, user, word, projects.get(user)) for user, word in PASSWORDS.items()}
    return Target(
        endpoint,
        {user: token for user, (token, _) in sessions.items()},
        {user: project for user, (_, project) in sessions.items()},
        heat=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
