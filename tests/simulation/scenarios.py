"""What is killed at each of its points: stories of users, each with what comes before (not killed) and the story itself.

What users do in the middle of something hangs on states, not on times, so that the story is the same wherever a process dies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.engine_world import Cloud
from tests.simulation.client import VERSION, Client

from kamado.model.lifecycle import Action
from kamado.plugin.errors import PermanentError

Story = Callable[[Client, str], Awaitable[str]]
"""Given the stack that there is already ("" when there is none); the stack's id."""

T = "Test::Thing"
FOREVER = 10_000.0
"""Seconds that something takes which is interrupted."""


@dataclass(frozen=True)
class Scenario:
    """``before`` is lived through in peace; ``story`` is killed. ``ends`` is how the stack must end."""

    name: str
    before: Story | None
    story: Story
    ends: str


def three(kind: str = "x", size: int = 1, **more: Any) -> dict[str, Any]:
    """Three things and a value, one needing the other."""
    return {
        "a": {"type": T, "properties": {"kind": kind}},
        "b": {"type": T, "properties": {"peer": {"get_resource": "a"}, "size": size}},
        "v": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["b", "address"]}}},
        "c": {"type": T, "properties": {"peer": {"get_attr": ["v", "value"]}}},
        **more,
    }


def broken(needs: str) -> dict[str, Any]:
    """What fails."""
    return {"type": T, "depends_on": needs, "properties": {"broken": True}}


def nested(size: int = 1, kind: str = "x", is_broken: bool = False, **more: Any) -> dict[str, Any]:
    """A stack with two levels of stacks in it."""
    properties = {"size": size, "kind": kind, "broken": is_broken}
    return {
        "a": {"type": T},
        "c": {"type": "two.yaml", "depends_on": "a", "properties": properties},
        "v": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["c", "id"]}}},
        **more,
    }


def _passed_on(resource: dict[str, Any], output: Any) -> dict[str, Any]:
    return {
        "heat_template_version": VERSION,
        "parameters": {"size": {"type": "number"}, "kind": {"type": "string"}, "broken": {"type": "boolean"}},
        "resources": {
            "t": {**resource, "properties": {name: {"get_param": name} for name in ("size", "kind", "broken")}}
        },
        "outputs": {"id": {"value": output}},
    }


FILES = {
    "one.yaml": _passed_on({"type": T}, {"get_resource": "t"}),
    "two.yaml": _passed_on({"type": "one.yaml"}, {"get_attr": ["t", "id"]}),
}


def _cloud(client: Client) -> Cloud:
    return client.simulation.cloud


async def _made(client: Client, _: str) -> str:
    stack = await client.create(three())
    await client.rest(stack)
    return stack


async def _nested_made(client: Client, _: str) -> str:
    stack = await client.create(nested(), files=FILES)
    await client.rest(stack)
    return stack


async def create(client: Client, _: str) -> str:
    """A plain creation; things take a while to come up."""
    _cloud(client).build_seconds = 2
    return await client.create(three())


async def create_with_a_lost_answer(client: Client, _: str) -> str:
    """The cloud does the work and the answer does not come."""
    _cloud(client).faults["create:b"] = [Cloud.LOSE]
    return await client.create(three())


async def made_anew_after_it_broke(client: Client, _: str) -> str:
    """What comes out broken is deleted and made again."""
    _cloud(client).faults["create:b"] = [Cloud.BREAK, Cloud.BREAK]
    return await client.create(three())


async def creation_that_fails(client: Client, _: str) -> str:
    """It stays as it failed."""
    return await client.create(three(z=broken("b")))


async def creation_rolled_back(client: Client, _: str) -> str:
    """All that was made goes again."""
    return await client.create(three(z=broken("c")), rollback=True)


async def retry_after_failure(client: Client, stack: str) -> str:
    """An update of a stack whose creation failed."""
    await client.update(stack, three(z={"type": T, "depends_on": "b"}))
    return stack


async def _failed(client: Client, _: str) -> str:
    stack = await client.create(three(z=broken("b")))
    await client.rest(stack)
    return stack


async def retried(client: Client, stack: str) -> str:
    """The same once more; this time the cloud is kinder."""
    _cloud(client).faults = {}
    await client.retry(stack)
    return stack


async def _refused(client: Client, _: str) -> str:
    _cloud(client).faults["create:b"] = [PermanentError("no")]
    stack = await client.create(three())
    await client.rest(stack)
    return stack


async def update_in_place(client: Client, stack: str) -> str:
    """One property changes, a resource is new, one goes."""
    resources = three(size=2, d={"type": T, "depends_on": "b"})
    del resources["c"]
    await client.update(stack, resources)
    return stack


async def update_with_replacement(client: Client, stack: str) -> str:
    """The first one is replaced, the others follow."""
    _cloud(client).build_seconds = 2
    await client.update(stack, three(kind="y"))
    return stack


async def update_held_to_a_plan(client: Client, stack: str) -> str:
    """What was shown is what runs, however often it is interrupted."""
    shown = await client.plan(stack, three(kind="y"))
    await client.update(stack, three(kind="y"), plan=shown)
    return stack


async def _swap_made(client: Client, _: str) -> str:
    stack = await client.create(_swap("x"))
    await client.rest(stack)
    return stack


def _swap(value: str) -> dict[str, Any]:
    return {"a": {"type": T, "properties": {"swap": value}}, "b": {"type": T, "depends_on": "a"}}


async def replacement_asked_for_by_the_handler(client: Client, stack: str) -> str:
    """Found out only when the update has begun."""
    await client.update(stack, _swap("y"))
    return stack


async def _place_made(client: Client, _: str) -> str:
    stack = await client.create(_places("x", False))
    await client.rest(stack)
    return stack


def _places(kind: str, fails: bool) -> dict[str, Any]:
    resources: dict[str, Any] = {"a": {"type": "Test::Holder", "properties": {"kind": kind, "place": "the place"}}}
    return {**resources, **({"z": broken("a")} if fails else {})}


async def making_way(client: Client, stack: str) -> str:
    """A replacement that needs what only one of the two can have."""
    await client.update(stack, _places("y", False))
    return stack


async def making_way_rolled_back(client: Client, stack: str) -> str:
    """The old one takes it back."""
    await client.update(stack, _places("y", True), rollback=True)
    return stack


async def update_rolled_back(client: Client, stack: str) -> str:
    """Back to what was before."""
    await client.update(stack, three(kind="y", z=broken("c")), rollback=True)
    return stack


async def delete(client: Client, stack: str) -> str:
    """Everything goes."""
    await client.delete(stack)
    return stack


async def suspend_and_resume(client: Client, stack: str) -> str:
    """Both, one after the other."""
    await client.act(stack, Action.SUSPEND)
    assert await client.rest(stack) == "SUSPEND_COMPLETE"
    await client.act(stack, Action.RESUME)
    return stack


async def check(client: Client, stack: str) -> str:
    """A look at every resource."""
    await client.act(stack, Action.CHECK)
    return stack


async def snapshot_and_restore(client: Client, stack: str) -> str:
    """A snapshot, an update, and back to it."""
    found = await client.snapshot(stack)
    assert await client.rest(stack) == "SNAPSHOT_COMPLETE"
    await client.update(stack, three(size=3, kind="y"))
    assert await client.rest(stack) == "UPDATE_COMPLETE"
    await client.restore(stack, found)
    return stack


async def snapshot_removed(client: Client, stack: str) -> str:
    """With what it keeps of things that the stack still has, and of some that it has no more."""
    found = await client.snapshot(stack)
    assert await client.rest(stack) == "SNAPSHOT_COMPLETE"
    await client.update(stack, three(size=3, kind="y"))
    assert await client.rest(stack) == "UPDATE_COMPLETE"
    await client.delete_snapshot(stack, found)
    await client.until(lambda: not client.simulation.store.snapshots.of_stack(stack))
    assert not _cloud(client).copies
    return stack


async def cancel_in_the_middle(client: Client, stack: str) -> str:
    """An update that would take for ever goes back."""
    _cloud(client).build_seconds = FOREVER
    await client.update(stack, three(size=2, kind="y"))
    await client.reaches(stack, "a", "CREATE_IN_PROGRESS")
    await client.cancel(stack)
    return stack


async def cancel_where_it_is(client: Client, stack: str) -> str:
    """The same without going back; the replacement has been begun in the cloud by then, and comes to its end."""
    _cloud(client).build_seconds = 30
    await client.update(stack, three(size=2, kind="y"))
    await client.until(lambda: any(thing["kind"] == "y" for thing in _cloud(client).things.values()))
    await client.cancel_without_rollback(stack)
    return stack


async def cancel_what_hangs(client: Client, stack: str) -> str:
    """What is in flight when it is cancelled never comes to its end."""
    _cloud(client).build_seconds = FOREVER
    await client.update(stack, three(size=2, kind="y"), timeout_mins=1)
    await client.until(lambda: any(thing["kind"] == "y" for thing in _cloud(client).things.values()))
    await client.cancel_without_rollback(stack)
    return stack


async def superseded(client: Client, stack: str) -> str:
    """A second update while the first one runs."""
    _cloud(client).build_seconds = 60
    await client.update(stack, three(kind="y"))
    await client.reaches(stack, "a", "CREATE_IN_PROGRESS")
    await client.update(stack, three(kind="y", size=4))
    return stack


async def delete_while_it_is_made(client: Client, _: str) -> str:
    """Nobody waits for the end of the creation."""
    _cloud(client).build_seconds = FOREVER
    stack = await client.create(three())
    await client.reaches(stack, "a", "CREATE_IN_PROGRESS")
    await client.delete(stack)
    return stack


async def timed_out(client: Client, _: str) -> str:
    """It does not come up within the time that it has."""
    _cloud(client).build_seconds = FOREVER
    return await client.create(three(), timeout_mins=1)


async def hooks(client: Client, _: str) -> str:
    """A creation that waits before and after, and a deletion that waits."""
    stack = await client.create(
        three(), environment={"resource_registry": {"resources": {"b": {"hooks": ["pre-create", "post-create"]}}}}
    )
    await client.let_go(stack, "b", "pre-create")
    await client.let_go(stack, "b", "post-create")
    return stack


async def repaired(client: Client, stack: str) -> str:
    """Somebody says that one is broken; the next update replaces it."""
    await client.mark_unhealthy(stack, "b")
    await client.update(stack, three())
    return stack


async def handed_over(client: Client, stack: str) -> str:
    """Abandoned, and adopted by another stack."""
    data = await client.abandon(stack)
    assert await client.rest(stack) == "DELETE_COMPLETE"
    return await client.create(data["template"], name="heir", adopt=data["resources"])


def with_group() -> dict[str, Any]:
    """Stacks in it, one of them a group of stacks whose members have names by lot."""
    group = {"min_size": 1, "max_size": 3, "desired_capacity": 2, "resource": one_inside()}
    return nested(g={"type": "OS::Heat::AutoScalingGroup", "properties": group})


def one_inside() -> dict[str, Any]:
    """A template as a type."""
    return {"type": "one.yaml", "properties": {"size": 1, "kind": "x", "broken": False}}


async def _with_group_made(client: Client, _: str) -> str:
    stack = await client.create(with_group(), files=FILES)
    await client.rest(stack)
    return stack


async def nested_handed_over(client: Client, stack: str) -> str:
    """The same with stacks in it: nothing is made, nothing goes."""
    things = set(_cloud(client).things)
    data = await client.abandon(stack)
    assert await client.rest(stack) == "DELETE_COMPLETE"
    assert not client.simulation.tree(stack)
    heir = await client.create(data["template"], files=data["files"], name="heir", adopt=data["resources"])
    assert await client.rest(heir) == "ADOPT_COMPLETE"
    assert set(_cloud(client).things) == things
    return heir


async def taking_over_that_is_overtaken(client: Client, stack: str) -> str:
    """An update comes while what is two levels down is being taken over, and something after it has not been begun."""
    things = _cloud(client).things
    data = await client.abandon(stack)
    assert await client.rest(stack) == "DELETE_COMPLETE"
    before, seen = set(things), len(_cloud(client).calls)
    for thing in things.values():
        thing["ready_at"] += timedelta(seconds=FOREVER if "-c-" in thing["name"] else 0)
    heir = await client.create(data["template"], files=data["files"], name="heir", adopt=data["resources"])
    await client.until(lambda: any(verb == "get" and "-c-" in what for verb, what in _cloud(client).calls[seen:]))

    def whose_is_the_deepest() -> str | None:
        store = client.simulation.store
        return store.resources.of_stack(store.stacks.tree(heir)[-1].id)[0].operation_id

    first = whose_is_the_deepest()
    await client.update(heir, nested(z={"type": T, "depends_on": "c"}, new={"type": T}), files=FILES)
    await client.reaches(heir, "new", "CREATE_COMPLETE")
    # So the update is at work, and waits for what is being taken over; by what it began there, all the way down.
    await client.until(lambda: whose_is_the_deepest() != first)
    for thing in things.values():
        thing["ready_at"] = _cloud(client).now()
    assert await client.rest(heir) == "UPDATE_COMPLETE"
    assert before <= set(things)
    assert len(things) == len(before) + 1
    return heir


async def _nested_with_more(client: Client, _: str) -> str:
    stack = await client.create(nested(z={"type": T, "depends_on": "c"}), files=FILES)
    await client.rest(stack)
    return stack


async def nested_create(client: Client, _: str) -> str:
    """Two levels of stacks."""
    _cloud(client).build_seconds = 2
    return await client.create(nested(), files=FILES)


async def nested_update(client: Client, stack: str) -> str:
    """A replacement at the bottom."""
    await client.update(stack, nested(size=2, kind="y"), files=FILES)
    return stack


async def nested_delete(client: Client, stack: str) -> str:
    """All levels go."""
    await client.delete(stack)
    return stack


async def nested_creation_rolled_back(client: Client, _: str) -> str:
    """It fails at the bottom."""
    return await client.create(nested(is_broken=True), files=FILES, rollback=True)


async def nested_update_rolled_back(client: Client, stack: str) -> str:
    """It fails at the top, after the bottom was changed."""
    await client.update(stack, nested(size=2, z=broken("c")), files=FILES, rollback=True)
    return stack


async def nested_suspend_and_resume(client: Client, stack: str) -> str:
    """Both, through all levels."""
    return await suspend_and_resume(client, stack)


async def nested_cancel(client: Client, stack: str) -> str:
    """An update that hangs at the bottom goes back."""
    _cloud(client).build_seconds = FOREVER
    await client.update(stack, nested(kind="y"), files=FILES)
    await client.until(lambda: any(thing["kind"] == "y" for thing in _cloud(client).things.values()))
    await client.cancel(stack)
    return stack


def scaling(
    wanted: int | None = 2, rolling: dict[str, int] | None = None, kind: str = "x", **more: Any
) -> dict[str, Any]:
    """A group with a policy each way, and what reads its size."""
    group: dict[str, Any] = {"min_size": 1, "max_size": 9, "resource": {"type": T, "properties": {"kind": kind}}}
    group |= {"desired_capacity": wanted} if wanted is not None else {}
    group |= {"rolling_updates": rolling} if rolling is not None else {}
    of = {"auto_scaling_group_id": {"get_resource": "g"}, "adjustment_type": "change_in_capacity"}
    return {
        "g": {"type": "OS::Heat::AutoScalingGroup", "properties": group},
        "up": {"type": "OS::Heat::ScalingPolicy", "properties": {**of, "scaling_adjustment": 1}},
        "down": {"type": "OS::Heat::ScalingPolicy", "properties": {**of, "scaling_adjustment": -1}},
        "v": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["g", "current_size"]}}},
        **more,
    }


_CAREFUL = {"min_in_service": 3, "max_batch_size": 2, "pause_time": 5}


async def _scaling_made(client: Client, _: str) -> str:
    stack = await client.create(scaling())
    await client.rest(stack)
    return stack


async def _careful_made(client: Client, _: str) -> str:
    stack = await client.create(scaling(3, _CAREFUL))
    await client.rest(stack)
    return stack


async def scaled_up(client: Client, stack: str) -> str:
    """A signal; the stack itself stays at rest."""
    _cloud(client).build_seconds = 2
    await client.signal(stack, "up")
    return stack


async def scaled_down(client: Client, stack: str) -> str:
    """The oldest one goes."""
    await client.signal(stack, "down")
    return stack


async def scaled_again_while_it_scales(client: Client, stack: str) -> str:
    """The second signal comes while the first one's member is being made, and the third takes one back."""
    _cloud(client).build_seconds = 30
    await client.signal(stack, "up")
    await client.until(lambda: len(_cloud(client).things) == 3)
    await client.signal(stack, "up")
    await client.until(lambda: len(_cloud(client).things) == 4)
    await client.signal(stack, "down")
    return stack


async def scaled_while_the_stack_is_updated(client: Client, stack: str) -> str:
    """Something else in the stack takes long; the group does not wait for it.

    That update has read the group's size already, or reads it anew after its engine died; whatever it has missed, the next one brings.
    """
    _cloud(client).build_seconds = 30
    wanted = scaling(slow={"type": T})
    await client.update(stack, wanted)
    await client.until(lambda: len(_cloud(client).things) == 3)
    await client.signal(stack, "up")
    await client.rest(stack)
    await client.update(stack, wanted)
    return stack


async def updated_while_it_scales(client: Client, stack: str) -> str:
    """The update takes over from the signal, and keeps what that had asked for."""
    _cloud(client).build_seconds = 30
    await client.signal(stack, "up")
    await client.until(lambda: len(_cloud(client).things) == 3)
    await client.update(stack, scaling(None, kind="y"))
    return stack


async def rolling_update(client: Client, stack: str) -> str:
    """In batches, with others standing in."""
    _cloud(client).build_seconds = 2
    await client.update(stack, scaling(3, _CAREFUL, "y"))
    return stack


async def made_in_turn(client: Client, _: str) -> str:
    """A group in batches, with pauses."""
    _cloud(client).build_seconds = 2
    member = {"type": T, "properties": {"kind": "x"}}
    group = {
        "type": "OS::Heat::ResourceGroup",
        "properties": {"count": 5, "resource_def": member},
        "update_policy": {"batch_create": {"max_batch_size": 2, "pause_time": 5}},
    }
    return await client.create({"g": group})


_INSTANCE = {
    "heat_template_version": VERSION,
    "parameters": {
        **{name: {"type": "string", "default": ""} for name in ("ImageId", "InstanceType", "UserData")},
        "Tags": {"type": "json", "default": []},
    },
    "resources": {"t": {"type": T, "properties": {"kind": "x", "peer": {"get_param": "UserData"}}}},
}
_BALANCER = {
    "heat_template_version": VERSION,
    "parameters": {"Instances": {"type": "json", "default": []}},
    "resources": {
        "t": {
            "type": T,
            "properties": {
                "size": {"yaql": {"expression": "$.data.len()", "data": {"get_param": "Instances"}}},
                "kind": "balancer",
            },
        }
    },
}
_BALANCED: dict[str, Any] = {
    "files": {"instance.yaml": _INSTANCE, "lb.yaml": _BALANCER},
    "environment": {"resource_registry": {"AWS::EC2::Instance": "instance.yaml"}},
}


def balanced(data: str) -> dict[str, Any]:
    """Instances behind a load balancer."""
    policy = {"MaxBatchSize": 1, "MinInstancesInService": 1, "PauseTime": "PT5S"}
    described = {"ImageId": "image", "InstanceType": "small", "UserData": data}
    return {
        "lb": {"type": "lb.yaml"},
        "lc": {"type": "Test::Described", "properties": described},
        "g": {
            "type": "OS::Heat::InstanceGroup",
            "properties": {
                "AvailabilityZones": ["nova"],
                "LaunchConfigurationName": {"get_resource": "lc"},
                "LoadBalancerNames": ["lb"],
                "Size": 2,
            },
            "update_policy": {"RollingUpdate": policy},
        },
    }


async def _balanced_made(client: Client, _: str) -> str:
    stack = await client.create(balanced("one"), **_BALANCED)
    await client.rest(stack)
    return stack


async def balanced_in_turn(client: Client, stack: str) -> str:
    """Each member is taken out of the load balancer while it changes."""
    await client.update(stack, balanced("two"), **_BALANCED)
    return stack


async def _restarter_made(client: Client, _: str) -> str:
    restarter = {"type": "OS::Heat::HARestarter", "properties": {"InstanceId": {"get_resource": "a"}}}
    stack = await client.create(three(r=restarter, other={"type": T}))
    await client.rest(stack)
    return stack


async def restarted(client: Client, stack: str) -> str:
    """What a restarter refers to, and all that depends on it, is replaced; the rest is not touched."""
    _cloud(client).build_seconds = 2
    other = [key for key, thing in _cloud(client).things.items() if "-other-" in thing["name"]]
    await client.signal(stack, "r", {"state": "alarm"})
    await client.rest(stack)
    assert all(key in _cloud(client).things for key in other)
    return stack


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(story.__name__, before, story, ends)
        for before, story, ends in (
            (None, create, "CREATE_COMPLETE"),
            (None, create_with_a_lost_answer, "CREATE_COMPLETE"),
            (None, made_anew_after_it_broke, "CREATE_COMPLETE"),
            (None, creation_that_fails, "CREATE_FAILED"),
            (None, creation_rolled_back, "ROLLBACK_COMPLETE"),
            (None, timed_out, "CREATE_FAILED"),
            (None, hooks, "CREATE_COMPLETE"),
            (None, delete_while_it_is_made, "DELETE_COMPLETE"),
            (_failed, retry_after_failure, "UPDATE_COMPLETE"),
            (_refused, retried, "CREATE_COMPLETE"),
            (_made, update_in_place, "UPDATE_COMPLETE"),
            (_made, update_with_replacement, "UPDATE_COMPLETE"),
            (_made, update_held_to_a_plan, "UPDATE_COMPLETE"),
            (_swap_made, replacement_asked_for_by_the_handler, "UPDATE_COMPLETE"),
            (_place_made, making_way, "UPDATE_COMPLETE"),
            (_place_made, making_way_rolled_back, "ROLLBACK_COMPLETE"),
            (_made, update_rolled_back, "ROLLBACK_COMPLETE"),
            (_made, delete, "DELETE_COMPLETE"),
            (_made, suspend_and_resume, "RESUME_COMPLETE"),
            (_made, check, "CHECK_COMPLETE"),
            (_made, snapshot_and_restore, "RESTORE_COMPLETE"),
            (_made, snapshot_removed, "UPDATE_COMPLETE"),
            (_made, cancel_in_the_middle, "ROLLBACK_COMPLETE"),
            (_made, cancel_where_it_is, "UPDATE_FAILED"),
            (_made, cancel_what_hangs, "UPDATE_FAILED"),
            (_made, superseded, "UPDATE_COMPLETE"),
            (_made, repaired, "UPDATE_COMPLETE"),
            (_made, handed_over, "ADOPT_COMPLETE"),
            (None, nested_create, "CREATE_COMPLETE"),
            (None, nested_creation_rolled_back, "ROLLBACK_COMPLETE"),
            (_scaling_made, scaled_up, "CREATE_COMPLETE"),
            (_scaling_made, scaled_down, "CREATE_COMPLETE"),
            (_scaling_made, scaled_again_while_it_scales, "CREATE_COMPLETE"),
            (_scaling_made, scaled_while_the_stack_is_updated, "UPDATE_COMPLETE"),
            (_scaling_made, updated_while_it_scales, "UPDATE_COMPLETE"),
            (_careful_made, rolling_update, "UPDATE_COMPLETE"),
            (None, made_in_turn, "CREATE_COMPLETE"),
            (_balanced_made, balanced_in_turn, "UPDATE_COMPLETE"),
            (_restarter_made, restarted, "UPDATE_COMPLETE"),
            (_with_group_made, nested_handed_over, "ADOPT_COMPLETE"),
            (_nested_with_more, taking_over_that_is_overtaken, "UPDATE_COMPLETE"),
            (_nested_made, nested_update, "UPDATE_COMPLETE"),
            (_nested_made, nested_update_rolled_back, "ROLLBACK_COMPLETE"),
            (_nested_made, nested_delete, "DELETE_COMPLETE"),
            (_nested_made, nested_suspend_and_resume, "RESUME_COMPLETE"),
            (_nested_made, nested_cancel, "ROLLBACK_COMPLETE"),
        )
    )
}
