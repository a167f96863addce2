"""Nobody waits for somebody else's huge or slow stacks: between projects, between engines, and inside one engine's loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from tests.engine_world import World

from kamado.engine.engine import Engine
from kamado.store import schema

T = "Test::Thing"
LOCAL = "OS::Heat::Value"


def test_fifty_slow_stacks_of_one_project_leave_room_for_another(world: World) -> None:
    world.settings = replace(world.settings, concurrent_operations=8)
    world.cloud.build_seconds = 100
    slow = [world.accept({"a": {"type": T}}, name=f"slow{number}", project="a") for number in range(50)]
    others: list[str] = []

    async def meanwhile(engine: Engine) -> None:
        await asyncio.sleep(10)
        assert engine.running == 6
        for number in range(4):
            others.append(world.accept({"v": _value()}, name=f"quick{number}", project=f"b{number % 2}"))
        engine.wake()
        await asyncio.sleep(10)
        assert {world.state(stack) for stack in others} == {"CREATE_COMPLETE"}
        assert {world.state(stack) for stack in slow} == {"CREATE_IN_PROGRESS"}

    world.run(meanwhile)
    assert {world.state(stack) for stack in slow} == {"CREATE_COMPLETE"}
    assert len(others) == 4


def test_projects_that_wait_take_turns(world: World) -> None:
    world.settings = replace(world.settings, concurrent_operations=4)
    for number in range(12):
        world.accept({"v": _value()}, name=f"a{number}", project="a")
    for number in range(3):
        world.accept({"v": _value()}, name=f"b{number}", project="b")
    world.run()
    order = _ends(world)
    assert max(order.index(f"b{number}") for number in range(3)) < 8
    assert len(order) == 15


def test_a_huge_stack_and_a_small_one_go_on_side_by_side(world: World) -> None:
    """Both are local: one thread does all the work, and gives the huge one no more than a burst at a time."""
    world.accept({f"v{number}": _value() for number in range(3000)}, name="huge", project="a")
    world.accept({"v": _value()}, name="small", project="b")
    world.run()
    assert _ends(world) == ["small", "huge"]


def test_the_children_of_one_stack_are_shared_by_engines(world: World) -> None:
    world.settings = replace(world.settings, alone=False)
    world.cloud.build_seconds = 30
    child = {"heat_template_version": "2018-08-31", "resources": {"t": {"type": T}}}
    parents: list[str] = []
    held: Counter[str] = Counter()

    async def meanwhile(first: Engine) -> None:
        first.stop()
        engines: list[Engine] = []

        def tell(ended: Collection[str]) -> None:
            for engine in engines:
                engine.hear(not ended, ended)

        engines += [Engine(replace(world.ports(), tell=tell), world.settings) for _ in range(3)]
        tasks = [asyncio.create_task(engine.run()) for engine in engines]
        await asyncio.sleep(1)
        tree = {f"c{number:02}": {"type": "one.yaml"} for number in range(30)}
        parents.append(world.accept(tree, files={"one.yaml": child}))
        tell(())
        await asyncio.sleep(8)
        operation = schema.operation.c
        rows = world.store.read(
            lambda connection: connection.execute(
                schema.operation.select().where(operation.slot == "RUNNING", operation.parent_id.is_not(None))
            ).all()
        )
        held.update(str(row.engine_id) for row in rows)
        while world.live():
            await asyncio.sleep(1)
        for engine in engines:
            engine.stop()
        await asyncio.gather(*tasks)

    world.run(meanwhile)
    assert world.state(parents[0]) == "CREATE_COMPLETE"
    assert held.total() == 30
    assert len(held) == 3
    assert min(held.values()) >= 5


def test_every_operation_knows_its_stacks_project(world: World) -> None:
    """Requests, nested stacks and rollbacks."""
    child = {"heat_template_version": "2018-08-31", "resources": {"t": {"type": T}}}
    broken = {"type": T, "depends_on": "c", "properties": {"broken": True}}
    world.accept({"c": {"type": "one.yaml"}, "z": broken}, files={"one.yaml": child}, rollback=True, project="q")
    world.run()
    operation, stack = schema.operation.c, schema.stack.c
    rows = world.store.read(
        lambda connection: connection.execute(
            schema.operation.join(schema.stack, stack.id == operation.stack_id)
            .select()
            .with_only_columns(operation.action, operation.project_id, stack.project_id)
        ).all()
    )
    assert {row[0] for row in rows} == {"CREATE", "ROLLBACK", "DELETE"}
    assert {(row[1], row[2]) for row in rows} == {("q", "q")}


def _value() -> dict[str, Any]:
    return {"type": LOCAL, "properties": {"value": 1}}


def _ends(world: World) -> list[str]:
    """Names of root stacks in the order in which they were complete."""
    event = schema.event.c
    statement = (
        schema.event.select()
        .where(event.resource_type == "OS::Heat::Stack", event.status == "COMPLETE")
        .order_by(event.seq)
    )
    return [row.resource_name for row in world.store.read(lambda connection: connection.execute(statement).all())]
