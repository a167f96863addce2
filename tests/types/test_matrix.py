"""The same tests for every REST type, made from its declaration and its `Sample`: create, update there and back, replace,
delete, conflict, adoption after a lost answer, against the local cloud over HTTP.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.types.rig import REGISTRY, Died, Rig, Saver
from tests.types.samples import SAMPLES, Sample

from kamado.cloud.failures import CloudError
from kamado.model.lifecycle import Action
from kamado.plugin import lifecycle
from kamado.plugin.errors import TemporaryError
from kamado.plugin.lifecycle import OutcomeKind
from kamado.plugin.rest import RestResource
from kamado.plugin.wire import fill

EACH = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type)


@pytest.fixture
def its(sample: Sample, request: pytest.FixtureRequest) -> Rig:
    """The rig that the sample wants."""
    rig: Rig = request.getfixturevalue("admin_rig" if sample.admin else "rig")
    return rig


def made(rig: Rig, resource: RestResource) -> set[str]:
    """Ids of everything of its kind in the project."""
    things = resource.service.list(resource.collection_path(), resource.rest.many)
    return {resource.physical_id_of(thing.get(resource.rest.envelope, thing)) for thing in things}


def resource_of(
    rig: Rig, sample: Sample, values: Mapping[str, Any], known: Mapping[str, str], saver: Saver | None = None
) -> Any:
    return rig.build(sample.type, fill(dict(values), known), saver=saver)


@EACH
def test_least_and_gone(sample: Sample, its: Rig) -> None:
    known = sample.needs(its)
    resource = resource_of(its, sample, sample.minimal, known)
    its.run(resource, Action.CREATE)
    assert resource.ports.saver.physical_id == resource.physical_id == resource.reference()
    values = resource.read_attributes([])
    assert set(values) == set(resource.attrs)
    assert resource.attribute("show") == resource.show()
    its.run(resource, Action.CHECK)
    its.run(resource, Action.DELETE)
    assert resource.physical_id not in made(its, resource)
    with pytest.raises(Exception, match=r".") as gone:
        its.run(resource, Action.CHECK)
    assert lifecycle.outcome(gone.value, "it").reason.startswith("NotFound: resources.it: ")
    its.run(resource, Action.DELETE)
    assert set(resource.read_attributes(["show"]).values()) == {None}


@EACH
def test_everything_set_is_what_the_service_shows(sample: Sample, its: Rig) -> None:
    known = sample.needs(its)
    resource = its.make(sample.type, fill(dict(sample.full), known))
    for name in sample.full:
        assert shown(resource, sample, name, known) == fill(sample.full[name], known), name


def shown(resource: RestResource, sample: Sample, name: str, known: Mapping[str, str]) -> Any:
    body = resource.show()
    if name in sample.shown:
        return sample.shown[name](body, known)
    value = body.get(resource.props[name].key)
    return sorted(value) if name == "tags" else value


@EACH
def test_each_updatable_property_there_and_back(sample: Sample, its: Rig) -> None:
    known = sample.needs(its)
    resource = its.make(sample.type, fill(dict(sample.full), known))
    before = resource.physical_id
    for name, value in sample.updates.items():
        for step in (value, sample.full[name]):
            difference = its.update(resource, **{name: fill(step, known)})
            assert not difference.must_replace, name
            assert list(difference.values) == [name]
            assert shown(resource, sample, name, known) == fill(step, known), name
    assert resource.physical_id == before


@EACH
def test_no_property_is_forgotten(sample: Sample) -> None:
    cls = REGISTRY.get(sample.type, "")
    updatable = {name for name, prop in cls.props.items() if prop.update and prop.instead is None}
    assert updatable == set(sample.updates) | set(sample.apart)
    assert set(sample.updates) <= set(sample.full)


@EACH
def test_what_cannot_be_changed_is_replaced(sample: Sample) -> None:
    schema = REGISTRY.get(sample.type, "").schema
    for name, prop in REGISTRY.get(sample.type, "").props.items():
        if prop.instead is None and not prop.update and not prop.immutable:
            difference = lifecycle.diff(schema, {name: "a"}, {name: "b"})
            assert difference.replace == (name,)
    assert not lifecycle.diff(schema, {}, {})


@EACH
def test_a_conflict_on_delete_is_tried_again(sample: Sample, its: Rig) -> None:
    known = sample.needs(its)
    resource = its.make(sample.type, fill(dict(sample.minimal), known))
    faults = its.local.faults
    faults.add(
        service=resource.rest.service, method="DELETE", path=f"{sample.collection}/*", status=409, message="in use"
    )
    with pytest.raises(TemporaryError) as conflict:
        its.run(resource, Action.DELETE)
    found = lifecycle.outcome(conflict.value, "it")
    assert found.kind is OutcomeKind.RETRY
    assert found.reason.startswith("Conflict: resources.it: ")
    its.run(resource, Action.DELETE)
    assert resource.physical_id not in made(its, resource)


@EACH
def test_a_refused_create_fails_in_the_clouds_words(sample: Sample, its: Rig) -> None:
    known = sample.needs(its)
    resource = resource_of(its, sample, sample.minimal, known)
    its.local.faults.add(
        service=resource.rest.service, method="POST", path=sample.collection, status=409, message="no room"
    )
    before = made(its, resource)
    with pytest.raises(CloudError) as refused:
        its.run(resource, Action.CREATE)
    found = lifecycle.outcome(refused.value, "it")
    assert found.kind is OutcomeKind.FAIL
    assert found.reason.startswith("Conflict: resources.it: no room")
    assert made(its, resource) == before


@EACH
def test_a_lost_answer_makes_one_thing(sample: Sample, its: Rig) -> None:
    known = sample.needs(its)
    resource = resource_of(its, sample, sample.minimal, known)
    before = made(its, resource)
    its.local.faults.add(service=resource.rest.service, method="POST", path=sample.collection, action="lose")
    its.made.append(resource)
    its.create(resource)
    assert made(its, resource) - before == {resource.physical_id}


@EACH
def test_a_lost_request_is_found_out_too(sample: Sample, its: Rig) -> None:
    known = sample.needs(its)
    resource = resource_of(its, sample, sample.minimal, known)
    before = made(its, resource)
    its.local.faults.add(service=resource.rest.service, method="POST", path=sample.collection, action="drop")
    with pytest.raises(TemporaryError) as lost:
        its.run(resource, Action.CREATE)
    found = lifecycle.outcome(lost.value, "it")
    assert (found.kind, found.unknown) == (OutcomeKind.RETRY, True)
    assert lifecycle.find(resource, its.clock.now(), ()) is None
    its.made.append(resource)
    its.run(resource, Action.CREATE)
    assert made(its, resource) - before == {resource.physical_id}


@EACH
def test_what_a_dead_process_made_is_found(sample: Sample, its: Rig) -> None:
    known = sample.needs(its)
    started = its.clock.now()
    resource = resource_of(its, sample, sample.minimal, known, Saver(dies=True))
    before = made(its, resource)
    with pytest.raises(Died):
        its.run(resource, Action.CREATE)
    (orphan,) = made(its, resource) - before
    survivor = its.again(resource.record, resource.properties)
    assert lifecycle.find(survivor, started, ()) == orphan
    assert lifecycle.find(survivor, started, {orphan}) is None
    assert lifecycle.find(survivor, started + timedelta(hours=1), ()) is None
    survivor.set_physical_id(orphan)
    its.made.append(survivor)
    assert lifecycle.poll(survivor, Action.CREATE, None)


@EACH
def test_a_busy_service_is_asked_again(sample: Sample, its: Rig) -> None:
    known = sample.needs(its)
    resource = resource_of(its, sample, sample.minimal, known)
    before = made(its, resource)
    busy: dict[str, Any] = {"status": 503, "headers": {"Retry-After": "0"}, "times": 2}
    its.local.faults.add(service=resource.rest.service, method="POST", path=sample.collection, **busy)
    its.made.append(resource)
    its.run(resource, Action.CREATE)
    assert made(its, resource) - before == {resource.physical_id}


@EACH
def test_without_an_id_there_is_nothing_to_delete(sample: Sample, its: Rig) -> None:
    resource = resource_of(its, sample, sample.minimal, sample.needs(its))
    before = made(its, resource)
    its.run(resource, Action.DELETE)
    assert made(its, resource) == before


@EACH
def test_a_failed_one_is_kept_while_it_is_in_order(sample: Sample, its: Rig) -> None:
    resource = resource_of(its, sample, sample.minimal, sample.needs(its))
    assert resource.needs_replace_failed()
    its.run(resource, Action.CREATE)
    assert not resource.needs_replace_failed()
    its.run(resource, Action.DELETE)
    assert resource.needs_replace_failed()
