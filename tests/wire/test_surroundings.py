"""What stands around the routes: tokens kept for a while, proxies, browsers, health, ids, and links under a prefix."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from tests.wire.stand import Stand

from kamado.api.call import ApiSettings
from kamado.api.middleware import TokenCache
from kamado.localcloud.server import LocalCloud


def test_keystone_is_asked_once_for_a_token(stand: Stand) -> None:
    assert stand.ask("GET", "/build_info").status_code == 200
    broken = stand.cloud.faults.add(service="identity", method="GET", path="/v3/auth/tokens", status=500, times=None)
    try:
        assert stand.ask("GET", "/build_info").status_code == 200
    finally:
        stand.cloud.faults.remove(broken)


def test_the_token_cache_forgets() -> None:
    now = [0.0]
    cache = TokenCache(most=2, monotonic=lambda: now[0])
    cache.set("a", b"1", time=10)
    cache.set("b", b"2", time=10)
    assert cache.get("a") == b"1"
    cache.set("c", b"3", time=10)
    assert cache.get("a") is None
    now[0] = 11.0
    assert cache.get("b") is None
    assert cache.get("c") is None


def test_browsers_of_known_origins_may_call(cloud: LocalCloud, tmp_path: Path) -> None:
    api = ApiSettings(cors={"allowed_origin": ["http://panel.example"]}, proxy_headers=True)
    stand = Stand(tmp_path, cloud, api=api, working=False)
    try:
        asked = requests.options(
            f"{stand.endpoint}/v1/p/stacks",
            headers={"Origin": "http://panel.example", "Access-Control-Request-Method": "GET"},
            timeout=10,
        )
        assert asked.status_code == 200
        assert asked.headers["Access-Control-Allow-Origin"] == "http://panel.example"
        answer = stand.ask("GET", "/stacks", Origin="http://other.example")
        assert "Access-Control-Allow-Origin" not in answer.headers
        seen = requests.get(
            f"{stand.endpoint}/",
            headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "heat.example"},
            timeout=10,
        )
        assert seen.json()["versions"][0]["links"][0]["href"] == "https://heat.example/v1/"
    finally:
        stand.close()


def test_proxy_headers_are_not_believed_unasked(stand: Stand) -> None:
    seen = requests.get(f"{stand.endpoint}/", headers={"X-Forwarded-Proto": "https"}, timeout=10)
    assert seen.json()["versions"][0]["links"][0]["href"].startswith("http://")


@pytest.mark.parametrize("accept", ["application/json", "text/plain", "*/*"])
def test_short_answers_in_the_form_that_was_asked_for(stand: Stand, accept: str) -> None:
    answer = stand.ask("GET", "/nope", Accept=accept)
    assert answer.status_code == 404
    assert ("json" in answer.headers["Content-Type"]) == ("json" in accept)
    assert "The resource could not be found." in answer.text


def test_a_request_id_can_be_followed(stand: Stand) -> None:
    first, second = (stand.ask("GET", "/build_info").headers["X-Openstack-Request-Id"] for _ in range(2))
    assert first.startswith("req-")
    assert first != second


def test_a_lost_keystone_is_no_refusal(tmp_path: Path) -> None:
    with LocalCloud(identity_port=0) as cloud:
        stand = Stand(tmp_path, cloud, working=False, options={"http_request_max_retries": 0})
        stand.token("demo")
    try:
        answer = stand.ask("GET", "/stacks")
        assert answer.status_code == 503
    finally:
        stand.close()
