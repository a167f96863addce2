"""Groups that scale: limits, policies, cooldown, who goes and who stays, and how signals and operations of the stack meet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.engine_world import Users, World

from kamado.engine.engine import Engine
from kamado.engine.targets import TargetLoader
from kamado.engine.watching import Nobody
from kamado.model.lifecycle import Action, Status
from kamado.model.records import StackRecord
from kamado.orchestrator import health, signals
from kamado.orchestrator.context import OrchestratorSettings, Services
from kamado.plugin import lifecycle
from kamado.plugin.errors import PermanentError
from kamado.plugin.scaling import Adjustment
from kamado.resources.heat import capacity
from kamado.resources.heat.batches import Pace, in_turn

GROUP = "OS::Heat::AutoScalingGroup"


def group(low: int = 0, high: int = 9, wanted: int | None = None, rolling: Mapping[str, Any] | None = None,
          type_: str = "Test::Thing", cooldown: int | None = None, **properties: Any) -> dict[str, Any]:  # fmt: skip
    values: dict[str, Any] = {"min_size": low, "max_size": high, "resource": {"type": type_, "properties": properties}}
    more = {"desired_capacity": wanted, "rolling_updates": rolling, "cooldown": cooldown}
    return {"type": GROUP, "properties": {**values, **{key: one for key, one in more.items() if one is not None}}}


def policy(amount: float, type_: str = "change_in_capacity", of: str = "g", **more: Any) -> dict[str, Any]:
    values = {"auto_scaling_group_id": {"get_resource": of}, "scaling_adjustment": amount, "adjustment_type": type_}
    return {"type": "OS::Heat::ScalingPolicy", "properties": {**values, **more}}


def scaled(wanted: int | None = 2, **more: Any) -> dict[str, Any]:
    return {"g": group(wanted=wanted, **more), "up": policy(1), "down": policy(-1)}


def services(world: World) -> Services:
    """The use cases on the world's store."""
    nothing: Any = None
    return Services(
        store=world.store,
        registry=world.registry,
        targets=TargetLoader(world.store, world.registry),
        clouds=nothing,
        policy=nothing,
        clock=world.clock,
        wake=lambda: None,
        settings=OrchestratorSettings(),
        cloud_of=lambda stack: world.cloud,
        users_of=lambda stack: Users(world.cloud),
    )


def signal(world: World, stack: str, name: str, details: Mapping[str, Any] | None = None) -> None:
    signals.signal(services(world), world.stack(stack), name, details)


def members(world: World, stack: str, name: str = "g") -> dict[str, str]:
    """Member → its id, by age."""
    child = world.child(stack, name)
    rows = world.rows(child.id)
    there = world.store.templates.get(child.target.template_id)["resources"]
    return {key: str(rows[key].physical_id) for key in there}


def asked_for(world: World, stack: str, name: str = "g") -> list[str]:
    """The members that the nested stack is to have, by age."""
    return list(world.store.templates.get(world.child(stack, name).target.template_id)["resources"])


def made(world: World, resources: dict[str, Any], **more: Any) -> str:
    stack = world.accept(resources, **more)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE", world.stack(stack).reason
    return stack


def update(world: World, stack: str, resources: dict[str, Any], **more: Any) -> None:
    world.accept(resources, Action.UPDATE, stack, **more)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE", world.stack(stack).reason
    world.check(stack)


def shown(world: World, stack: str, name: str = "g", *attributes: str) -> dict[str, Any]:
    """Attributes of a group as they are read now."""
    from kamado.orchestrator.scaling import Resizing

    row = world.rows(stack)[name]
    resource: Any = Resizing(services(world), world.stack(stack), row, lambda: None)._built(row)  # type: ignore[arg-type,return-value]
    return lifecycle.read(resource, attributes)


@pytest.mark.parametrize(
    ("now", "amount", "type_", "least", "comes_to"),
    [
        (3, 2, capacity.CHANGE, None, 5),
        (3, -2, capacity.CHANGE, None, 1),
        (3, -9, capacity.CHANGE, None, 0),
        (3, 90, capacity.CHANGE, None, 10),
        (3, 7, capacity.EXACT, None, 7),
        (3, 11, capacity.AWS_EXACT, None, 10),
        (4, 50, capacity.PERCENT, None, 6),
        (4, -50, capacity.AWS_PERCENT, None, 2),
        (3, 10, capacity.PERCENT, None, 4),  # less than one is one
        (3, -10, capacity.PERCENT, None, 2),
        (7, 25, capacity.PERCENT, None, 8),  # 1.75: rounded down
        (7, -25, capacity.PERCENT, None, 6),
        (4, 25, capacity.PERCENT, 3, 7),
        (4, -25, capacity.PERCENT, 3, 1),
        (4, 0, capacity.PERCENT, 3, 4),
        (0, 50, capacity.PERCENT, 2, 0),
    ],
)
def test_what_an_adjustment_comes_to(now: int, amount: float, type_: str, least: int | None, comes_to: int) -> None:
    assert capacity.adjusted(now, Adjustment(amount, type_, least), 0, 10) == comes_to


def test_a_group_begins_with_what_is_asked_for_else_with_the_least(world: World) -> None:
    stack = made(world, {"a": group(1, 5, 3), "b": group(2, 5)})
    assert [len(members(world, stack, name)) for name in ("a", "b")] == [3, 2]
    assert all(len(name) == 12 for name in members(world, stack, "a"))
    world.check(stack)


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"low": 3, "high": 2}, "MinSize can not be greater than MaxSize"),
        ({"low": 1, "high": 2, "wanted": 3}, "DesiredCapacity must be between MinSize and MaxSize"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(properties: dict[str, Any], words: str, world: World) -> None:
    kind = world.registry.get(GROUP, "")
    assert [str(found) for found in kind.validate(group(**properties)["properties"])] == [words]


def test_signals_grow_and_shrink_the_group_within_its_limits(world: World) -> None:
    stack = made(world, {"g": group(1, 3, 2), "up": policy(1), "down": policy(-5), "to": policy(2, "exact_capacity")})
    first = members(world, stack)
    template = world.stack(stack).target
    for name, size in (("up", 3), ("up", 3), ("to", 2), ("down", 1)):
        signal(world, stack, name)
        world.run()
        assert len(members(world, stack)) == size, name
        world.check(stack)
    # The oldest go first.
    assert not set(members(world, stack)) & set(first)
    assert world.stack(stack).target == template
    assert world.state(stack) == "CREATE_COMPLETE"
    lines = [line for line in world.history(stack) if "SIGNAL" in line]
    assert lines == ["up SIGNAL_COMPLETE", "to SIGNAL_COMPLETE", "down SIGNAL_COMPLETE"]
    assert (
        world.history(world.child(stack, "g").id, world.child(stack, "g").name).count(
            f"{world.child(stack, 'g').name} UPDATE_COMPLETE"
        )
        == 3
    )


def test_a_signal_acts_whatever_it_says(world: World) -> None:
    """As in Heat: who lets an alarm call a policy when it is over (`ok_actions`) wants the group to shrink then."""
    stack = made(world, scaled())
    for state, size in (({"current": "ok", "previous": "alarm"}, 1), ({"state": "insufficient data"}, 0)):
        signal(world, stack, "down", state)
        world.run()
        assert len(members(world, stack)) == size
    signal(world, stack, "up", {"current": "alarm", "previous": "ok", "reason": "hot"})
    world.run()
    assert len(members(world, stack)) == 1
    found = [line.reason for line in world.store.events.page([stack]) if line.action == "SIGNAL"]
    assert found == ["alarm state changed from ok to alarm (hot)", "Unknown", "Unknown"]


def test_nothing_happens_while_the_group_cools_down(world: World) -> None:
    resources = {"g": group(wanted=1), "up": policy(1, cooldown=60), "fast": policy(1)}
    stack = made(world, resources)
    for _ in range(2):
        signal(world, stack, "up")
        world.run()
    signal(world, stack, "fast")
    world.run()
    assert len(members(world, stack)) == 2
    metadata = world.rows(stack)["g"].metadata
    assert metadata["scaling_in_progress"] is False
    assert list(metadata["cooldown_end"].values()) == ["change_in_capacity : 1"]
    world.loop.passed += 61
    signal(world, stack, "fast")
    world.run()
    assert len(members(world, stack)) == 3


def test_the_group_cools_down_after_it_was_made(world: World) -> None:
    stack = made(world, {"g": group(wanted=1, cooldown=600), "up": policy(1)})
    signal(world, stack, "up")
    assert not world.live()
    world.loop.passed += 600
    signal(world, stack, "up")
    world.run()
    assert len(members(world, stack)) == 2


def test_two_signals_at_once_are_both_carried_out(world: World) -> None:
    stack = made(world, scaled(wanted=2))
    world.cloud.build_seconds = 30
    before = members(world, stack)

    async def twice(engine: Engine) -> None:
        signal(world, stack, "up")
        engine.wake()
        await asyncio.sleep(5)  # the first one is being carried out
        signal(world, stack, "up")
        signal(world, stack, "up")
        engine.wake()

    world.run(twice)
    after = members(world, stack)
    assert len(after) == 5
    assert list(after)[:2] == list(before)
    world.check(stack)


def test_a_signal_that_comes_between_our_reading_and_our_writing_counts_too(world: World) -> None:
    stack = made(world, scaled(wanted=2))
    ours = services(world)
    original = ours.store.stacks.get
    interrupted: list[bool] = []

    class Interrupting:
        """The clock of the first request: while it works, another one is answered."""

        def now(self) -> Any:
            if not interrupted:
                interrupted.append(True)
                signal(world, stack, "up")
            return world.clock.now()

        monotonic, sleep = world.clock.monotonic, world.clock.sleep

    from dataclasses import replace

    signals.signal(replace(ours, clock=Interrupting()), world.stack(stack), "up", None)  # type: ignore[arg-type]
    world.run()
    assert interrupted
    assert original(stack) is not None
    assert len(members(world, stack)) == 4
    world.check(stack)


def test_a_signal_while_the_stack_is_updated_scales_all_the_same(world: World) -> None:
    resources = {**scaled(wanted=2), "slow": {"type": "Test::Thing", "properties": {"kind": "x"}}}
    stack = made(world, resources)
    world.cloud.build_seconds = 60
    changed = {**resources, "slow": {"type": "Test::Thing", "properties": {"kind": "y"}}}

    async def meanwhile(engine: Engine) -> None:
        world.accept(changed, Action.UPDATE, stack)
        engine.wake()
        await asyncio.sleep(10)
        assert world.stack(stack).status is Status.IN_PROGRESS
        signal(world, stack, "up")
        engine.wake()

    world.run(meanwhile)
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert len(members(world, stack)) == 3
    world.check(stack)


def test_a_group_that_is_being_updated_itself_takes_no_signal(world: World) -> None:
    stack = made(world, scaled(wanted=2, kind="x"))
    world.cloud.build_seconds = 60

    async def meanwhile(engine: Engine) -> None:
        world.accept(scaled(wanted=2, kind="y"), Action.UPDATE, stack)
        engine.wake()
        await asyncio.sleep(10)
        signal(world, stack, "up")

    world.run(meanwhile)
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert len(members(world, stack)) == 2
    world.check(stack)


def test_an_update_of_the_stack_goes_on_from_where_a_signal_has_led(world: World) -> None:
    """The nested stack is at work for the signal when the update comes; what the signal asked for is kept."""
    stack = made(world, scaled(wanted=None, low=2, kind="x"))
    world.cloud.build_seconds = 30

    async def meanwhile(engine: Engine) -> None:
        signal(world, stack, "up")
        engine.wake()
        await asyncio.sleep(5)
        world.accept(scaled(wanted=None, low=2, kind="y"), Action.UPDATE, stack)
        engine.wake()

    world.run(meanwhile)
    assert world.state(stack) == "UPDATE_COMPLETE"
    there = members(world, stack)
    assert len(there) == 3
    assert {world.cloud.things[key]["kind"] for key in there.values()} == {"y"}
    world.check(stack)


def test_an_update_of_something_else_leaves_the_size_alone_and_one_of_the_group_asks_for_what_it_says(
    world: World,
) -> None:
    stack = made(world, scaled(wanted=2))
    signal(world, stack, "up")
    world.run()
    scaled_to = members(world, stack)
    update(world, stack, {**scaled(wanted=2), "more": {"type": "Test::Thing"}})
    assert members(world, stack) == scaled_to
    update(world, stack, scaled(wanted=2, high=8))
    assert members(world, stack) == dict(list(scaled_to.items())[1:])
    update(world, stack, scaled(wanted=None, high=8))
    assert len(members(world, stack)) == 2


def test_limits_that_change_move_the_size(world: World) -> None:
    stack = made(world, scaled(wanted=None, low=2))
    first = members(world, stack)
    update(world, stack, scaled(wanted=None, low=4))
    assert list(members(world, stack))[:2] == list(first)
    assert len(members(world, stack)) == 4
    update(world, stack, scaled(wanted=None, low=0, high=1))
    assert len(members(world, stack)) == 1


def test_an_unhealthy_member_is_replaced_by_the_next_update(world: World) -> None:
    stack = made(world, scaled(wanted=3))
    before = members(world, stack)
    child = world.child(stack, "g")
    health.mark(services(world), child, list(before)[1], True, "sick")
    update(world, stack, scaled(wanted=3))
    after = members(world, stack)
    assert list(after) == list(before)
    assert [after[name] != before[name] for name in after] == [False, True, False]


def test_a_failed_member_goes_first_and_does_not_count(world: World) -> None:
    stack = made(world, scaled(wanted=3))
    before = list(members(world, stack))
    health.mark(services(world), world.child(stack, "g"), before[2], True, "sick")
    assert shown(world, stack, "g", "current_size", "refs_map")["current_size"] == 2
    signal(world, stack, "down")  # two in order; one is to be left
    world.run()
    assert list(members(world, stack)) == [before[1]]
    world.check(stack)


def test_attributes_are_in_step_and_follow_the_size(world: World) -> None:
    reading = {
        "outputs": {"get_attr": ["g", "outputs", "address"]},
        "list": {"get_attr": ["g", "outputs_list", "address"]},
        "refs": {"get_attr": ["g", "refs"]},
        "map": {"get_attr": ["g", "refs_map"]},
        "size": {"get_attr": ["g", "current_size"]},
    }
    readers = {name: {"type": "OS::Heat::Value", "properties": {"value": of}} for name, of in reading.items()}
    stack = made(world, {**scaled(wanted=2), **readers})

    def values() -> dict[str, Any]:
        return {name: (world.rows(stack)[name].properties or {})["value"] for name in reading}

    def wanted() -> dict[str, Any]:
        there = members(world, stack)
        addresses = {name: f"at {key}" for name, key in there.items()}
        return {
            "outputs": addresses, "list": list(addresses.values()), "refs": list(there.values()), "map": there,
            "size": len(there),
        }  # fmt: skip

    assert values() == wanted()
    signal(world, stack, "up")
    world.run()
    assert shown(world, stack, "g", "current_size", "outputs_list.address")["current_size"] == 3
    update(world, stack, {**scaled(wanted=2), **readers})
    assert values() == wanted()
    assert values()["size"] == 3
    template = world.store.templates.get(world.child(stack, "g").target.template_id)
    assert list(template["outputs"]) == ["outputs, address", "outputs_list, address"]


def test_a_member_of_a_group_by_name(world: World) -> None:
    stack = made(world, scaled(wanted=2))
    name, key = next(iter(members(world, stack).items()))
    found = shown(world, stack, "g", f"resource.{name}", f"resource.{name}.address", "resource.0", "resource.1.address")
    ids = list(members(world, stack).values())
    assert found == {
        f"resource.{name}": key,
        f"resource.{name}.address": f"at {key}",
        "resource.0": ids[0],
        "resource.1.address": f"at {ids[1]}",
    }


@pytest.mark.parametrize(
    ("size", "pace", "steps", "left"),
    [
        (3, Pace(1), ["a", "b", "c"], "abc"),
        (5, Pace(2), ["ab", "cd", "e"], "abcde"),
        (2, Pace(9), ["ab"], "ab"),
        (3, Pace(1, 3), ["x", "b", "c", "-a"], "bcx"),
        (4, Pace(2, 3), ["xb", "cd", "-a"], "bcdx"),
        (4, Pace(3, 1), ["abc", "d"], "abcd"),
        (2, Pace(5, 5), ["xy", "-ab"], "xy"),
    ],
)
def test_who_changes_when(size: int, pace: Pace, steps: list[str], left: str) -> None:
    names = "abcdefgh"[:size]
    found, after = in_turn(names, names, iter(["x", "y", "z"]), pace)
    assert ["".join(step.bring) or "-" + "".join(step.drop) for step in found] == steps
    assert "".join(after) == left


@pytest.mark.parametrize("size", range(1, 7))
@pytest.mark.parametrize("batch", range(1, 5))
@pytest.mark.parametrize("least", range(7))
def test_enough_are_in_service_all_the_time(size: int, batch: int, least: int) -> None:
    names = "abcdefgh"[:size]
    steps, after = in_turn(names, names, iter("stuvwxyz"), Pace(batch, least))
    there, changed = set(names), set()
    for step in steps:
        assert len(there - set(step.bring) - set(step.drop)) >= min(least, size)
        assert len(step.bring) <= batch
        there = (there | set(step.bring)) - set(step.drop)
        changed |= set(step.bring)
    assert there == set(after) == changed
    assert len(after) == size


def test_a_change_of_the_definition_comes_in_batches(world: World) -> None:
    pace = {"max_batch_size": 2, "pause_time": 5}
    stack = made(world, scaled(wanted=5, rolling=pace, size=1))
    before = members(world, stack)
    began = world.loop.time()
    update(world, stack, scaled(wanted=5, rolling=pace, size=2))
    assert members(world, stack) == before
    assert {world.cloud.things[key]["size"] for key in before.values()} == {2}
    assert [len(turn) for turn in in_turns(world, stack, "UPDATE")] == [2, 2, 1]
    assert 10 < world.loop.time() - began < 15
    child = world.child(stack, "g")
    assert world.history(child.id, child.name).count(f"{child.name} UPDATE_COMPLETE") == 1  # one operation does it all


def in_turns(world: World, stack: str, action: str) -> list[list[str]]:
    """The members by the time at which an action of theirs began: what began within a second came together."""
    child = world.child(stack, "g")
    begun = [
        (event.created_at, event.resource_name)
        for event in world.store.events.page([child.id])
        if (event.action, event.status) == (action, "IN_PROGRESS") and event.resource_name != child.name
    ]
    found: list[list[str]] = []
    last = None
    for at, name in sorted(begun):
        if last is None or (at - last).total_seconds() > 1:
            found.append([])
        found[-1].append(str(name))
        last = at
    return found


def test_what_is_replaced_in_a_batch_goes_before_the_next_begins(world: World) -> None:
    pace = {"max_batch_size": 1}
    stack = made(world, scaled(wanted=3, rolling=pace, kind="x"))
    world.cloud.build_seconds = 10
    most = 0

    async def watch(engine: Engine) -> None:
        nonlocal most
        while engine.running or not most:
            most = max(most, len(world.cloud.things))
            await asyncio.sleep(0.5)

    world.accept(scaled(wanted=3, rolling=pace, kind="y"), Action.UPDATE, stack)
    world.run(watch)
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert {thing["kind"] for thing in world.cloud.things.values()} == {"y"}
    assert most == 4
    world.check(stack)


@pytest.mark.parametrize("secret", [None, "sesame"])
def test_a_rolling_update_that_fails_goes_on_with_those_that_it_has_not_reached(
    world: World, secret: str | None
) -> None:
    pace = {"max_batch_size": 1, "pause_time": 30}
    more = {"secret": secret} if secret else {}
    stack = made(world, scaled(wanted=4, rolling=pace, type_="Test::Sturdy", size=1, **more))
    world.cloud.faults["update"] = [None, PermanentError("no room", "Broken")]
    world.accept(scaled(wanted=4, rolling=pace, type_="Test::Sturdy", size=2, **more), Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_FAILED"
    assert sorted(thing["size"] for thing in world.cloud.things.values()) == [1, 1, 1, 2]
    world.cloud.calls.clear()
    world.cloud.faults.clear()
    began = world.loop.time()
    update(world, stack, scaled(wanted=4, rolling=pace, type_="Test::Sturdy", size=2, **more))
    assert {thing["size"] for thing in world.cloud.things.values()} == {2}
    assert len(world.cloud.called("update")) == 3
    assert 60 < world.loop.time() - began < 90  # one at a time, and no pause for the one that was changed before
    world.check(stack)


def test_a_rolling_update_that_fails_goes_back_with_those_that_it_has_changed(world: World) -> None:
    pace = {"max_batch_size": 1, "pause_time": 30}
    stack = made(world, scaled(wanted=4, rolling=pace, type_="Test::Sturdy", size=1))
    world.cloud.faults["update"] = [None, None, PermanentError("no room", "Broken")]
    began = world.loop.time()
    world.accept(scaled(wanted=4, rolling=pace, type_="Test::Sturdy", size=2), Action.UPDATE, stack, rollback=True)
    world.run()
    assert world.state(stack) == "ROLLBACK_COMPLETE"
    assert {thing["size"] for thing in world.cloud.things.values()} == {1}
    assert len(world.cloud.called("update")) == 6
    assert 90 < world.loop.time() - began < 120  # the one that failed comes with the first
    world.check(stack)


def test_a_rolling_update_that_is_cancelled_begins_no_other_batch(world: World) -> None:
    pace = {"max_batch_size": 1, "pause_time": 60}
    stack = made(world, scaled(wanted=3, rolling=pace, size=1))

    async def meanwhile(engine: Engine) -> None:
        world.accept(scaled(wanted=3, rolling=pace, size=2), Action.UPDATE, stack)
        engine.wake()
        await asyncio.sleep(90)
        assert world.store.operations.cancel(stack)

    world.run(meanwhile)
    assert world.state(stack) == "UPDATE_FAILED"
    assert sorted(thing["size"] for thing in world.cloud.things.values()) == [1, 2, 2]
    world.check(stack)


def test_a_rolling_update_that_is_stopped_leaves_the_size_as_it_was_meant(world: World) -> None:
    pace = {"min_in_service": 3, "max_batch_size": 1}
    stack = made(world, scaled(wanted=None, low=3, rolling=pace, kind="x"))
    world.cloud.build_seconds = 60

    async def meanwhile(engine: Engine) -> None:
        world.accept(scaled(wanted=None, low=3, rolling=pace, kind="y"), Action.UPDATE, stack)
        engine.wake()
        await asyncio.sleep(90)
        assert len(asked_for(world, stack)) == 4
        world.accept(scaled(wanted=None, low=3, rolling=pace, kind="z"), Action.UPDATE, stack)
        engine.wake()

    world.run(meanwhile)
    assert world.state(stack) == "UPDATE_COMPLETE"
    there = members(world, stack)
    assert len(there) == 3
    assert {world.cloud.things[key]["kind"] for key in there.values()} == {"z"}
    world.check(stack)


def test_who_watches_is_told_of_a_resize(world: World) -> None:
    heard: list[tuple[str, Status, Any]] = []

    class Listener(Nobody):
        def group_resized(self, stack: StackRecord, resize: Mapping[str, Any], status: Status, reason: str) -> None:
            heard.append((stack.name, status, resize["after" if status is Status.COMPLETE else "capacity"]))

    world.watch = Listener()
    stack = made(world, scaled(wanted=1))
    signal(world, stack, "up")
    world.run()
    assert heard == [("world", Status.IN_PROGRESS, 1), ("world", Status.COMPLETE, 2)]
    world.cloud.faults["create"] = [RuntimeError("no room")] * 9
    signal(world, stack, "up")
    world.run()
    assert heard[2:] == [("world", Status.IN_PROGRESS, 2), ("world", Status.FAILED, 2)]
    assert world.state(stack) == "CREATE_COMPLETE"
    world.cloud.faults.clear()
    update(world, stack, scaled(wanted=1))  # what failed is repaired, and the size is kept
    assert len(members(world, stack)) == 3


def test_a_policy_of_no_group_does_nothing(world: World) -> None:
    stack = made(
        world,
        {"g": group(wanted=1), "p": policy(1, of="v"), "v": {"type": "OS::Heat::Value", "properties": {"value": 1}}},
    )
    signal(world, stack, "p")
    assert not world.live()
    assert not [line for line in world.history(stack) if "SIGNAL" in line]


def test_a_deleted_stack_takes_the_group_that_scales_with_it(world: World) -> None:
    stack = made(world, scaled(wanted=2))
    world.cloud.build_seconds = 60

    async def meanwhile(engine: Engine) -> None:
        signal(world, stack, "up")
        engine.wake()
        await asyncio.sleep(5)
        world.accept({}, Action.DELETE, stack)
        engine.wake()

    world.run(meanwhile)
    assert world.state(stack) == "DELETE_COMPLETE"
    assert not world.cloud.things
    assert not world.cloud.users
