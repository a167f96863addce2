"""What runs is what the plan said, down to the last nested stack: templates as types, groups that grow and shrink, members that are
themselves nested, replacements that a handler asks for in the middle of its update.

Plans come from the orchestrator, as `POST …/plan` gives them; the update is held to them. Counted are the calls that each thing in the
cloud gets: none for what has no step, and for the others what their steps may come to. Lines of history are compared as well.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.executor.test_what_runs_is_the_plan import ALLOWED, Calls
from tests.simulation.client import VERSION, Client
from tests.simulation.killing import empty_database
from tests.simulation.simulation import Simulation

from kamado.engine.plan import Step, StepKind
from kamado.model.records import StackRecord
from kamado.orchestrator.plans import StackPlan

SEEDS = 10
T = "Test::Thing"
WRITES = ("create", "update", "delete")
Where = tuple[str, ...]
"""Names of resources from the root down."""

PARAMETERS = {"size": {"type": "number"}, "kind": {"type": "string"}, "swap": {"type": "string"}}
PASSED = {name: {"get_param": name} for name in PARAMETERS}


def _file(resources: dict[str, Any]) -> dict[str, Any]:
    outputs = {"id": {"value": {"get_resource": "t"}}}
    return {"heat_template_version": VERSION, "parameters": PARAMETERS, "resources": resources, "outputs": outputs}


FILES = {
    "one.yaml": _file(
        {
            "t": {"type": T, "properties": PASSED},
            "u": {"type": "Test::Sturdy", "properties": {"peer": {"get_resource": "t"}}},
        }
    ),
    "two.yaml": _file({"t": {"type": "one.yaml", "properties": PASSED}, "v": {"type": T, "depends_on": "t"}}),
}


def _template(dice: random.Random) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    for number in range(5):
        if dice.random() < 0.2:
            continue
        properties: dict[str, Any] = {
            "size": dice.choice((1, 1, 2)),
            "kind": dice.choice("xxy"),
            "swap": dice.choice("ppq"),
        }
        kind = dice.choice((T, "Test::Sturdy", "one.yaml", "two.yaml", "OS::Heat::ResourceGroup"))
        if kind == "OS::Heat::ResourceGroup":
            inner = {"type": dice.choice((T, "one.yaml")), "properties": properties}
            properties = {"count": dice.randint(0, 3), "resource_def": inner}
        before = sorted(resources)
        if before and kind in (T, "Test::Sturdy") and dice.random() < 0.5:
            properties["peer"] = {"get_resource": dice.choice(before)}
        resources[f"r{number}"] = {"type": kind, "properties": properties}
        if before and dice.random() < 0.3:
            resources[f"r{number}"]["depends_on"] = dice.choice(before)
    return resources or {"n": {"type": "OS::Heat::None"}}


@pytest.mark.parametrize("number", range(SEEDS))
def test_what_runs_is_what_the_plan_of_the_tree_said(number: int, seed: int, folder: Path) -> None:
    mine = seed * 100 + number
    dice = random.Random(mine)
    before, after = _template(dice), _template(dice)
    path = folder / "trees.sqlite"
    shutil.copy(empty_database(folder), path)
    shown: list[StackPlan] = []
    where: dict[str, Where] = {}
    lines: set[str] = set()

    async def script(client: Client) -> None:
        stack = await client.create(before, files=FILES)
        assert await client.rest(stack) == "CREATE_COMPLETE"
        where.update(_places(simulation, stack))
        lines.update(line.id for line in _lines(simulation, stack))
        plan, basis = await client.whole_plan(stack, after, files=FILES)
        shown.append(plan)
        simulation.cloud.calls.clear()
        await client.update(stack, after, files=FILES, plan=basis)
        assert await client.rest(stack) == "UPDATE_COMPLETE"
        where.update(_places(simulation, stack))
        told = {(*_stack_place(simulation, line.stack_id), line.resource_name) for line in _lines(simulation, stack)
                if line.id not in lines and line.physical_id != line.stack_id}  # fmt: skip
        _compare(shown[0], simulation.cloud.calls, where, told)

    with Simulation(path, mine, settings={"action_retry_limit": 0}) as simulation:
        try:
            simulation.run(script)
        except AssertionError as error:
            raise AssertionError(f"KAMADO_SIMULATION_SEED={seed}, number {number}: {before} -> {after}") from error


def _lines(simulation: Simulation, stack_id: str) -> list[Any]:
    tree = simulation.store.stacks.tree(stack_id, True)
    return simulation.store.events.page([stack.id for stack in tree])


def _stack_place(simulation: Simulation, stack_id: str) -> Where:
    stack: StackRecord = simulation.stack(stack_id)
    if stack.owner_id is None:
        return ()
    return (*_stack_place(simulation, stack.owner_id), str(stack.parent_resource))


def _places(simulation: Simulation, stack_id: str) -> dict[str, Where]:
    """Name in the cloud → place in the tree."""
    return {
        str(row.physical_name): (*_stack_place(simulation, row.stack_id), row.name)
        for row in simulation.all_rows(stack_id)
    }


def _compare(plan: StackPlan, calls: list[tuple[str, str]], where: dict[str, Where], told: set[Where]) -> None:
    may = _may(plan, ())
    counted: dict[Where, Counter[str]] = {}
    for verb, name in calls:
        if verb in WRITES:
            counted.setdefault(where[name], Counter())[verb] += 1
    assert counted.keys() <= may.keys(), ("a call for what has no step", counted.keys() - may.keys())
    assert told <= may.keys(), ("a line of history about what has no step", told - may.keys())
    for place, allowed in may.items():
        if allowed:
            found = tuple(counted.get(place, Counter())[verb] for verb in WRITES)
            assert found in allowed, (place, found, allowed)


def _may(plan: StackPlan, above: Where) -> dict[Where, set[Calls]]:
    """What the steps of each place may come to; an empty set for what makes no calls of its own."""
    found: dict[Where, set[Calls]] = {}
    for step in plan.plan.steps:
        place = (*above, step.name)
        assert step.key not in plan.opaque, "everything in these templates is known before the run"
        _both(found, {place: _of_step(step)})
        if step.key in plan.inside:
            _both(found, _may(plan.inside[step.key], place))
    return found


def _of_step(step: Step) -> set[Calls]:
    if not step.type.startswith("Test::"):
        return set()
    if step.kind is StepKind.DELETE:
        return {(0, 0, 0), (0, 0, 1)} if step.conditional else {(0, 0, 1)}
    kinds = {StepKind.CREATE if kind is StepKind.REPLACE else kind for kind in step.may_become}
    return {calls for kind in kinds for calls in ALLOWED[kind]}


def _both(found: dict[Where, set[Calls]], more: dict[Where, set[Calls]]) -> None:
    for place, calls in more.items():
        before = found.get(place)
        if not before or not calls:
            found[place] = before or calls
        else:
            found[place] = {(one[0] + two[0], one[1] + two[1], one[2] + two[2]) for one, two in product(before, calls)}
