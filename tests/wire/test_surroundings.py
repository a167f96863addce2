"""What stands around the routes: tokens kept for a while, proxies, browsers, health, ids, and links under a prefix."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from tests.wire.stand import Stand

from kamado.api.limits import ApiSettings
from kamado.api.tokens import TokenCache
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


def test_verbs_that_a_path_has_not_are_refused_with_those_that_it_has(stand: Stand) -> None:
    answer = stand.ask("PUT", "/build_info", {})
    assert answer.status_code == 405
    assert answer.json()["error"]["type"] == "HTTPMethodNotAllowed"
    assert answer.headers["Allow"].replace(" ", "") == "GET,OPTIONS"
    assert stand.ask("OPTIONS", "/build_info").headers["Allow"] == "GET"


@pytest.mark.parametrize(("kind", "status"), [("application/xml", 415), ("text/plain", 400), (None, 400)])
def test_what_says_that_it_is_not_json_is_refused_as_that(stand: Stand, kind: str | None, status: int) -> None:
    answer = stand.ask("POST", "/stacks", raw="<a/>", Content_Type=kind)
    assert answer.status_code == status
    assert answer.json()["code"] == status


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/xml", 406),
        ("image/*", 406),
        ("application/xml, */*;q=0.1", 200),
        ("text/html", 200),
        ("application/json;q=0.5", 200),
    ],
)
def test_who_takes_neither_json_nor_text_is_told_so(stand: Stand, accept: str, status: int) -> None:
    answer = stand.ask("GET", "/build_info", Accept=accept)
    assert answer.status_code == status
    assert "json" in answer.headers["Content-Type"]


def test_a_file_can_take_an_api_out_of_its_balancer(cloud: LocalCloud, tmp_path: Path) -> None:
    mark = tmp_path / "down"
    api = ApiSettings(health={"backends": ["disable_by_file"], "disable_by_file_path": str(mark)})
    stand = Stand(tmp_path, cloud, api=api, working=False)
    try:
        assert requests.get(f"{stand.endpoint}/healthcheck", timeout=10).status_code == 200
        mark.touch()
        assert requests.get(f"{stand.endpoint}/healthcheck", timeout=10).status_code == 503
    finally:
        stand.close()


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
