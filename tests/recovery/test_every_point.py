"""Killed at each durable write and each call to the cloud, then started again: the end is as if nothing had happened.

A run is recorded once without a kill; then it is run again for each of its points, killed there, and another engine takes over on the
same store and cloud. Compared: stack, rows, history (nothing lost, nothing doubled), and what the cloud holds.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.databases import KEY
from tests.engine_world import Cloud, World, held

from kamado.model.lifecycle import Action
from kamado.store import Store

T = "Test::Thing"
Scenario = Callable[[World], str]
"""Brings a world to where the killing begins, and accepts the operation that is to be killed; the stack's id."""


def _three(kind: str = "x", size: int = 1) -> dict[str, object]:
    return {
        "a": {"type": T, "properties": {"kind": kind}},
        "b": {"type": T, "properties": {"peer": {"get_resource": "a"}, "size": size}},
        "v": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["b", "address"]}}},
        "c": {"type": T, "properties": {"peer": {"get_attr": ["v", "value"]}}},
    }


def create(world: World) -> str:
    world.cloud.build_seconds = 2
    return world.accept(_three())


def create_with_lost_answer(world: World) -> str:
    world.cloud.faults["create:b"] = [Cloud.LOSE]
    return world.accept(_three())


def delete(world: World) -> str:
    stack = world.accept(_three())
    world.run()
    world.accept({}, Action.DELETE, stack)
    return stack


def update_in_place(world: World) -> str:
    stack = world.accept(_three())
    world.run()
    world.accept(_three(size=2), Action.UPDATE, stack)
    return stack


def update_held_to_a_plan(world: World) -> str:
    stack = world.accept(_three())
    world.run()
    world.accept(_three(kind="y"), Action.UPDATE, stack, options=held(world, stack))
    return stack


def update_with_replacement(world: World) -> str:
    stack = world.accept(_three())
    world.run()
    world.cloud.build_seconds = 2
    world.accept(_three(kind="y"), Action.UPDATE, stack)
    return stack


def replacement_asked_for_by_the_handler(world: World) -> str:
    def template(swap: str) -> dict[str, object]:
        return {"a": {"type": T, "properties": {"swap": swap}}, "b": {"type": T, "depends_on": "a"}}

    stack = world.accept(template("x"))
    world.run()
    world.accept(template("y"), Action.UPDATE, stack)
    return stack


def failed_creation(world: World) -> str:
    return world.accept({**_three(), "z": {"type": T, "depends_on": "b", "properties": {"broken": True}}})


def creation_rolled_back(world: World) -> str:
    return world.accept(
        {**_three(), "z": {"type": T, "depends_on": "c", "properties": {"broken": True}}}, rollback=True
    )


def update_rolled_back(world: World) -> str:
    stack = world.accept({**_three(), "z": {"type": T, "depends_on": "c"}})
    world.run()
    bad = {**_three(kind="y"), "z": {"type": T, "depends_on": "c", "properties": {"broken": True}}}
    world.accept(bad, Action.UPDATE, stack, rollback=True)
    return stack


def suspend(world: World) -> str:
    stack = world.accept(_three())
    world.run()
    world.accept({}, Action.SUSPEND, stack)
    return stack


def snapshot(world: World) -> str:
    stack = world.accept(_three())
    world.run()
    world.accept(_three(), Action.SNAPSHOT, stack, options={"snapshot_id": "s"})
    return stack


def adopt(world: World) -> str:
    keys = {name: world.cloud.create(f"other-{name}-x", size=1, kind="x", peer=None) for name in "abc"}
    return world.accept(
        {name: {"type": T, "properties": {"kind": "x"}} for name in keys},
        Action.ADOPT,
        options={"adopt": {name: {"resource_id": key, "resource_data": {"k": name}} for name, key in keys.items()}},
    )


def made_anew_after_it_broke(world: World) -> str:
    world.cloud.faults["create:b"] = [Cloud.BREAK, Cloud.BREAK]
    return world.accept(_three())


def _nested(size: int = 1, kind: str = "x", broken: bool = False) -> dict[str, object]:
    properties = {"size": size, "kind": kind, "broken": broken}
    return {
        "a": {"type": T},
        "c": {"type": "two.yaml", "depends_on": "a", "properties": properties},
        "v": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["c", "id"]}}},
    }


def _passed_on(resource: dict[str, object], output: object) -> dict[str, object]:
    return {
        "heat_template_version": "2018-08-31",
        "parameters": {"size": {"type": "number"}, "kind": {"type": "string"}, "broken": {"type": "boolean"}},
        "resources": {"t": {**resource, "properties": {n: {"get_param": n} for n in ("size", "kind", "broken")}}},
        "outputs": {"id": {"value": output}},
    }


FILES = {
    "one.yaml": _passed_on({"type": T}, {"get_resource": "t"}),
    "two.yaml": _passed_on({"type": "one.yaml"}, {"get_attr": ["t", "id"]}),
}


def nested_create(world: World) -> str:
    world.cloud.build_seconds = 2
    return world.accept(_nested(), files=FILES)


def nested_update(world: World) -> str:
    stack = nested_create(world)
    world.run()
    world.accept(_nested(size=2, kind="y"), Action.UPDATE, stack, files=FILES)
    return stack


def nested_delete(world: World) -> str:
    stack = nested_create(world)
    world.run()
    world.accept({}, Action.DELETE, stack)
    return stack


def nested_creation_rolled_back(world: World) -> str:
    return world.accept(_nested(broken=True), files=FILES, rollback=True)


def nested_update_rolled_back(world: World) -> str:
    stack = nested_create(world)
    world.run()
    more = {"z": {"type": T, "depends_on": "c", "properties": {"broken": True}}}
    world.accept({**_nested(size=2), **more}, Action.UPDATE, stack, files=FILES, rollback=True)
    return stack


SCENARIOS: tuple[Scenario, ...] = (
    create,
    create_with_lost_answer,
    delete,
    update_in_place,
    update_held_to_a_plan,
    update_with_replacement,
    replacement_asked_for_by_the_handler,
    failed_creation,
    creation_rolled_back,
    update_rolled_back,
    suspend,
    snapshot,
    adopt,
    made_anew_after_it_broke,
    nested_create,
    nested_update,
    nested_delete,
    nested_creation_rolled_back,
    nested_update_rolled_back,
)


STRIDE = {
    nested_create: 4,
    nested_update: 4,
    nested_update_rolled_back: 4,
    nested_creation_rolled_back: 4,
    nested_delete: 2,
}
"""Trees of three stacks have four times the points, many of them alike: only each so-manieth is tried."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_the_end_is_the_same_wherever_it_is_killed(scenario: Scenario, tmp_path: Path) -> None:
    wanted, points = _undisturbed(scenario, tmp_path)
    assert len(points) > 4
    wrong = []
    for number in range(0, len(points), STRIDE.get(scenario, 1)):
        found = _killed(scenario, number, tmp_path)
        if found != wanted:
            wrong.append(
                (
                    number,
                    points[number],
                    {key: (wanted[key], found[key]) for key in wanted if wanted[key] != found[key]},
                )
            )
    assert not wrong, wrong[:3]


def _world(folder: Path, name: str) -> World:
    """A world on a copy of an empty database: making the tables takes longer than a whole run."""
    empty = folder / "empty.sqlite"
    if not empty.exists():
        Store.open(f"sqlite:///{empty}", KEY, durable=False).close()
    shutil.copy(empty, folder / f"{name}.sqlite")
    return World(Store(f"sqlite:///{folder}/{name}.sqlite", KEY, durable=False), action_retry_limit=2)


def _undisturbed(scenario: Scenario, folder: Path) -> tuple[dict[str, object], list[str]]:
    world = _world(folder, "undisturbed")
    try:
        stack = scenario(world)
        world.points.clear()
        world.run()
        world.check(stack)
        return world.summary(stack), list(world.points)
    finally:
        world.close()
        world.store.close()


def _killed(scenario: Scenario, number: int, folder: Path) -> dict[str, object]:
    world = _world(folder, str(number))
    try:
        stack = scenario(world)
        world.points.clear()
        world.kill_at = number
        world.run()
        assert world.dead
        world.reborn()
        world.run()
        world.check(stack)
        return world.summary(stack)
    finally:
        world.close()
        world.store.close()
