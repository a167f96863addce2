"""Deadlocks, killed connections and a database that is away for a while cost time, not truth."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, select
from sqlalchemy.exc import DBAPIError, OperationalError
from tests.databases import KEY, kill_all_others
from tests.store.lossy import lossy
from tests.store.things import a_resource, accept, an_event, an_operation, running

from kamado.model.changes import AppendEvent, InsertResource, UpdateOperation
from kamado.model.lifecycle import OperationState
from kamado.store import EventFilter, Journal, NameTaken, Store, schema
from kamado.store.engines import APPLICATION
from kamado.store.retry import Patience, Trouble, diagnose, pause


def test_a_deadlock_is_run_again(store: Store) -> None:
    rows = [accept(store, name).stack_id for name in ("a", "b")]
    tries: list[str] = []

    def lock_in_order(mine: list[str], meet: threading.Barrier) -> None:
        def work(connection: Connection) -> None:
            tries.append(mine[0])
            table = schema.stack
            connection.execute(
                table.update().where(table.c.id == mine[0]).values(description=table.c.description + "x")
            )
            if store.dialect != "sqlite" and len(tries) <= 2:
                meet.wait(5)
            connection.execute(
                table.update().where(table.c.id == mine[1]).values(description=table.c.description + "y")
            )

        store.write(work)

    meet = threading.Barrier(2)
    threads = [threading.Thread(target=lock_in_order, args=(order, meet)) for order in (rows, rows[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) == (2 if store.dialect == "sqlite" else 3)
    for row in rows:
        stack = store.stacks.get(row)
        assert stack is not None
        assert sorted(stack.description) == ["x", "y"]


@pytest.mark.servers
def test_who_falls_asleep_within_a_transaction_holds_nobody_up(database_url: str) -> None:
    """As a process that is stopped, or cut off, between two statements: what it had locked is free again, and it begins anew."""
    store = Store(database_url, KEY, idle_seconds=1)
    row = accept(store, "a").stack_id
    table = schema.stack
    asleep, woken = threading.Event(), threading.Event()
    tries: list[int] = []

    def append(letter: str, connection: Connection) -> None:
        connection.execute(table.update().where(table.c.id == row).values(description=table.c.description + letter))

    def sleepy(connection: Connection) -> None:
        append("x", connection)
        tries.append(len(tries))
        asleep.set()
        woken.wait(60)
        append("y", connection)

    sleeper = threading.Thread(target=store.write, args=(sleepy,))
    sleeper.start()
    assert asleep.wait(60)
    store.write(lambda connection: append("z", connection))
    woken.set()
    sleeper.join(60)
    stack = store.stacks.get(row)
    store.close()
    assert stack is not None
    assert stack.description == "zxy"
    assert len(tries) == 2


@pytest.mark.servers
def test_who_falls_asleep_amid_a_pipeline_holds_nobody_up(database_url: str) -> None:
    """As a process that is stopped while it hands in rows: PostgreSQL waits for the next one, and its limit for idlers does not count."""
    store = Store(database_url, KEY, idle_seconds=1)
    row = accept(store, "a").stack_id
    if store.dialect != "postgresql":  # it gets each statement whole
        assert store.engines.end_sleepers() == 0
        store.close()
        return
    url = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with contextlib.closing(psycopg.connect(url, application_name=APPLICATION)) as asleep:
        pipeline = contextlib.ExitStack()
        pipeline.enter_context(asleep.pipeline())
        asleep.execute("UPDATE stack SET description = 'x' WHERE id = %s", (row,))
        asleep.pgconn.send_flush_request()
        asleep.pgconn.flush()
        ended = 0
        while not ended:
            time.sleep(0.2)
            ended = store.engines.end_sleepers()
        assert ended == 1
        store.write(lambda connection: connection.execute(schema.stack.update().values(description="z")))
        with pytest.raises(psycopg.OperationalError):
            pipeline.close()
    stack = store.stacks.get(row)
    assert store.engines.end_sleepers() == 0
    store.close()
    assert stack is not None
    assert stack.description == "z"


@pytest.mark.timeout(60)
def test_a_lost_answer_to_commit_is_found_out(store: Store) -> None:
    """The wire breaks around COMMIT, in turn before and after the server did it: all is written, and once."""
    if store.dialect == "sqlite":
        # No wire there; what its errors mean is all that can be asked.
        assert diagnose(OperationalError("", None, sqlite3.OperationalError())) is Trouble.FATAL
        return
    held = running(store)
    with lossy(store.url.render_as_string(hide_password=False), every=4) as (url, wire):
        behind = Store(url, KEY)
        with Journal(behind) as journal:
            for number in range(40):
                row = a_resource(held.stack_id, f"r{number}")
                changes = [InsertResource(row), AppendEvent(an_event(held.stack_id, f"r{number}"))]
                journal.submit(held.id, held.epoch, changes).result(30)
            journal.submit(held.id, held.epoch, [UpdateOperation(held.id, {"state": OperationState.DONE})]).result(30)
        behind.close()
        assert wire.broken_before >= 3
        assert wire.broken_after >= 3
    names = Counter(row.name for row in store.resources.of_stack(held.stack_id))
    assert names == {f"r{position}": 1 for position in range(40)}
    assert store.events.count([held.stack_id]) == 41


@pytest.mark.timeout(60)
def test_requests_whose_commit_answer_was_lost(store: Store) -> None:
    """A create is not refused because of itself, and an update supersedes what it found the first time."""
    if store.dialect == "sqlite":
        accept(store, "web")
        with pytest.raises(NameTaken):
            accept(store, "web")
        return
    with lossy(store.url.render_as_string(hide_password=False), every=2) as (url, wire):
        behind = Store(url, KEY)
        for number in range(8):
            created = accept(behind, f"web{number}")
            first = an_operation(created.stack_id)
            assert behind.stacks.start(first, {}, an_event(created.stack_id)) == [created.id]
            second = an_operation(created.stack_id)
            assert behind.stacks.start(second, {}, an_event(created.stack_id)) == [first.id]
            assert store.events.count([created.stack_id]) == 3
            assert [operation.id for operation in store.operations.live(created.stack_id)] == [second.id]
        behind.close()
        assert wire.broken_before >= 3
        assert wire.broken_after >= 3


@pytest.mark.timeout(60)
def test_killed_connections_lose_and_double_nothing(store: Store) -> None:
    if store.dialect == "sqlite":
        accept(store, "web")
        return
    held = running(store)
    engine = create_engine(store.url, isolation_level="AUTOCOMMIT")
    killed = 0
    with Journal(store) as journal, engine.connect() as executioner:
        futures = []
        number = 0
        while killed < 5:
            for _ in range(20):
                row = a_resource(held.stack_id, f"r{number}")
                changes = [InsertResource(row), AppendEvent(an_event(held.stack_id, f"r{number}"))]
                futures.append(journal.submit(held.id, held.epoch, changes))
                number += 1
            time.sleep(0.004)
            if number % 200 == 0:
                killed += kill_all_others(store, executioner)
        for future in futures:
            future.result(30)
    engine.dispose()
    names = Counter(row.name for row in store.resources.of_stack(held.stack_id))
    assert names == {f"r{position}": 1 for position in range(number)}
    events = store.events.page([held.stack_id], EventFilter(sort_keys=("event_time",)))
    assert [event.resource_name for event in events] == ["web", *(f"r{position}" for position in range(number))]


def test_requests_survive_killed_connections(store: Store) -> None:
    if store.dialect == "sqlite":
        accept(store, "web")
        assert store.stacks.find("p1", "web") is not None
        return
    engine = create_engine(store.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as executioner:
        for number in range(4):
            accept(store, f"web{number}")
            kill_all_others(store, executioner)
            assert store.stacks.find("p1", f"web{number}") is not None
            kill_all_others(store, executioner)
            with pytest.raises(NameTaken):
                accept(store, f"web{number}")
    engine.dispose()


def test_another_process_holding_sqlites_lock_is_waited_for(store: Store) -> None:
    if store.dialect != "sqlite":
        with store.writer.engine.begin() as connection:
            connection.execute(select(schema.stack.c.id).with_for_update())
            accept(store, "web")
        return
    held = running(store)
    other = sqlite3.connect(store.url.database or "", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, lambda: other.execute("ROLLBACK")).start()
    with Journal(store) as journal:
        journal.submit(held.id, held.epoch, [AppendEvent(an_event(held.stack_id))]).result(20)
    assert store.events.count([held.stack_id]) == 2
    time.sleep(0.1)
    other.close()


def test_a_server_that_is_away_is_an_error_after_a_while() -> None:
    store = Store("postgresql://root@127.0.0.1:1/nowhere", KEY)
    before = time.monotonic()
    with pytest.raises(DBAPIError) as raised:
        store.write(lambda connection: None, Patience(conflicts=1, seconds=0.2))
    assert 0.2 <= time.monotonic() - before < 10
    assert diagnose(raised.value) is Trouble.LOST
    store.close()


class _Postgres(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("original", "trouble"),
    [
        (_Postgres("40001"), Trouble.CONFLICT),
        (_Postgres("40P01"), Trouble.CONFLICT),
        (_Postgres("08006"), Trouble.LOST),
        (_Postgres("57P01"), Trouble.LOST),
        (_Postgres("23505"), Trouble.FATAL),
        (Exception(1213, "deadlock"), Trouble.CONFLICT),
        (Exception(1205, "lock wait"), Trouble.CONFLICT),
        (Exception(2013, "lost"), Trouble.LOST),
        (Exception(1047, "not ready"), Trouble.LOST),
        (Exception(1062, "duplicate"), Trouble.FATAL),
        (Exception(), Trouble.FATAL),
    ],
    ids=str,
)
def test_diagnoses(original: Any, trouble: Trouble) -> None:
    assert diagnose(DBAPIError("", None, original)) is trouble
    assert diagnose(ValueError()) is Trouble.FATAL


def test_pauses_grow_and_are_bounded() -> None:
    for trouble, most in ((Trouble.CONFLICT, 0.5), (Trouble.LOST, 2.0)):
        pauses = [pause(attempt, trouble) for attempt in range(1, 60)]
        assert 0 < pauses[0] < 0.2
        assert max(pauses) <= most
