"""Clouds and clients for the tests of the local cloud.

Nothing is mocked: a real `LocalCloud` serves real HTTP on loopback, the clients are `requests`, keystoneauth and openstacksdk. The
only liberty is time: clouds may be given a `ManualClock`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from kamado.localcloud import LocalCloud, ManualClock


class Client:
    """A user of one project, speaking plain HTTP to a cloud's services."""

    def __init__(self, cloud: LocalCloud, name: str = "demo", project: str | None = None, **auth: Any) -> None:
        self.cloud = cloud
        self.http = requests.Session()
        self.http.trust_env = False
        body = auth.get("auth") or password_auth(name, auth.get("password", name), project or name)
        answer = self.http.post(f"{cloud.auth_url}/auth/tokens", json={"auth": body})
        assert answer.status_code == 201, answer.text
        self.token = answer.headers["X-Subject-Token"]
        self.scope = answer.json()["token"]
        self.http.headers["X-Auth-Token"] = self.token

    @property
    def user_id(self) -> str:
        return str(self.scope["user"]["id"])

    @property
    def project_id(self) -> str:
        return str(self.scope["project"]["id"])

    def call(self, method: str, service: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        if body is not None:
            more["json"] = body
        return self.http.request(method, self.cloud.urls[service] + path, **more)

    def get(self, service: str, path: str, **more: Any) -> requests.Response:
        return self.call("GET", service, path, **more)

    def post(self, service: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("POST", service, path, body, **more)

    def put(self, service: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("PUT", service, path, body, **more)

    def patch(self, service: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("PATCH", service, path, body, **more)

    def delete(self, service: str, path: str, **more: Any) -> requests.Response:
        return self.call("DELETE", service, path, **more)


def password_auth(name: str, password: str, project: str | None, domain: str = "default") -> dict[str, Any]:
    """The `auth` of a token request by password, for a project of the domain `default` or unscoped."""
    user = {"name": name, "domain": {"id": domain}, "password": password}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if project:
        auth["scope"] = {"project": {"name": project, "domain": {"id": "default"}}}
    return auth


@pytest.fixture
def start_cloud() -> Iterator[Callable[..., LocalCloud]]:
    """Start a cloud of one's own; stopped when the test ends."""
    started: list[LocalCloud] = []

    def start(**options: Any) -> LocalCloud:
        cloud = LocalCloud(identity_port=options.pop("identity_port", 0), **options).start()
        started.append(cloud)
        return cloud

    yield start
    for cloud in started:
        cloud.stop()


@pytest.fixture(scope="module")
def shared_clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="module")
def cloud(shared_clock: ManualClock) -> Iterator[LocalCloud]:
    """One cloud for a file's tests, which name their objects apart."""
    with LocalCloud(identity_port=0, clock=shared_clock) as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Make clients whose connections are closed when the test ends."""
    made: list[Client] = []

    def make(cloud: LocalCloud, name: str = "demo", **auth: Any) -> Client:
        client = Client(cloud, name, **auth)
        made.append(client)
        return client

    yield make
    for client in made:
        client.http.close()


@pytest.fixture
def demo(cloud: LocalCloud, connect: Callable[..., Client]) -> Client:
    return connect(cloud, "demo")


@pytest.fixture
def alt(cloud: LocalCloud, connect: Callable[..., Client]) -> Client:
    return connect(cloud, "alt_demo")


@pytest.fixture
def admin(cloud: LocalCloud, connect: Callable[..., Client]) -> Client:
    return connect(cloud, "admin")
