"""What an operation does is what its plan said: no call, no line of history and no order that is not in it. For random changes.

Calls to the cloud are counted for each resource; an undecided step may come only to what it allows.
In memory: the cloud; time passes at once.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from tests.databases import KEY
from tests.engine_world import World

from kamado.engine.plan import ALL_MADE, Plan, StepKind
from kamado.engine.planner import PlanRequest, plan
from kamado.engine.targets import TargetLoader
from kamado.model.lifecycle import Action
from kamado.store import Store

NAMES = "abcde"
THING, STURDY = "Test::Thing", "Test::Sturdy"
Calls = tuple[int, int, int]
"""How often a resource was created, updated, deleted in the cloud."""

ALLOWED: Mapping[StepKind, set[Calls]] = {
    StepKind.CREATE: {(1, 0, 0)},
    StepKind.REPLACE: {(1, 0, 1)},
    StepKind.UPDATE: {(0, 1, 0)},
    StepKind.KEEP: {(0, 0, 0)},
    StepKind.DELETE: {(0, 0, 1)},
}


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Any]:
    """Things that refer to earlier ones by id, attribute or order; some are values that only pass something on."""
    found: dict[str, Any] = {}
    for name in NAMES:
        if draw(st.integers(0, 4)) == 0:
            continue
        before = sorted(found)
        if before and draw(st.integers(0, 4)) == 0:
            found[name] = {"type": "OS::Heat::Value", "properties": {"value": draw(reading(before))}}
            continue
        properties: dict[str, Any] = {"size": draw(st.integers(1, 2)), "kind": draw(st.sampled_from("xy"))}
        if draw(st.booleans()):
            properties["swap"] = draw(st.sampled_from("pq"))
        if before and draw(st.booleans()):
            properties["peer"] = draw(reading(before))
        found[name] = {"type": draw(st.sampled_from((THING, THING, STURDY))), "properties": properties}
        if before and draw(st.integers(0, 3)) == 0:
            found[name]["depends_on"] = draw(st.sampled_from(before))
    return found


def reading(names: list[str]) -> st.SearchStrategy[Any]:
    def of(name: str) -> st.SearchStrategy[Any]:
        return st.sampled_from([{"get_resource": name}])

    return st.sampled_from(names).flatmap(of)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds")
    Store.open(f"sqlite:///{folder / 'empty.sqlite'}", KEY, durable=False).close()
    return folder


def planned(world: World, stack_id: str) -> Plan:
    """The plan of the newest operation, made as a preview makes it: from the rows as they are before it runs."""
    stack = world.stack(stack_id)
    loader = TargetLoader(world.store, world.registry)
    desired = loader.desired(stack, stack.target)
    return plan(
        PlanRequest(
            action=Action.UPDATE,
            rows=world.store.resources.of_stack(stack_id),
            types=desired.types,
            definitions=desired.definitions,
            parameters=desired.parameters,
            outputs=desired.outputs,
        )
    )


def made_calls(world: World) -> dict[str, Calls]:
    counted = Counter((name.split("-")[1], verb) for verb, name in world.cloud.calls)
    names = {name for name, _ in counted}
    return {name: tuple(counted[name, verb] for verb in ("create", "update", "delete")) for name in names}  # type: ignore[misc]


def allowed(plan_: Plan, name: str, in_cloud: bool) -> set[Calls]:
    """All that the steps of a resource may come to, its clean-up included."""
    steps = plan_.of(name)
    making = [step for step in steps if step.kind.makes]
    if not making:
        gone = sum(step.kind is StepKind.DELETE and in_cloud for step in steps)
        return {(0, 0, gone)}
    [step] = making
    return {calls for kind in step.may_become for calls in ALLOWED[kind]}


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(before=resources(), after=resources(), fails=st.booleans())
def test_what_runs_is_what_the_plan_said(empty: Path, before: Any, after: Any, fails: bool) -> None:
    note(f"{before} -> {after}")
    shutil.copy(empty / "empty.sqlite", empty / "world.sqlite")
    store = Store(f"sqlite:///{empty / 'world.sqlite'}", KEY, durable=False)
    world = World(store, action_retry_limit=0)  # what comes out broken is not made anew
    try:
        stack = world.accept(before or {"n": {"type": "OS::Heat::None"}})
        world.run()
        assert world.state(stack) == "CREATE_COMPLETE"
        lines = len(world.history(stack))
        world.cloud.calls.clear()
        if fails and after:
            after[max(after)] = {"type": THING, "properties": {"broken": True, "kind": "z"}}
        world.accept(after or {"n": {"type": "OS::Heat::None"}}, Action.UPDATE, stack)
        plan_ = planned(world, stack)
        in_cloud = {row.name: row.type.startswith("Test::") for row in world.store.resources.of_stack(stack)}
        world.run()
        calls = made_calls(world)
        compare(plan_, calls, in_cloud, complete=world.state(stack) == "UPDATE_COMPLETE")
        told = {line.split()[0] for line in world.history(stack)[lines:]} - {"world"}
        assert told <= {step.name for step in plan_.steps}, "a line of history about what has no step"
        in_order(plan_, [(verb, name.split("-")[1]) for verb, name in world.cloud.calls if verb != "get"])
    finally:
        world.close()
        store.close()
        for left in empty.glob("world.sqlite*"):
            left.unlink()


def compare(plan_: Plan, calls: dict[str, Calls], in_cloud: dict[str, bool], *, complete: bool) -> None:
    assert calls.keys() <= {step.name for step in plan_.steps}, "a call for what has no step"
    for name in {step.name for step in plan_.steps}:
        types = {step.type for step in plan_.of(name)}
        if not all(kind.startswith("Test::") for kind in types):
            continue
        found = calls.get(name, (0, 0, 0))
        may = allowed(plan_, name, in_cloud.get(name, False))
        if complete:
            assert found in may, (name, plan_.of(name))
        else:  # what failed may stop anywhere on the way, but goes nowhere else
            assert any(all(one <= most for one, most in zip(found, each, strict=True)) for each in may), (name, found)


def in_order(plan_: Plan, calls: list[tuple[str, str]]) -> None:
    """What a step needs is made before it: nothing is written for it earlier."""
    written = [(verb, name) for verb, name in calls if verb in ("create", "update")]
    steps = {step.key: step for step in plan_.steps}
    for key, needs in plan_.edges.items():
        step = steps.get(key)
        if step is None or not step.kind.makes:
            continue
        mine = [place for place, (_, name) in enumerate(written) if name == step.name]
        for needed in needs - {ALL_MADE}:
            first = [place for place, (_, name) in enumerate(written) if name == steps[needed].name]
            assert not mine or not first or max(first) < min(mine), (key, needed, written)
    deletions = [place for place, (verb, _) in enumerate(calls) if verb == "delete"]
    making = [place for place, (verb, _) in enumerate(calls) if verb in ("create", "update")]
    assert not deletions or not making or max(making) < min(deletions), calls
