"""The same tests for every type that lives in the engine, made from its declaration and its `Sample`: the least and everything, each
property there and back, replacement, gone before it is deleted, and a creation whose engine is killed.

Not mocked: database, journal, planner, executor, template language, the types. In memory: the cloud and the users of stacks; those of
which a part is kept by the object store have the local cloud's, over HTTP.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from tests.nested.heat_place import Place
from tests.nested.heat_samples import ELSEWHERE, SAMPLES, Sample
from tests.types.make_facts import facts

from kamado.model.lifecycle import Action
from kamado.plugin.registry import Registry
from kamado.plugin.wire import fill

EACH = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type.rpartition("::")[2])
REGISTRY = Registry.load()


def life(place: Place, sample: Sample, values: Mapping[str, Any], stack: str | None = None, **more: Any) -> str:
    """A stack with the resource ``it``, made or updated; its id."""
    resources = {**sample.needs, "it": {"type": sample.type, "properties": fill(dict(values), place.letters)}}
    action = Action.CREATE if stack is None else Action.UPDATE
    return place.accept(resources, action, stack, **sample.options, **more)


def made(place: Place, sample: Sample, values: Mapping[str, Any]) -> str:
    stack = life(place, sample, values)
    place.run()
    assert place.state(stack) == "CREATE_COMPLETE", place.stack(stack).reason
    place.check(stack)
    return stack


def updated(place: Place, sample: Sample, values: Mapping[str, Any], stack: str) -> str:
    """The id of the row that stands for ``it`` after an update to these values."""
    life(place, sample, values, stack)
    place.run()
    assert place.state(stack) == "UPDATE_COMPLETE", place.stack(stack).reason
    place.check(stack)
    return place.rows(stack)["it"].id


def gone(place: Place, stack: str) -> None:
    place.accept({}, Action.DELETE, stack)
    place.run()
    assert place.state(stack) == "DELETE_COMPLETE", place.stack(stack).reason
    assert not place.all_rows(stack)
    assert not place.cloud.things
    assert not place.cloud.users
    assert not place.containers()
    assert not place.store.software_configs.count("p")


@EACH
def test_the_least_and_gone(sample: Sample, place: Place) -> None:
    gone(place, made(place, sample, sample.minimal))


@EACH
def test_each_property_that_may_change_there_and_back(sample: Sample, place: Place) -> None:
    stack = made(place, sample, sample.full)
    before = place.rows(stack)["it"].id
    for name, value in sample.updates.items():
        for step in (value, sample.full[name]):
            lines = place.history(stack, "it").count("it UPDATE_COMPLETE")
            assert updated(place, sample, {**sample.full, name: step}, stack) == before, name
            assert place.history(stack, "it").count("it UPDATE_COMPLETE") == lines + 1, name
    gone(place, stack)


@EACH
def test_what_cannot_be_changed_is_replaced(sample: Sample, place: Place) -> None:
    stack = made(place, sample, sample.full)
    before = place.rows(stack)["it"].id
    for name, value in sample.replaced.items():
        after = updated(place, sample, {**sample.full, name: value}, stack)
        assert after != before, name
        before = updated(place, sample, sample.full, stack)
        assert before != after, name
    gone(place, stack)


@EACH
def test_nothing_happens_when_nothing_has_changed(sample: Sample, place: Place) -> None:
    stack = made(place, sample, sample.full)
    before = place.rows(stack)["it"].id
    same = updated(place, sample, sample.full, stack) == before
    assert same != REGISTRY.get(sample.type, "").always_new
    gone(place, stack)


@EACH
def test_what_it_made_may_be_gone_before_it_is_deleted(sample: Sample, place: Place) -> None:
    stack = made(place, sample, sample.full)
    place.loses_everything()
    gone(place, stack)


@EACH
def test_a_creation_whose_engine_dies_comes_to_the_same_end(sample: Sample, place: Place) -> None:
    place.points.clear()
    stack = made(place, sample, sample.full)
    points = len(place.points)
    wanted = place.summary(stack)
    gone(place, stack)
    for point in sorted(random.SystemRandom().sample(range(points), min(3, points))):
        place.points.clear()
        place.kill_at = point
        stack = life(place, sample, sample.full)
        place.run()
        assert place.dead
        place.reborn()
        place.run()
        place.check(stack)
        found = place.summary(stack)
        assert {key: found[key] for key in wanted if found[key] != wanted[key]} == {}, f"killed at point {point}"
        gone(place, stack)


@EACH
def test_no_property_is_forgotten(sample: Sample) -> None:
    every = REGISTRY.get(sample.type, "").schema.properties
    props = {name: prop for name, prop in every.items() if prop.support.status != "UNSUPPORTED"}
    assert props.keys() - sample.apart.keys() == sample.updates.keys() | sample.replaced.keys()
    assert {name for name in sample.updates if not props[name].update} == set()
    assert {name for name in sample.replaced if props[name].update} == set()


def test_no_type_is_forgotten() -> None:
    wanted = {name for name in facts() if name.startswith("OS::Heat::")}
    assert {sample.type for sample in SAMPLES} | ELSEWHERE.keys() == wanted
