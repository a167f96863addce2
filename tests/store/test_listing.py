"""Pages of stacks: Heat's filters, orders and markers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.store.things import NOW, PROJECT, accept

from kamado.model.lifecycle import Action, Status
from kamado.store import StackFilter, Store


@pytest.fixture
def several(store: Store) -> Store:
    """Stacks a to f, a minute apart; e is nested in a, f is deleted, g is in another project."""

    def make(minute: int, name: str, **values: Any) -> str:
        return accept(store, name, created_at=NOW + timedelta(minutes=minute), **values).stack_id

    a = make(0, "a", tags=("red", "green"), username="ada", updated_at=NOW)
    make(1, "b", tags=("red",), status=Status.COMPLETE, disable_rollback=False)
    make(2, "c", tags=("blue",), action=Action.UPDATE, updated_at=NOW + timedelta(days=1), timeout_mins=5)
    make(3, "d", status=Status.FAILED, reason="boom", stack_user_project_id="sup")
    make(4, "e", owner_id=a, root_id=a, nested_depth=1)
    make(5, "f", deleted_at=NOW)
    make(6, "g", project_id="p2")
    return store


def _names(store: Store, **values: Any) -> str:
    wanted = StackFilter(**{"project_id": PROJECT, "sort_keys": ("creation_time",), **values})
    found = "".join(stack.name for stack in store.stacks.page(wanted))
    if "limit" not in values and "marker" not in values:
        assert store.stacks.count(wanted) == len(found)
    return found


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, "abcd"),
        ({"nested": True}, "abcde"),
        ({"deleted": True}, "abcdf"),
        ({"project_id": None}, "abcdg"),
        ({"project_id": None, "project_ids": ("p2", "p3")}, "g"),
        ({"names": ("a", "d", "nobody")}, "ad"),
        ({"statuses": ("COMPLETE", "FAILED")}, "bd"),
        ({"statuses": ("IN_PROGRESS",), "actions": ("UPDATE",)}, "c"),
        ({"reasons": ("boom",)}, "d"),
        ({"usernames": ("ada",)}, "a"),
        ({"timeout_mins": (5, 6)}, "c"),
        ({"disable_rollback": (False,)}, "b"),
        ({"user_project_ids": ("sup",)}, "d"),
        ({"tags": ("red",)}, "ab"),
        ({"tags": ("red", "green")}, "a"),
        ({"tags_any": ("green", "blue")}, "ac"),
        ({"not_tags": ("red", "green")}, "bcd"),
        ({"not_tags_any": ("green", "blue")}, "bd"),
        ({"hidden_tags": ("blue",)}, "abd"),
        ({"tags": ("red",), "not_tags_any": ("green",)}, "b"),
        ({"sort_keys": ()}, "dcba"),
        ({"sort_keys": (), "sort_dir": "asc"}, "abcd"),
        ({"sort_keys": ("nonsense",)}, "dcba"),
        ({"sort_keys": ("stack_name",), "sort_dir": "desc"}, "dcba"),
        ({"sort_keys": ("stack_status", "stack_name")}, "bdac"),
        ({"sort_keys": ("updated_time", "creation_time")}, "bdac"),
        ({"limit": 2}, "ab"),
        ({"limit": 0}, ""),
        ({"marker": "unknown", "limit": 1}, "a"),
    ],
    ids=str,
)
def test_filters_and_orders(several: Store, values: dict[str, Any], names: str) -> None:
    assert _names(several, **values) == names


def test_owner_filter(several: Store) -> None:
    a = several.stacks.page(StackFilter(names=("a",)))[0]
    assert _names(several, nested=True, owner_ids=(a.id,)) == "e"
    assert _names(several, ids=(a.id,)) == "a"


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("keys", [(), ("stack_status",), ("updated_time",), ("stack_name", "creation_time")], ids=str)
def test_markers_visit_every_stack_once(several: Store, keys: tuple[str, ...], direction: str) -> None:
    wanted: dict[str, Any] = {
        "project_id": None,
        "nested": True,
        "deleted": True,
        "sort_keys": keys,
        "sort_dir": direction,
    }
    everything = [stack.id for stack in several.stacks.page(StackFilter(**wanted))]
    assert len(everything) == 7
    visited: list[str] = []
    while page := several.stacks.page(StackFilter(**wanted, limit=2, marker=visited[-1] if visited else None)):
        visited += [stack.id for stack in page]
        assert len(visited) <= 8
    assert visited == everything


def test_names_sort_by_bytes_everywhere(store: Store) -> None:
    for name in ("b", "B", "a-", "a", "A_", "a.b"):
        accept(store, name)
    assert [stack.name for stack in store.stacks.page(StackFilter(sort_keys=("stack_name",)))] == [
        *("A_", "B", "a", "a-", "a.b", "b")
    ]


def test_a_page_knows_targets_only_when_asked(store: Store) -> None:
    from kamado.model.records import Target

    accept(store, target=Target("t" * 64, {"f": "x"}, {"parameters": {"a": 1}}))
    (short,) = store.stacks.page(StackFilter())
    assert short.target == Target("t" * 64)
    (whole,) = store.stacks.page(StackFilter(), whole=True)
    assert whole.target == Target("t" * 64, {"f": "x"}, {"parameters": {"a": 1}})
