"""The driver of steps when its process is told to end."""

import asyncio

import pytest
from tests.engine_world import World

from kamado.engine.drive import Driver, Work
from kamado.engine.effects import Enter, Routine, Sleep
from kamado.engine.ledger import Ledger
from kamado.engine.plan import Plan, Reason, Step, StepKind
from kamado.engine.ports import EngineSettings
from kamado.model.lifecycle import Action


def _waits(step: Step) -> Routine[bool]:
    yield Enter(False)
    yield Sleep(3600)
    return True


def test_a_step_that_is_cancelled_before_it_began_does_not_keep_the_run_from_ending(world: World) -> None:
    """As when the process is interrupted: whatever there is on the loop is cancelled, begun or not."""
    steps = tuple(Step(name, StepKind.CREATE, name, "Test::Thing", Reason.NEW) for name in "ab")
    ports = world.ports()
    driver = Driver(
        Plan(Action.CREATE, steps, {}),
        Ledger(ports.journal, "o", 1, ()),
        Work(_waits, lambda step: False, lambda call: call()),
        (ports.clock, ports.calls),
        EngineSettings(burst=1),
    )

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert not driver.begin()
        running = loop.create_task(driver.run())
        mine = asyncio.current_task()
        loop.call_soon(lambda: [task.cancel() for task in asyncio.all_tasks() if task is not mine])
        with pytest.raises(asyncio.CancelledError):
            await running

    world.loop.run_until_complete(main())
