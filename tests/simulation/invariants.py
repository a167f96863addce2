"""What holds whenever a stack is at rest, whatever was done to it and to the engines."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from tests.simulation.client import Client
from tests.simulation.simulation import Simulation

from kamado.engine.events import started
from kamado.model.lifecycle import Action, OperationState, Status
from kamado.model.records import EventRecord


async def check_all(client: Client, stack_id: str) -> None:
    """Raises AssertionError when something does not hold."""
    simulation = client.simulation
    simulation.check(stack_id)
    for stack in simulation.store.stacks.tree(stack_id, True):
        _one_start_and_one_end(simulation, stack.id)
        _no_line_twice(simulation, stack.id)
        _last_lines(simulation, stack.id)
    _nobody_without_a_lease(simulation)
    await _outputs_are_read(client, stack_id)


_BROUGHT_ABOUT = frozenset({Action.CREATE, Action.UPDATE, Action.RESTORE, Action.ROLLBACK})
"""After these the template is what there is; a check or a snapshot of half a stack is complete, too."""


async def _outputs_are_read(client: Client, stack_id: str) -> None:
    """Each output has its value, unless the cloud does not answer or has lost something."""
    simulation = client.simulation
    stack = simulation.stack(stack_id)
    done = stack.status is Status.COMPLETE and stack.action in _BROUGHT_ABOUT
    if not done or simulation.cloud.forgotten or any(simulation.cloud.faults.values()):
        return
    outputs = await client.outputs(stack_id)
    target = simulation.store.templates.get(stack.target.template_id)
    assert outputs.keys() == (target.get("outputs") or {}).keys()
    unread = {name: value for name, value in outputs.items() if value is None or "error" in str(value).lower()}
    assert not unread, unread


def _operations(simulation: Simulation, stack_id: str) -> list[Any]:
    return simulation.store.operations.of_stack(stack_id)


def _one_start_and_one_end(simulation: Simulation, stack_id: str) -> None:
    """The stack's own lines: each operation began once, and each that ended by itself has one line for its end."""
    lines = [line for line in simulation.store.events.page([stack_id]) if line.physical_id == stack_id]
    operations = _operations(simulation, stack_id)
    began = Counter(line.action for line in lines if line.reason == started(line.action))  # type: ignore[arg-type]
    wanted = Counter(str(operation.action) for operation in operations if operation.stack_id == stack_id)
    assert began <= wanted, (began, wanted)
    ended = [line for line in lines if line.status != "IN_PROGRESS"]
    by_itself = [one for one in operations if one.state in (OperationState.DONE, OperationState.FAILED)]
    assert len(by_itself) <= len(ended) <= len(operations), ([str(one.state) for one in operations], ended)


def _no_line_twice(simulation: Simulation, stack_id: str) -> None:
    """No line of history is there twice: of one thing, two like lines one after the other, in one operation."""
    last: dict[tuple[str, str | None], tuple[Any, ...]] = {}
    for operation_id, line in _lines_by_operation(simulation, stack_id):
        thing = (line.resource_name, line.physical_id)
        now = (operation_id, line.action, line.status, line.reason)
        assert last.get(thing) != now, (thing, now)
        last[thing] = now


def _lines_by_operation(simulation: Simulation, stack_id: str) -> list[tuple[str, EventRecord]]:
    """Lines of resources, oldest first, with the operation that wrote them."""
    return [(operation_id, line) for operation_id, line in simulation.lines if line.stack_id == stack_id]


def _last_lines(simulation: Simulation, stack_id: str) -> None:
    """What a row says it has come to is in its history."""
    said: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for line in simulation.store.events.page([stack_id]):
        said[line.resource_name].add((line.action, line.status))
    for row in simulation.store.resources.of_stack(stack_id):
        if row.name in said:
            assert (str(row.action), str(row.status)) in said[row.name], (row.name, row.action, row.status)
        else:
            raise AssertionError(f"the history does not know {row.name}")


def _nobody_without_a_lease(simulation: Simulation) -> None:
    """No process has changed anything in the cloud for an operation that another one held."""
    assert not simulation.trespasses, simulation.trespasses[:3]
