"""Calls over real HTTP: what is retried, what never is, and what the answers mean."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token

from kamado.cloud.failures import CloudError, FailureKind, retry_after
from kamado.cloud.guard import guarded
from kamado.cloud.limits import CallLimits, Gates
from kamado.cloud.rest import Service, base_url


def failed(call: Any) -> CloudError:
    with pytest.raises(CloudError) as error:
        call()
    return error.value


def test_what_is_sent_and_what_comes_back(service: Service, script: Any) -> None:
    script.answers = [(200, {"thing": {"id": 1}}, {}), (204, "", {})]
    assert service.post("/things", json={"thing": {}}, params={"a": "b"}, microversion="2.5") == {"thing": {"id": 1}}
    method, path, headers, body = script.seen[0]
    assert (method, path, body) == ("POST", "/things?a=b", {"thing": {}})
    assert headers["X-Auth-Token"] == "token"
    assert headers["OpenStack-API-Version"] == "network 2.5"
    assert service.delete("/things/1") is None


def test_a_collection_is_read_page_by_page(service: Service, script: Any) -> None:
    wrong_host = "http://elsewhere.example"
    script.answers = [
        (200, {"things": [1], "things_links": [{"rel": "next", "href": f"{wrong_host}/things?marker=1"}]}, {}),
        (200, {"things": [2], "next": "/things?marker=2"}, {}),
        (200, {"things": [3], "links": {"next": None}}, {}),
    ]
    assert service.list("/things", "things", {"name": "x"}) == [1, 2, 3]
    assert [seen[1] for seen in script.seen] == ["/things?name=x", "/things?marker=1", "/things?marker=2"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_after_as_long_as_it_says(service: Service, script: Any, status: int) -> None:
    script.answers = [(status, {}, {"Retry-After": "0.03"}), (200, {"ok": 1}, {})]
    started = time.monotonic()
    assert service.post("/things", json={}) == {"ok": 1}
    assert time.monotonic() - started >= 0.03


def test_a_long_wait_is_left_to_the_engine(service: Service, script: Any) -> None:
    script.answers = [(503, {"message": "later"}, {"Retry-After": "30"})]
    error = failed(lambda: service.post("/things", json={}))
    assert (error.kind, error.retry_after, len(script.seen)) == (FailureKind.UNAVAILABLE, 30.0, 1)


NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-7"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 02 Jan 2026 03:04:25 GMT"}, 20.0),
        ({"Retry-After": "Fri, 02 Jan 2026 03:00:00 GMT"}, 0.0),
        # The server's clock is an hour ahead of ours: it counts by its own.
        ({"Retry-After": "Fri, 02 Jan 2026 04:04:15 GMT", "Date": "Fri, 02 Jan 2026 04:04:05 GMT"}, 10.0),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_a_date_to_come_back_at_is_kept_to(service: Service, script: Any) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    script.answers = [(429, {"message": "later"}, {"Retry-After": later})]
    error = failed(lambda: service.post("/things", json={}))
    assert 3500 < (error.retry_after or 0) <= 3600
    assert len(script.seen) == 1


def test_attempts_are_bounded(service: Service, script: Any) -> None:
    script.answers = [(503, {}, {})] * 9
    assert failed(lambda: service.get("/things")).status == 503
    assert len(script.seen) == 3


def test_a_lost_answer_to_a_post_is_never_asked_again(service: Service, script: Any) -> None:
    script.answers = ["cut"] * 9
    assert failed(lambda: service.post("/things", json={})).kind is FailureKind.LOST
    assert len(script.seen) == 1
    script.answers = [(504, {}, {})] * 9
    assert failed(lambda: service.post("/things", json={})).kind is FailureKind.UNAVAILABLE
    assert len(script.seen) == 2


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_lost_answer_to_what_may_be_done_twice_is(service: Service, script: Any, method: str) -> None:
    script.answers = ["cut", (502, {}, {}), (200, {"ok": 1}, {})]
    assert getattr(service, method)("/things/1") == {"ok": 1}


def test_nobody_listens(http: requests.Session) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        limits = CallLimits(attempts=2, first_wait=0.01)
        service = Service(Session(auth=Token(url, "t"), session=http), "network", url, limits, Gates(limits))
        assert failed(lambda: service.post("/things", json={})).kind is FailureKind.UNREACHABLE


def test_calls_in_flight_are_bounded(service: Service, script: Any) -> None:
    script.pause = lambda: time.sleep(0.03)
    threads = [threading.Thread(target=service.get, args=("/things",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(script.seen) == 8
    assert script.most <= 2


class TooLate(Exception):
    """Raised by a guard."""


def test_what_may_not_be_sent_any_more_is_not_sent_again(service: Service, script: Any) -> None:
    script.answers = [(503, {}, {})] * 9

    def may() -> None:
        if script.seen:
            raise TooLate

    with pytest.raises(TooLate):
        guarded(may, lambda: service.post("/things", json={}))
    assert len(script.seen) == 1
    assert service.call("GET", "/things", ok=(503,)) is None


def test_a_request_of_which_a_part_was_sent_is_not_sent_whole(service: Service, script: Any) -> None:
    asked = []

    def may() -> None:
        asked.append(None)
        if len(asked) > 1:
            raise TooLate

    with pytest.raises(TooLate):
        guarded(may, lambda: service.post("/things", json={"name": "n"}))
    assert service.get("/things") == {}
    assert [method for method, *_ in script.seen] == ["GET"]


def test_what_waits_for_its_turn_asks_when_it_comes(service: Service, script: Any) -> None:
    too_late = threading.Event()
    script.pause = lambda: (time.sleep(0.05), too_late.set())
    failed: list[str] = []

    def may() -> None:
        if too_late.is_set():
            raise TooLate

    def work() -> None:
        try:
            guarded(may, lambda: service.post("/things", json={}))
        except TooLate:
            failed.append("late")

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(script.seen) + len(failed) == 6
    assert len(script.seen) <= 3  # two at once, and one that came between the answer and the news


def test_statuses_that_are_fine(service: Service, script: Any) -> None:
    script.answers = [(404, {}, {}), (409, {}, {})]
    assert service.get("/things/1", ok=(404,)) is None
    assert failed(lambda: service.get("/things/1", ok=(404,))).conflict


@pytest.mark.parametrize(
    ("service_type", "endpoint", "base"),
    [
        ("network", "http://c:9696", "http://c:9696"),
        ("network", "http://c:9696/v2.0/", "http://c:9696"),
        ("network", "http://c/networking", "http://c/networking"),
        ("compute", "http://c:8774/v2.1", "http://c:8774/v2.1"),
        ("compute", "http://c/compute/v2.1/abc", "http://c/compute/v2.1"),
        ("compute", "http://c:8774", "http://c:8774/v2.1"),
        ("volumev3", "http://c:8776/v3/abc", "http://c:8776/v3/abc"),
        ("volumev3", "http://c:8776/v3", "http://c:8776/v3/abc"),
        ("identity", "http://c/identity/v3", "http://c/identity"),
        ("image", "http://c:9292/v2", "http://c:9292"),
        ("orchestration", "http://c:8004/v1/abc", "http://c:8004/v1/abc"),
    ],
)
def test_where_paths_start(service_type: str, endpoint: str, base: str) -> None:
    assert base_url(service_type, endpoint, "abc") == base
