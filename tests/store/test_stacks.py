"""Accepting requests on stacks, and finding them again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.store.things import LEASE, NOW, PROJECT, a_stack, accept, an_event, an_operation, running, update

from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, OperationState, Status, Stop
from kamado.model.records import OperationRecord, StackRecord, Target
from kamado.store import EventFilter, LeaseLost, NameTaken, StackFilter, StackGone, Store


def _full_stack() -> StackRecord:
    key = new_id()
    return StackRecord(
        id=key,
        name="web",
        project_id=PROJECT,
        action=Action.UPDATE,
        status=Status.FAILED,
        reason="Grüße 火 \N{PILE OF POO} 'quoted' \\ %s",
        target=Target("a" * 64, {"file:///x": "b" * 64}, {"parameters": {"n": [1, {"m": None}], "ß": "\ud800"}}),
        created_at=NOW,
        updated_at=NOW + timedelta(microseconds=1),
        root_id=key,
        nested_depth=0,
        parent_resource=None,
        timeout_mins=90,
        disable_rollback=False,
        description="two\nlines",
        tags=("z", "a", "z"),
        user_id="u1",
        username="demo",
        credential_id=new_id(),
        stack_user_project_id="sup",
    )


def test_a_stack_comes_back_as_it_was_accepted(store: Store) -> None:
    stack = _full_stack()
    operation = an_operation(stack.id)
    store.stacks.create(stack, operation, an_event(stack.id))

    assert store.stacks.get(stack.id) == replace(stack, operation_id=operation.id)
    assert store.stacks.tags(stack.id) == ("z", "a", "z")
    assert [event.reason for event in store.events.page([stack.id])] == ["Stack CREATE started"]


def test_an_operation_comes_back_as_it_was_accepted(store: Store) -> None:
    stack = a_stack()
    operation = OperationRecord(
        id=new_id(),
        stack_id=stack.id,
        action=Action.ROLLBACK,
        state=OperationState.PENDING,
        target=Target("a" * 64, {"f": "b" * 64}, {"parameters": {"x": 1}}),
        created_at=NOW,
        previous=Target("c" * 64, {}, {"parameters": {"x": 0}}),
        parent_id=new_id(),
        deadline=NOW + timedelta(hours=1),
        rollback=True,
        credential_id=new_id(),
        request_id="req-1",
        reason="because",
        options={"express": True, "names": ["a"]},
    )
    store.stacks.create(stack, operation, an_event(stack.id))
    assert store.operations.get(operation.id) == operation
    assert store.operations.get(new_id()) is None


def test_text_that_databases_refuse_is_cleaned(store: Store) -> None:
    stack = a_stack(reason="a\0b\ud800c")
    store.stacks.create(stack, an_operation(stack.id), an_event(stack.id, reason="\0"))
    found = store.stacks.get(stack.id)
    assert found is not None
    assert found.reason == "ab?c"


def test_a_name_is_taken_while_its_stack_lives(store: Store) -> None:
    first = running(store)
    with pytest.raises(NameTaken):
        accept(store)
    assert store.stacks.count(StackFilter()) == 1
    accept(store, project_id="p2")
    accept(store, owner_id=first.stack_id, root_id=first.stack_id, nested_depth=1)
    accept(store, name="WEB")


def test_a_refused_create_leaves_nothing(store: Store) -> None:
    accept(store)
    stack = a_stack()
    operation = an_operation(stack.id)
    with pytest.raises(NameTaken) as raised:
        store.stacks.create(stack, operation, an_event(stack.id))
    assert (raised.value.project_id, raised.value.name) == (PROJECT, "web")
    assert store.stacks.get(stack.id) is None
    assert store.operations.get(operation.id) is None
    assert store.events.page([stack.id]) == []


def test_find_by_name_and_id(store: Store) -> None:
    root = accept(store, "web", stack_user_project_id="sup")
    accept(store, "web", project_id="p2")
    nested = accept(store, "web-nested", owner_id=root.stack_id, root_id=root.stack_id, nested_depth=1)

    def found(project: str, word: str) -> str | None:
        record = store.stacks.find(project, word)
        return None if record is None else record.id

    assert found(PROJECT, "web") == root.stack_id
    assert found(PROJECT, root.stack_id) == root.stack_id
    assert found(PROJECT, "web-nested") == nested.stack_id
    assert found("sup", "web") == root.stack_id
    assert found("sup", root.stack_id) == root.stack_id
    assert found("p2", root.stack_id) is None
    assert found("p3", "web") is None
    assert found(PROJECT, "Web") is None
    assert [child.id for child in store.stacks.children(root.stack_id)] == [nested.stack_id]
    assert [stack.id for stack in store.stacks.tree(root.stack_id)] == [root.stack_id, nested.stack_id]


def test_start_supersedes_what_runs_and_what_waits(store: Store) -> None:
    first = running(store)
    second = update(store, first.stack_id)
    assert store.operations.renew("e1", NOW, LEASE, [first.id]) == {first.id: Stop.SUPERSEDED}
    third = an_operation(first.stack_id, action=Action.DELETE)
    superseded = store.stacks.start(
        third, {"action": Action.DELETE, "tags": ("x",), "target": Target("n" * 64)}, an_event(first.stack_id)
    )
    assert set(superseded) == {first.id, second.id}

    stack = store.stacks.get(first.stack_id)
    assert stack is not None
    assert (stack.action, stack.operation_id, stack.tags) == (Action.DELETE, third.id, ("x",))
    assert stack.target.template_id == "n" * 64
    ended = store.operations.get(second.id)
    assert ended is not None
    assert (ended.state, ended.finished_at) == (OperationState.SUPERSEDED, NOW)
    assert [operation.id for operation in store.operations.live(first.stack_id)] == sorted(
        [first.id, third.id], key=lambda key: (NOW, key)
    )
    running_now = store.operations.running(first.stack_id)
    assert running_now is not None
    assert running_now.id == first.id


def test_unless_refuses_and_nothing_is_written(store: Store) -> None:
    first = running(store)
    seen = []

    def unless(stack: StackRecord, live: object) -> None:
        seen.append((stack.status, [operation.id for operation in live]))  # type: ignore[attr-defined]
        raise PermissionError("not now")

    operation = an_operation(first.stack_id)
    with pytest.raises(PermissionError):
        store.stacks.start(operation, {"status": Status.FAILED}, an_event(first.stack_id), unless=unless)
    assert seen == [(Status.IN_PROGRESS, [first.id])]
    assert store.operations.get(operation.id) is None
    assert store.operations.renew("e1", NOW, LEASE, [first.id]) == {first.id: Stop.NONE}
    assert store.events.count([first.stack_id]) == 1


def test_start_needs_a_live_stack(store: Store) -> None:
    with pytest.raises(StackGone):
        update(store, new_id())


def test_a_child_is_made_under_its_parents_lease_only(store: Store) -> None:
    parent = running(store)
    child = a_stack("child", owner_id=parent.stack_id, root_id=parent.stack_id, nested_depth=1)
    operation = an_operation(child.id, parent_id=parent.id)
    with pytest.raises(LeaseLost):
        store.stacks.create(child, operation, an_event(child.id), fence=(parent.id, parent.epoch + 1))
    assert store.stacks.get(child.id) is None
    store.stacks.create(child, operation, an_event(child.id), fence=(parent.id, parent.epoch))
    assert [found.id for found in store.operations.children(parent.id)] == [operation.id]


def test_unknown_fields_are_programming_errors(store: Store) -> None:
    operation = accept(store)
    with pytest.raises(TypeError, match="no field 'nonsense'"):
        update(store, operation.stack_id, {"nonsense": 1})


def test_purge_takes_all_that_belongs_to_a_stack(store: Store) -> None:
    kept = accept(store, "kept", tags=("a",))
    gone = accept(store, "gone", tags=("a",), deleted_at=NOW)
    assert store.stacks.purge(NOW) == 0
    assert store.stacks.purge(NOW + timedelta(seconds=1), project_id="other") == 0
    assert store.stacks.purge(NOW + timedelta(seconds=1)) == 1
    assert store.stacks.get(gone.stack_id, show_deleted=True) is None
    assert store.operations.get(gone.id) is None
    assert store.events.page([gone.stack_id]) == []
    assert [stack.id for stack in store.stacks.page(StackFilter(tags=("a",)))] == [kept.stack_id]


def test_events_page_and_filter(store: Store) -> None:
    stack, other = a_stack("a"), a_stack("b")
    for record in (stack, other):
        store.stacks.create(record, an_operation(record.id), an_event(record.id, record.name))
    for number in range(5):
        values = {
            "resource_type": "OS::A::B" if number % 2 else "OS::A::C",
            "status": "FAILED" if number == 3 else "COMPLETE",
        }
        operation = an_operation(stack.id)
        store.stacks.start(operation, {}, an_event(stack.id, f"r{number}", **values))

    def names(ids: list[str], **values: object) -> list[str]:
        return [event.resource_name for event in store.events.page(ids, EventFilter(**values))]  # type: ignore[arg-type]

    one, both = [stack.id], [stack.id, other.id]
    assert names(one) == ["r4", "r3", "r2", "r1", "r0", "a"]
    assert names(one, sort_keys=("event_time",)) == ["a", "r0", "r1", "r2", "r3", "r4"]
    assert names(both, sort_keys=("event_time",), limit=3) == ["a", "b", "r0"]
    assert names(one, types=("OS::A::B",)) == ["r3", "r1"]
    assert names(one, statuses=("FAILED", "IN_PROGRESS")) == ["r3", "a"]
    assert names(one, names=("r1", "r2"), actions=("CREATE",)) == ["r2", "r1"]
    assert names(one, sort_keys=("resource_type",)) == ["r1", "r3", "r0", "r2", "r4", "a"]
    marker = store.events.page(one)[1].id
    assert names(one, marker=marker, limit=2) == ["r2", "r1"]
    assert names(one, marker=marker, sort_keys=("resource_type",), sort_dir="asc") == ["r0", "r2", "r4", "a"]
    assert names([]) == []
    assert store.events.count(one, EventFilter(types=("OS::A::C",), limit=1)) == 3
    found = store.events.get(stack.id, marker)
    assert found is not None
    assert found.resource_name == "r3"
    assert store.events.get(other.id, marker) is None
    assert store.events.trim(stack.id, 2) == 4
    assert names(one) == ["r4", "r3"]
    assert store.events.count(both) == 3
