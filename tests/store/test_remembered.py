"""Lists are remembered and never stale, whoever else writes; on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.store.things import NOW, PROJECT, a_resource, accept, running

from kamado.model.changes import InsertResource, UpdateResource, UpdateStack
from kamado.model.lifecycle import Status
from kamado.store import Journal, StackFilter, Store
from kamado.store.remembered import Remembered

KEY = "0123456789abcdef0123456789abcdef"
PAGE = StackFilter(project_id=PROJECT)


def _elsewhere(store: Store) -> Store:
    """Another process on the same database, as far as the first can tell."""
    return Store(store.url.render_as_string(False), KEY)


def test_a_list_of_resources_is_as_it_is_now(store: Store) -> None:
    held = running(store, "web")
    other = _elsewhere(store)
    with Journal(other) as journal:

        def write(*changes: object) -> None:
            journal.submit(held.id, held.epoch, list(changes)).result(20)  # type: ignore[arg-type]

        rows = [a_resource(held.stack_id, f"r{n}", created_at=NOW - timedelta(seconds=n)) for n in range(3)]
        write(*(InsertResource(row) for row in rows))
        first = store.resources.listed([held.stack_id])
        assert [row.name for row in first[held.stack_id]] == ["r2", "r1", "r0"]
        assert store.resources.listed([held.stack_id]) is first

        write(UpdateResource(rows[1].id, {"status": Status.COMPLETE, "physical_id": "p", "requires": ("a", "b")}))
        second = store.resources.listed([held.stack_id])
        assert [row.status for row in second[held.stack_id]] == [
            Status.IN_PROGRESS,
            Status.COMPLETE,
            Status.IN_PROGRESS,
        ]
        assert second[held.stack_id][0] is first[held.stack_id][0]
        full = store.resources.of_stack(held.stack_id)
        bare = {"phase": full[0].phase, "operation_id": None, "definition": ""}
        assert list(second[held.stack_id]) == [replace(row, **bare) for row in full]

        write(UpdateResource(rows[1].id, {"status": Status.IN_PROGRESS, "physical_id": None, "requires": ()}))
        assert store.resources.listed([held.stack_id]) == first
    assert store.resources.listed([held.stack_id, "nobody"])["nobody"] == []
    other.close()


def test_stacks_and_pages_are_as_they_are_now(store: Store) -> None:
    held = running(store, "web", tags=("red", "ä"), disable_rollback=False)
    other = _elsewhere(store)
    page, stack = store.stacks.page(PAGE), store.stacks.get(held.stack_id)
    assert stack is not None
    assert page[0].disable_rollback is stack.disable_rollback is False
    assert page[0].tags == stack.tags == ("red", "ä")
    assert store.stacks.page(PAGE) is page
    assert store.stacks.get(held.stack_id) is stack
    with Journal(other) as journal:
        changed = UpdateStack(held.stack_id, {"status": Status.FAILED, "reason": "no room"})
        journal.submit(held.id, held.epoch, [changed]).result(20)
    assert store.stacks.page(PAGE)[0].reason == "no room"
    found = store.stacks.get(held.stack_id)
    assert found is not None
    assert found.status is Status.FAILED
    accept(other, "second", created_at=NOW + timedelta(seconds=1))
    assert [one.name for one in store.stacks.page(PAGE)] == ["second", "web"]
    other.close()


def test_what_is_too_much_is_forgotten_and_made_anew() -> None:
    kept: Remembered[str] = Remembered(10)
    made: list[str] = []

    def get(key: str, source: object = 1, weight: int = 4) -> str:
        return kept.get(key, source, lambda: made.append(key) or f"{key}{source}", lambda _: weight)  # type: ignore[func-returns-value]

    assert [get("a"), get("b"), get("a"), get("b")] == ["a1", "b1", "a1", "b1"]
    assert made == ["a", "b"]
    assert get("a", 2) == "a2"
    assert made == ["a", "b", "a"]
    get("c")
    assert get("b") == "b1"
    assert made == ["a", "b", "a", "c", "b"]
    assert get("big", weight=11) == get("big", weight=11) == "big1"
    assert made[-1] == "big"
    assert made.count("big") == 1
