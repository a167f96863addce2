"""Events as they come, over real connections: from the beginning, from where one was, many at once, until the stack is gone."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
from tests.wire.stand import Stand

from kamado.api.following import HEARTBEAT_SECONDS, LATE_SECONDS, LONGEST_SECONDS, EventStream
from kamado.api.limits import ApiSettings
from kamado.localcloud.server import LocalCloud
from kamado.store import schema
from kamado.store.events import EventFilter, event_row

SLOW = {
    "heat_template_version": "2018-08-31",
    "resources": {"slow": {"type": "OS::Heat::TestResource", "properties": {"value": "x", "action_wait_secs": {}}}},
}


def created(stand: Stand, name: str) -> str:
    made = stand.ask("POST", "/stacks", {"stack_name": name, "template": SLOW})
    assert made.status_code == 201, made.text
    return f"/stacks/{name}/{made.json()['stack']['id']}"


@contextmanager
def following(stand: Stand, path: str, query: str = "", **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Events as they arrive."""
    token, project = stand.token("demo")
    url = f"{stand.endpoint}/v1/{project}{path}/events?follow=true{query}"
    with requests.get(url, headers={"X-Auth-Token": token, **headers}, stream=True, timeout=30) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield read(answer)


def read(answer: requests.Response) -> Iterator[dict[str, Any]]:
    key = ""
    for line in answer.iter_lines(chunk_size=1):
        word, _, rest = line.decode().partition(": ")
        if word == "id":
            key = rest
        elif word == "data":
            event = json.loads(rest)
            assert event["id"] == key
            yield event


def words(events: list[dict[str, Any]]) -> list[str]:
    return [f"{event['resource_name']} {event['resource_status']}" for event in events]


def test_a_follower_sees_a_whole_life_and_the_end(stand: Stand) -> None:
    path = created(stand, "followed")
    with following(stand, path) as events:
        seen = []
        for event in events:
            seen.append(event)
            if words([event]) == ["followed CREATE_COMPLETE"]:
                assert stand.ask("DELETE", path).status_code == 204
    told = [f"{who} {action}_{status}" for action in ("CREATE", "DELETE") for who, status in
            (("followed", "IN_PROGRESS"), ("slow", "IN_PROGRESS"), ("slow", "COMPLETE"), ("followed", "COMPLETE"))]  # fmt: skip
    assert words(seen) == told
    listed = stand.ask("GET", f"{path}/events?sort_keys=event_time&sort_dir=asc").json()["events"]
    assert seen == listed


def test_who_comes_back_misses_nothing_and_sees_nothing_twice(stand: Stand) -> None:
    path = created(stand, "again")
    stand.settled(path)
    with following(stand, path) as events:
        first = [next(events), next(events)]
    with following(stand, path, **{"Last-Event-ID": first[-1]["id"]}) as events:
        rest = [next(events), next(events)]
    assert words(first + rest) == [
        "again CREATE_IN_PROGRESS", "slow CREATE_IN_PROGRESS", "slow CREATE_COMPLETE", "again CREATE_COMPLETE",
    ]  # fmt: skip


def test_filters_hold_for_followers_too(stand: Stand) -> None:
    path = created(stand, "filtered")
    with following(stand, path, "&resource_name=slow&resource_status=COMPLETE") as events:
        assert words([next(events)]) == ["slow CREATE_COMPLETE"]


def test_many_followers_leave_the_workers_free(stand: Stand) -> None:
    path = created(stand, "crowd")
    stand.settled(path)
    token, project = stand.token("demo")
    url = f"{stand.endpoint}/v1/{project}{path}/events?follow=true"
    # The stand has ten workers.
    open_ones = [requests.get(url, headers={"X-Auth-Token": token}, stream=True, timeout=30) for _ in range(40)]
    try:
        assert all(next(read(answer))["resource_name"] == "crowd" for answer in open_ones)
        assert stand.ask("GET", path).status_code == 200
    finally:
        for answer in open_ones:
            answer.close()


def test_there_are_so_many_seats_and_they_are_given_back(cloud: LocalCloud, tmp_path: Path) -> None:
    stand = Stand(tmp_path, cloud, api=ApiSettings(followers=1), working=False)
    try:
        path = created(stand, "seats")
        with following(stand, path) as events:
            next(events)
            answer = stand.ask("GET", f"{path}/events?follow=true")
            assert answer.status_code == 503
            assert answer.json()["error"]["type"] == "HTTPServiceUnavailable"
        status = 503
        end = time.monotonic() + 20
        while status == 503 and time.monotonic() < end:
            time.sleep(0.1)
            with stand.ask("GET", f"{path}/events?follow=true", stream=True) as answer:
                status = answer.status_code
        assert status == 200
    finally:
        stand.close()


def test_others_may_not_follow(stand: Stand) -> None:
    path = created(stand, "private")
    assert stand.ask("GET", f"{path}/events?follow=true", user="alt_demo").status_code == 404
    assert stand.ask("GET", f"{path}/events?follow=maybe").status_code == 400


def test_a_quiet_connection_is_kept_open_and_ended_after_an_hour(stand: Stand) -> None:
    path = created(stand, "quiet")
    stand.settled(path)
    record = stand.store.stacks.get(path.rpartition("/")[2])
    assert record is not None
    now, left = [0.0], []
    stream = EventStream(
        stand.services, "http://x/v1", record, EventFilter(), 0, lambda: left.append(1), monotonic=lambda: now[0]
    )
    first = stream.more()
    assert first is not None
    assert first.startswith(b"retry: ")
    assert stream.more() == b""
    now[0] = HEARTBEAT_SECONDS + 1
    assert stream.more() == b": still there\n\n"
    assert stream.more() == b""
    now[0] = LONGEST_SECONDS + 1
    assert stream.more() is None
    stream.close()
    stream.close()
    assert left == [1]


def test_an_event_that_is_committed_after_later_ones_is_told_too_and_none_twice(stand: Stand) -> None:
    path = created(stand, "late")
    stand.settled(path)
    record = stand.store.stacks.get(path.rpartition("/")[2])
    assert record is not None
    known = stand.store.events.page([record.id])
    now = [0.0]
    stream = EventStream(
        stand.services, "http://x/v1", record, EventFilter(), 0, lambda: None, monotonic=lambda: now[0]
    )

    def told(seconds: float) -> list[str]:
        now[0] += seconds
        text = stream.more()
        assert text is not None
        return re.findall("^id: (.*)$", text.decode(), re.MULTILINE)

    def commit(number: int) -> str:
        late = replace(known[0], id=str(uuid.uuid4()))
        row = {**event_row(late, stand.store.cipher), "seq": number}
        stand.store.write(lambda connection: connection.execute(schema.event.insert().values(row)))
        return late.id

    assert told(0) == [one.id for one in reversed(known)]
    late = commit(-1)
    assert told(1) == [late]
    assert told(LATE_SECONDS + 1) == []
    assert told(1) == []
    assert stream.more() == b""
    stream.close()


def test_of_a_stack_that_is_gone_the_rest_is_told_and_no_more(stand: Stand) -> None:
    path = created(stand, "long-gone")
    assert stand.ask("DELETE", path).status_code == 204
    stand.gone(f"/stacks/{path.split('/')[2]}")
    record = stand.store.stacks.get(path.rpartition("/")[2], show_deleted=True)
    assert record is not None
    last = stand.store.events.page([record.id])[0].id

    def told(wanted: EventFilter) -> list[bytes | None]:
        stream = EventStream(stand.services, "http://x/v1", record, wanted, 0, lambda: None)
        return [stream.more(), stream.more()]

    everything, end = told(EventFilter())
    assert everything is not None
    assert b"DELETE_COMPLETE" in everything
    assert end is None
    assert told(EventFilter(marker=last)) == [None, None]
