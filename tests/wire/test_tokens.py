"""What auth_token vouched for is taken as read for a while: never for a forged header, nor beyond the token's end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.wire.stand import Stand, issue

from kamado.api.limits import ApiSettings
from kamado.api.tokens import RETRY_AFTER, identity_of, key_of
from kamado.localcloud.server import LocalCloud

IDENTITY = (
    "X-Identity-Status", "X-Domain-Id", "X-Domain-Name", "X-Project-Id", "X-Project-Name", "X-Project-Domain-Id",
    "X-Project-Domain-Name", "X-User-Id", "X-User-Name", "X-User-Domain-Id", "X-User-Domain-Name", "X-Roles", "X-Is-Admin-Project",
    "X-Service-Catalog", "X-Service-Roles", "X-Role", "X-User", "X-Tenant-Id", "X-Tenant-Name", "X-Tenant", "X-Service-Token",
    "OpenStack-System-Scope",
)  # fmt: skip
"""What keystonemiddleware tells applications of whoever asks (its documentation of auth_token)."""


@pytest.mark.parametrize("name", IDENTITY)
def test_whoever_forges_identity_gets_nothing_by_it(stand: Stand, name: str) -> None:
    other = stand.token("alt_demo")[1]
    theirs = f"{stand.endpoint}/v1/{other}/stacks"
    values = {"X-Roles": "admin", "X-Role": "admin", "X-Identity-Status": "Confirmed", "OpenStack-System-Scope": "all"}
    forged = {name.replace("-", "_"): values.get(name, other)}
    assert stand.ask("GET", "/stacks").status_code == 200
    assert stand.ask("GET", theirs).status_code == 403
    assert stand.ask("GET", theirs, **forged).status_code in (401, 403)
    assert stand.ask("GET", "/services", **forged).status_code in (401, 403)
    assert stand.ask("GET", "/stacks").status_code == 200


def test_the_same_is_known_of_whoever_is_vouched_for(stand: Stand) -> None:
    made = [stand.ask("POST", "/stacks", {"stack_name": name, "template": TEMPLATE}).json() for name in ("v1", "v2")]
    shown = [
        stand.settled(f"/stacks/{name}/{one['stack']['id']}") for name, one in zip(("v1", "v2"), made, strict=True)
    ]
    assert {stack["stack_owner"] for stack in shown} == {"demo"}
    assert len({stack["parameters"]["OS::project_id"] for stack in shown}) == 1


TEMPLATE = {"heat_template_version": "2018-08-31"}


def test_an_expired_token_is_refused(stand: Stand) -> None:
    seconds, stand.cloud.token_seconds = stand.cloud.token_seconds, 2
    try:
        token, project = issue(stand.cloud.auth_url, "demo")
    finally:
        stand.cloud.token_seconds = seconds

    def ask() -> int:
        url = f"{stand.endpoint}/v1/{project}/build_info"
        return requests.get(url, headers={"X-Auth-Token": token}, timeout=10).status_code

    assert [ask(), ask()] == [200, 200]
    time.sleep(2.1)
    assert ask() == 401


def test_without_a_cache_keystone_is_asked_each_time(cloud: LocalCloud, tmp_path: Path) -> None:
    stand = Stand(tmp_path, cloud, api=ApiSettings(token_cache_time=-1), working=False)
    try:
        assert stand.ask("GET", "/build_info").status_code == 200
        broken = cloud.faults.add(service="identity", method="GET", path="/v3/auth/tokens", status=404, times=None)
        try:
            assert stand.ask("GET", "/build_info").status_code == 401
        finally:
            cloud.faults.remove(broken)
    finally:
        stand.close()


@pytest.mark.parametrize("status", [429, 503])
def test_who_cannot_be_checked_by_a_busy_keystone_may_ask_again(cloud: LocalCloud, tmp_path: Path, status: int) -> None:
    stand = Stand(tmp_path, cloud, working=False)
    try:
        stand.token("demo")
        cloud.faults.add(service="identity", method="GET", path="/v3/auth/tokens", status=status, times=1)
        refused = stand.ask("GET", "/build_info")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, RETRY_AFTER)
        again = stand.ask("GET", "/build_info")
        assert (again.status_code, "Retry-After" in again.headers) == (200, False)
    finally:
        stand.close()


def test_nobody_is_vouched_for_whose_token_depends_on_the_request() -> None:
    def identity(token: dict[str, Any], status: str = "Confirmed") -> object:
        return identity_of(
            {"keystone.token_info": {"token": token}, "HTTP_X_IDENTITY_STATUS": status, "HTTP_X_ROLES": "member"}
        )

    plain = {"expires_at": "2030-01-01T00:00:00.000000Z"}
    assert identity(plain)
    assert identity(plain, "Invalid") is None
    assert identity({}) is None
    assert identity({"expires_at": "some day"}) is None
    assert identity({**plain, "application_credential": {"access_rules": []}}) is None
    assert identity({**plain, "bind": {"kerberos": "ada"}}) is None


def test_only_plain_requests_are_recognised() -> None:
    plain = {"HTTP_X_AUTH_TOKEN": "abc", "HTTP_ACCEPT": "*/*", "HTTP_X_FORWARDED_FOR": "10.0.0.1"}
    assert key_of(plain)
    assert key_of(plain) != key_of({**plain, "HTTP_X_AUTH_TOKEN": "abd"})
    assert key_of({**plain, "HTTP_X_SERVICE_TOKEN": "abc"}) is None
    assert key_of({"HTTP_X_STORAGE_TOKEN": "abc"}) is None
    assert key_of({}) is None
