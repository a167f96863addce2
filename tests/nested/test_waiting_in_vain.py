"""A creation that waits for a signal, and an update that wants something else."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.engine_world import World

from kamado.engine.engine import Engine
from kamado.model.lifecycle import Action


def waiting(transport: str, **more: Any) -> dict[str, Any]:
    """A condition on a handle; another transport is another handle."""
    handle = {"type": "OS::Heat::WaitConditionHandle", "properties": {"signal_transport": transport}}
    values = {"handle": {"get_resource": "handle"}, "timeout": 3600}
    return {"handle": handle, "condition": {"type": "OS::Heat::WaitCondition", "properties": values}, **more}


def updated_after(world: World, seconds: float, wanted: dict[str, Any]) -> tuple[str, float]:
    """The stack, which was updated so long after its creation had begun, and how long everything took."""
    stack = world.accept(waiting("HEAT_SIGNAL"))
    began = world.loop.time()

    async def meanwhile(engine: Engine) -> None:
        await asyncio.sleep(seconds)
        world.accept(wanted, Action.UPDATE, stack)
        engine.wake()

    world.run(meanwhile)
    return stack, world.loop.time() - began


def test_nobody_waits_for_a_handle_that_was_replaced(world: World) -> None:
    stack, took = updated_after(world, 100, waiting("NO_SIGNAL"))
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert took < 200
    assert world.history(stack, "condition")[-1] == "condition DELETE_COMPLETE"  # of the one that waited
    world.check(stack)


def test_what_the_update_leaves_alone_is_waited_for_from_when_it_began(world: World) -> None:
    stack, took = updated_after(world, 100, waiting("HEAT_SIGNAL", other={"type": "OS::Heat::None"}))
    assert (
        world.stack(stack).reason
        == "Resource CREATE failed: WaitConditionTimeout: resources.condition: 0 of 1 received"
    )
    assert 3600 <= took < 3660
