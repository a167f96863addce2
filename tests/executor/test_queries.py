"""What operations ask of the database: a number of queries that does not grow with the stack, nor with the number of nested stacks.

Counts, not times: they are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from tests.engine_world import World

from kamado.model.lifecycle import Action

LOCAL = "OS::Heat::Value"
CHILD = {"heat_template_version": "2018-08-31", "resources": {"v": {"type": LOCAL, "properties": {"value": "x"}}}}


@contextmanager
def reads(world: World) -> Iterator[list[str]]:
    """The statements that are read with."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        seen.append(sql)

    event.listen(world.store.reader.engine, "before_cursor_execute", note)
    yield seen
    event.remove(world.store.reader.engine, "before_cursor_execute", note)


def flat(count: int, word: str) -> dict[str, Any]:
    return {f"v{number}": {"type": LOCAL, "properties": {"value": word}} for number in range(count)}


def things(count: int, word: str) -> dict[str, Any]:
    return {f"t{number}": {"type": "Test::Thing", "properties": {"size": len(word)}} for number in range(count)}


def children(count: int, word: str) -> dict[str, Any]:
    return {f"c{number:03}": {"type": "one.yaml", "metadata": {"word": word}} for number in range(count)}


SHAPES = {"flat": flat, "things": things, "children": children}


def life(world: World, shape: str, count: int) -> dict[str, int]:
    """Step → how many queries read."""
    make = SHAPES[shape]
    files = {"one.yaml": CHILD}
    found = {}
    stack_id = world.accept(make(count, "a"), files=files, name=f"s{count}")
    for step, template in (
        ("create", None),
        ("update", make(count, "bb")),
        ("update that changes nothing", make(count, "bb")),
        ("delete", {}),
    ):
        if template is not None:
            action = Action.DELETE if step == "delete" else Action.UPDATE
            world.accept(template, action, stack_id, files=files)
        with reads(world) as seen:
            world.run()
        found[step] = len(seen)
        wanted = "DELETE" if step == "delete" else step.split()[0].upper()
        assert world.state(stack_id) == f"{wanted}_COMPLETE"
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_queries_do_not_grow_with_the_stack(world: World, shape: str) -> None:
    few, many = life(world, shape, 10), life(world, shape, 90)
    # Of ninety children an engine begins with as many as it has places for: some more rounds, but no query for each.
    more = 12 if shape == "children" else 2
    assert {step: many[step] - few[step] for step in many if many[step] - few[step] > more} == {}
    assert max(few.values()) < 60
