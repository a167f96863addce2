"""Load balancers that a group tells who its members are."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.engine_world import World
from tests.nested.test_launched import INSTANCE, launched
from tests.nested.test_scaling import made, members, signal, update

from kamado.engine.engine import Engine
from kamado.model.lifecycle import Action
from kamado.resources.heat.balanced import NAME
from kamado.resources.heat.batches import Batch, one_change, taken_out

BALANCER = {
    "heat_template_version": "2018-08-31",
    "parameters": {
        "Instances": {"type": "json", "default": []},
        "Port": {"type": "number", "default": 80},
        "Slow": {"type": "string", "default": ""},
    },
    "resources": {
        "cfg": {"type": "OS::Heat::Value", "properties": {"value": {"get_param": "Instances"}}},
        "port": {"type": "OS::Heat::Value", "properties": {"value": {"get_param": "Port"}}},
        "slow": {"type": "Test::Thing", "properties": {"kind": {"get_param": "Slow"}}},
    },
}
MAPPED: dict[str, Any] = {
    "registry": {"AWS::EC2::Instance": "instance.yaml", "AWS::ElasticLoadBalancing::LoadBalancer": "lb.yaml"},
    "files": {"instance.yaml": json.dumps(INSTANCE), "lb.yaml": json.dumps(BALANCER)},
}
AWS_GROUP = "AWS::AutoScaling::AutoScalingGroup"


def balanced(data: str = "one", kind: str = "OS::Heat::InstanceGroup", lb: dict[str, Any] | None = None,
             names: Any = ("lb",), **more: Any) -> dict[str, Any]:  # fmt: skip
    resources = launched(data, kind, LoadBalancerNames=list(names), **more)
    of = {"AutoScalingGroupName": {"get_resource": "g"}, "AdjustmentType": "ChangeInCapacity"}
    policies = {
        "up": {"type": "AWS::AutoScaling::ScalingPolicy", "properties": {**of, "ScalingAdjustment": 1}},
        "down": {"type": "AWS::AutoScaling::ScalingPolicy", "properties": {**of, "ScalingAdjustment": -1}},
    }
    balancer = {"type": "AWS::ElasticLoadBalancing::LoadBalancer", "properties": lb or {}}
    return {**resources, **(policies if kind == AWS_GROUP else {}), "lb": balancer}


def told(world: World, stack: str) -> list[str]:
    """The members that the load balancer has; their references are ARNs, since here a template stands for an instance."""
    balancer = next(row for row in world.store.resources.of_stack(stack) if row.name == "lb")
    value = world.rows(str(balancer.physical_id))["cfg"].properties
    assert value is not None
    return [str(one).rpartition("/")[2] for one in value["value"]]


def there(world: World, stack: str) -> list[str]:
    return [reference for name, reference in members(world, stack).items() if name != NAME]


@pytest.mark.parametrize("names", [["lb"], [{"get_resource": "lb"}]])
def test_a_load_balancer_knows_the_members_from_the_start_and_after_each_update(world: World, names: Any) -> None:
    stack = made(world, balanced(Size=2, names=names), **MAPPED)
    assert len(told(world, stack)) == 2
    assert set(told(world, stack)) == set(there(world, stack))
    for size in (3, 1):
        update(world, stack, balanced(Size=size, names=names), **MAPPED)
        assert len(told(world, stack)) == size
        assert set(told(world, stack)) == set(there(world, stack))
        world.check(stack)


def test_a_signal_has_it_told_while_the_stack_is_at_rest(world: World) -> None:
    stack = made(world, balanced(kind=AWS_GROUP, MinSize=1, MaxSize=3), **MAPPED)
    for name, size in (("up", 2), ("up", 3), ("down", 2)):
        signal(world, stack, name)
        world.run()
        assert world.state(stack) == "CREATE_COMPLETE"
        assert len(told(world, stack)) == size
        assert set(told(world, stack)) == set(there(world, stack))
    world.check(stack)


def test_what_else_changes_of_a_load_balancer_does_not_take_its_members(world: World) -> None:
    stack = made(world, balanced(Size=2), **MAPPED)
    before = told(world, stack)
    update(world, stack, balanced(Size=2, lb={"Port": 81}), **MAPPED)
    assert world.rows(world.child(stack, "lb").id)["port"].properties == {"value": 81}
    assert told(world, stack) == before


def test_members_are_not_used_while_they_change(world: World) -> None:
    policy = {"MaxBatchSize": 1, "MinInstancesInService": 1, "PauseTime": "PT1M"}
    stack = made(world, balanced(Size=2, policy=policy), **MAPPED)
    everybody = set(told(world, stack))
    seen: list[frozenset[str]] = []
    began = world.loop.time()

    async def watch(engine: Engine) -> None:
        while engine.running or not seen:
            now = frozenset(told(world, stack))
            if not seen or seen[-1] != now:
                seen.append(now)
            await asyncio.sleep(0.05)

    world.cloud.faults["update"] = [2.0] * 2
    world.accept(balanced("two", Size=2, policy=policy), Action.UPDATE, stack, **MAPPED)
    world.run(watch)
    assert world.state(stack) == "UPDATE_COMPLETE"
    one, other = sorted(everybody)
    assert seen in (
        [everybody, {one}, everybody, {other}, everybody],
        [everybody, {other}, everybody, {one}, everybody],
    )
    assert 60 < world.loop.time() - began < 120  # the pause is between batches only
    world.check(stack)


def test_a_load_balancer_that_is_busy_is_waited_for(world: World) -> None:
    stack = made(world, balanced(kind=AWS_GROUP, MinSize=1, MaxSize=3), **MAPPED)
    world.cloud.build_seconds = 60

    async def meanwhile(engine: Engine) -> None:
        changed = balanced(kind=AWS_GROUP, MinSize=1, MaxSize=3, lb={"Slow": "x", "Port": 82})
        world.accept(changed, Action.UPDATE, stack, **MAPPED)
        engine.wake()
        await asyncio.sleep(10)
        signal(world, stack, "up")
        engine.wake()

    world.run(meanwhile)
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.rows(world.child(stack, "lb").id)["port"].properties == {"value": 82}
    assert len(told(world, stack)) == 2
    assert set(told(world, stack)) == set(there(world, stack))


def test_a_resource_that_takes_no_members_is_refused(world: World) -> None:
    resources = {**balanced(Size=1, names=["v"]), "v": {"type": "OS::Heat::Value", "properties": {"value": 1}}}
    stack = world.accept(resources, **MAPPED)
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert "Unsupported resource 'v' in LoadBalancerNames" in world.stack(stack).reason


def test_a_load_balancer_must_be_one_of_the_resources(world: World) -> None:
    kind = world.registry.get("OS::Heat::InstanceGroup", "")
    given = {"AvailabilityZones": [], "Size": 1, "LaunchConfigurationName": "lc", "LoadBalancerNames": ["nope"]}

    class Wanted:
        name = "g"

    words = [str(found) for found in kind.validate_beside(Wanted(), {"lc": None}, lambda _: given)]
    assert words == ["ValueError: : Resources.{resource}: : LoadBalancerNames (nope) reference can not be found."]


def test_steps_in_which_members_are_taken_out() -> None:
    steps = taken_out([Batch(("new", "a")), Batch(("b",)), Batch(drop=("c",))], ["a", "b", "c"])
    assert steps == [
        Batch(out=("a",)),
        Batch(("new", "a")),
        Batch(out=("b",)),
        Batch(("b",)),
        Batch(drop=("c",)),
    ]
    changes = []
    while steps:
        first, steps = one_change(steps)  # type: ignore[assignment]
        changes.append(len(first))
    assert changes == [1, 1, 1, 1, 1]
