"""What the store asks of the database: as few queries as its docstrings say, and each has an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from tests.databases import KEY, Servers
from tests.store.things import LEASE, NOW, PROJECT, a_stack, accept, an_event, an_operation, update

from kamado.model.lifecycle import Stop
from kamado.store import EventFilter, StackFilter, Store

# What is asked, the number of statements it takes, and how, given a store and the id of a stack.
CALLS: list[tuple[str, int, Callable[[Store, str], object]]] = [
    ("stack page", 1, lambda s, _: s.stacks.page(StackFilter(project_id=PROJECT, limit=20))),
    ("next stack page", 2, lambda s, key: s.stacks.page(StackFilter(project_id=PROJECT, limit=20, marker=key))),
    ("stacks by tag", 1, lambda s, _: s.stacks.page(StackFilter(project_id=PROJECT, tags=("a",), hidden_tags=("b",)))),
    ("all projects' stacks", 1, lambda s, _: s.stacks.page(StackFilter(nested=True, limit=20))),
    ("stack count", 1, lambda s, _: s.stacks.count(StackFilter(project_id=PROJECT))),
    ("stack by id", 1, lambda s, key: s.stacks.find(PROJECT, key)),
    ("stack by name", 1, lambda s, _: s.stacks.find(PROJECT, "s3")),
    ("no stack by name", 2, lambda s, _: s.stacks.find(PROJECT, "nobody")),
    ("name taken", 1, lambda s, _: s.stacks.has(PROJECT, "s3")),
    ("stack", 1, lambda s, key: s.stacks.get(key)),
    ("tags", 1, lambda s, key: s.stacks.tags(key)),
    ("children", 1, lambda s, key: s.stacks.children(key)),
    ("tree", 1, lambda s, key: s.stacks.tree(key)),
    ("create", 3, lambda s, _: _create(s)),
    ("start", 7, lambda s, key: update(s, key, created_at=NOW + timedelta(days=1))),
    ("purge of nothing", 1, lambda s, _: s.stacks.purge(NOW)),
    ("resources", 1, lambda s, key: s.resources.of_stack(key)),
    ("resources of stacks", 1, lambda s, key: s.resources.of_stacks([key, "x"])),
    ("resource", 1, lambda s, key: s.resources.get(key, "net")),
    ("resource by physical id", 1, lambda s, _: s.resources.by_physical_id(PROJECT, "x")),
    ("physical ids", 1, lambda s, key: s.resources.physical_ids("OS::Neutron::Net", [key])),
    ("taken", 1, lambda s, _: s.resources.taken(["x", "y"])),
    ("events", 1, lambda s, key: s.events.page([key], EventFilter(limit=10))),
    ("event", 1, lambda s, key: s.events.get(key, "x")),
    ("trim of nothing", 1, lambda s, key: s.events.trim(key, 1000)),
    ("operation", 1, lambda s, _: s.operations.get("x")),
    ("operations of a stack", 1, lambda s, key: s.operations.of_stack(key)),
    ("live operations", 1, lambda s, key: s.operations.live(key)),
    ("running operation", 1, lambda s, key: s.operations.running(key)),
    ("operation's children", 1, lambda s, _: s.operations.children("x")),
    ("claim", 5, lambda s, _: s.operations.claim("e", NOW, LEASE, 100)),
    ("renew", 2, lambda s, _: s.operations.renew("e", NOW, LEASE, ["x"])),
    ("release", 1, lambda s, _: s.operations.release("e", ["x"])),
    ("stop", 3, lambda s, _: s.operations.request_stop(["x"], Stop.CANCELLED, NOW)),
    ("credential", 1, lambda s, _: s.credentials.find(PROJECT, "u", ["member"])),
    ("unused credentials", 1, lambda s, _: s.credentials.unused(NOW)),
]


def _create(store: Store) -> None:
    stack = a_stack("new")
    store.stacks.create(stack, an_operation(stack.id), an_event(stack.id))


@contextmanager
def _statements(store: Store) -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, many: bool) -> None:
        if not sql.startswith("BEGIN"):
            seen.append((sql, parameters[0] if many else parameters))

    for engine in (store.reader.engine, store.writer.engine):
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in (store.reader.engine, store.writer.engine):
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def filled(servers: Servers) -> Iterator[tuple[Store, str]]:
    """A store with some stacks, and the id of one."""
    store = Store.open(servers.make("sqlite"), KEY, durable=False)
    operations = [accept(store, f"s{number}", created_at=NOW + timedelta(seconds=number)) for number in range(5)]
    yield store, operations[0].stack_id
    store.close()


@pytest.mark.parametrize(("number", "call"), [pytest.param(*rest, id=name) for name, *rest in CALLS])
def test_queries_are_few_and_indexed(
    filled: tuple[Store, str], number: int, call: Callable[[Store, str], object]
) -> None:
    store, key = filled
    with _statements(store) as seen:
        call(store, key)
    assert len(seen) == number, seen
    with store.reader.engine.connect() as connection:
        for sql, parameters in seen:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]
            # "listed" is no table but what was found already, on its way into one text.
            assert [step for step in plan if step.startswith("SCAN") and step != "SCAN listed"] == [], (sql, plan)


def test_the_usual_stack_page_is_read_in_the_order_of_its_index(filled: tuple[Store, str]) -> None:
    store, _ = filled
    with _statements(store) as seen:
        store.stacks.page(StackFilter(project_id=PROJECT, limit=20))
    with store.reader.engine.connect() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {seen[0][0]}", seen[0][1])]
    assert [step.split(" USING ")[0] for step in plan] == ["CO-ROUTINE listed", "SEARCH stack", "SCAN listed"]
    assert "USING INDEX ix_stack_project_id_owner_id_deleted_at_created_at_id" in plan[1]
