"""Projects take turns when more waits than there is room for."""

from __future__ import annotations

import pytest

from kamado.store.shares import Room, lot, shares


@pytest.mark.parametrize(
    ("waiting", "room", "taken"),
    [
        ({"a": 2, "b": 1}, Room(10, 10), {"a": 2, "b": 1}),
        ({"a": 50, "b": 1}, Room(4, 4), {"a": 3, "b": 1}),
        ({"a": 50, "b": 50, "c": 1}, Room(5, 5), {"a": 2, "b": 2, "c": 1}),
        ({"a": 50, "b": 1}, Room(1, 10, {"a": 9}), {"b": 1}),
        ({"a": 50, "b": 50}, Room(4, 10, {"a": 2}), {"a": 1, "b": 3}),
        ({"a": 50}, Room(4, 10, {"a": 8}), {"a": 2}),
        ({"a": 50}, Room(4, 10, {"a": 10}), {}),
        ({"b": 1, "a": 1}, Room(1, 1), {"b": 1}),
        ({}, Room(4, 4), {}),
        ({"a": 1}, Room(0, 4), {}),
    ],
)
def test_who_has_least_at_work_comes_first(waiting: dict[str, int], room: Room, taken: dict[str, int]) -> None:
    assert shares(waiting, room) == taken


@pytest.mark.parametrize(
    ("waiting", "engines", "taken"), [(100, 0, 100), (100, 1, 100), (100, 2, 25), (5, 2, 2), (1, 3, 1), (2, 9, 1)]
)
def test_an_engine_leaves_the_others_their_part(waiting: int, engines: int, taken: int) -> None:
    assert lot(waiting, engines) == taken
