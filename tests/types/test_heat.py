"""OS::Heat::*: types that live in the engine."""

import re
from dataclasses import replace
from datetime import datetime

import pytest
from tests.types.rig import REGISTRY, Rig

from kamado.model.lifecycle import Action
from kamado.plugin import lifecycle
from kamado.plugin.errors import PermanentError
from kamado.resources.heat.random_string import generate


def test_a_random_string_stays_the_same(bare_rig: Rig) -> None:
    resource = bare_rig.make("OS::Heat::RandomString", {})
    value = resource.attribute("value")
    assert re.fullmatch(r"[a-zA-Z0-9]{32}", value)
    assert resource.reference() == value == resource.ports.saver.data["value"]
    assert resource.physical_id == resource.physical_name
    bare_rig.run(resource, Action.CREATE)
    assert resource.attribute("value") == value
    assert resource.secret
    assert resource.local


def test_a_random_string_is_replaced_by_a_new_salt() -> None:
    schema = REGISTRY.get("OS::Heat::RandomString", "").schema
    for name, value in {"salt": "b", "length": 9, "character_classes": [], "character_sequences": []}.items():
        assert lifecycle.diff(schema, {name: 1}, {name: value}).replace == (name,)


@pytest.mark.parametrize(
    ("properties", "pattern"),
    [
        ({"length": 8, "character_classes": [{"class": "digits"}]}, r"[0-9]{8}"),
        ({"length": 8, "character_classes": [{"class": "hexdigits"}]}, r"[0-9A-F]{8}"),
        ({"length": 8, "character_classes": [{"class": "octdigits"}]}, r"[0-7]{8}"),
        ({"length": 512, "sequence": "lowercase"}, r"[a-z]{512}"),
        ({"length": 9, "character_classes": [], "character_sequences": [{"sequence": "xyz"}]}, r"[xyz]{9}"),
        ({"length": 1, "character_classes": [{"class": "uppercase"}]}, r"[A-Z]"),
    ],
)
def test_a_random_string_of_what_was_asked_for(bare_rig: Rig, properties: dict, pattern: str) -> None:
    assert re.fullmatch(pattern, bare_rig.make("OS::Heat::RandomString", properties).attribute("value"))


def test_each_class_and_sequence_is_there_often_enough() -> None:
    for _ in range(50):
        text = generate(
            12, [{"class": "digits", "min": 3}, {"class": "uppercase", "min": 2}], [{"sequence": "(-)", "min": 2}]
        )
        assert len(text) == 12
        assert len(re.findall("[0-9]", text)) >= 3
        assert len(re.findall("[A-Z]", text)) >= 2
        assert len(re.findall("[()-]", text)) >= 2


def test_a_random_string_must_be_long_enough() -> None:
    cls = REGISTRY.get("OS::Heat::RandomString", "")
    values = lifecycle.coerce(cls.schema, {"length": 5, "character_classes": [{"class": "digits", "min": 6}]})
    (finding,) = cls.validate(values)
    assert finding == "Length property cannot be smaller than combined character class and character sequence minimums"
    assert cls.validate(lifecycle.coerce(cls.schema, {})) == []
    least = {"character_classes": [{"min": 2}], "character_sequences": [{"sequence": "abc", "min": 2}]}
    assert cls.validate(lifecycle.coerce(cls.schema, {"length": 4, **least})) == []
    both = {"sequence": "digits", "character_classes": [{"class": "letters"}]}
    assert len(cls.validate(lifecycle.coerce(cls.schema, both))) == 1


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        ({"value": "3"}, "3"),
        ({"value": {"a": [1]}}, {"a": [1]}),
        ({"type": "number", "value": "3"}, "3"),
        ({"type": "number", "value": 3.5}, 3.5),
        ({"type": "string", "value": 3}, 3),
        ({"type": "boolean", "value": "True"}, "True"),
        ({"type": "comma_delimited_list", "value": ["a", 1]}, ["a", 1]),
        ({"type": "json", "value": {"a": 1}}, {"a": 1}),
    ],
)
def test_a_value_is_given_as_it_was_written(bare_rig: Rig, properties: dict, value: object) -> None:
    resource = bare_rig.make("OS::Heat::Value", properties)
    assert resource.attribute("value") == value
    assert resource.reference() == resource.physical_name


def test_a_value_is_updated_in_place(bare_rig: Rig) -> None:
    resource = bare_rig.make("OS::Heat::Value", {"value": "a"})
    difference = bare_rig.update(resource, value="b")
    assert not difference.must_replace
    assert resource.attribute("value") == "b"
    bare_rig.update(resource, type="number", value=7)
    assert resource.attribute("value") == 7


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("number", "x", "could not convert string to float: 'x'"),
        ("boolean", "on", '"on" is not a valid boolean'),
        ("json", '{"a": 1}', '"{"a": 1}" is not a map'),
        ("comma_delimited_list", "a,b", "\"'a,b'\" is not a list"),
        ("string", [1], "Value must be a string; got [1]"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: str, value: object, text: str) -> None:
    (finding,) = REGISTRY.get("OS::Heat::Value", "").validate({"type": kind, "value": value})
    assert finding.told("v") == f"Property error: : resources.v.properties.value: : {text}"


def test_none_takes_anything(bare_rig: Rig) -> None:
    resource = bare_rig.make("OS::Heat::None", {"whatever": 1})
    assert resource.attribute("anything") is None
    assert resource.reference() == resource.physical_id
    assert bare_rig.update(resource, other=2).must_replace is False


def test_the_test_resource_gives_its_value(bare_rig: Rig) -> None:
    resource = bare_rig.make("OS::Heat::TestResource", {"value": "a"})
    assert resource.attribute("output") == "a"
    assert not bare_rig.update(resource, value="b").must_replace
    assert resource.attribute("output") == "b"


def test_the_test_resource_asks_to_be_replaced(bare_rig: Rig) -> None:
    resource = bare_rig.make("OS::Heat::TestResource", {"value": "a", "update_replace": True})
    schema = resource.schema
    assert lifecycle.diff(schema, resource.properties, {**resource.properties, "value": "b"}).replace == ("value",)
    assert not lifecycle.diff(schema, resource.properties, {**resource.properties, "wait_secs": 3}).must_replace
    assert lifecycle.diff(schema, {}, {"update_replace_value": "x"}).replace == ("update_replace_value",)


def test_the_test_resource_fails_in_heats_words(bare_rig: Rig) -> None:
    resource = bare_rig.build("OS::Heat::TestResource", {"fail": True, "wait_secs": 5})
    token = lifecycle.start(resource, Action.CREATE)
    assert lifecycle.poll(resource, Action.CREATE, token) is False
    bare_rig.clock.ahead += 5
    with pytest.raises(Exception, match="Test Resource failed it") as failed:
        lifecycle.poll(resource, Action.CREATE, token)
    assert lifecycle.outcome(failed.value, "it").reason == "ValueError: resources.it: Test Resource failed it"


def test_a_wait_goes_on_after_a_crash(bare_rig: Rig) -> None:
    resource = bare_rig.build("OS::Heat::TestResource", {"wait_secs": 60, "action_wait_secs": {"create": 10}})
    token = lifecycle.start(resource, Action.CREATE)
    bare_rig.clock.ahead += 9
    survivor = bare_rig.again(replace(resource.record, physical_id=resource.physical_id), resource.properties)
    assert not lifecycle.poll(survivor, Action.CREATE, token)
    bare_rig.clock.ahead += 1
    assert lifecycle.poll(survivor, Action.CREATE, token)


def test_a_failing_one_can_be_deleted(bare_rig: Rig) -> None:
    resource = bare_rig.build("OS::Heat::TestResource", {"fail": True})
    bare_rig.run(resource, Action.DELETE)
    assert lifecycle.supports(resource, Action.CHECK)
    assert not lifecycle.supports(resource, Action.SNAPSHOT)


def test_reading_slowly_is_no_work_for_the_loop(bare_rig: Rig) -> None:
    slow = bare_rig.build("OS::Heat::TestResource", {"attr_wait_secs": 7})
    assert not slow.local
    slow.attribute("output")
    assert bare_rig.clock.ahead >= 7


@pytest.mark.parametrize(
    ("client", "entity", "asked"),
    [
        ("nova", "servers", "/servers/"),
        ("neutron", "v2.0/networks", "/networks/"),
        ("", "servers", ""),
        ("nova", "", ""),
    ],
)
def test_the_test_resource_asks_for_an_entity(rig: Rig, client: str, entity: str, asked: str) -> None:
    assert rig.local is not None
    rig.local.log.clear()
    rig.make("OS::Heat::TestResource", {"wait_secs": 2, "client_name": client, "entity_name": entity})
    looks = [one for one in rig.local.log if asked and asked in one.path]
    assert (len(looks) >= 2) == bool(asked), "at each look at the resource, until its time is over"
    assert {one.status for one in looks} <= {404}, "and nobody minds that it is not there"


def test_a_delay_waits_in_its_actions_only(bare_rig: Rig) -> None:
    resource = bare_rig.build("OS::Heat::Delay", {"min_wait": 30, "actions": ["CREATE", "SUSPEND"]})
    token = lifecycle.start(resource, Action.CREATE)
    assert not lifecycle.poll(resource, Action.CREATE, token)
    bare_rig.clock.ahead += 30
    assert lifecycle.poll(resource, Action.CREATE, token)
    assert lifecycle.poll(resource, Action.DELETE, lifecycle.start(resource, Action.DELETE))
    assert not lifecycle.poll(resource, Action.SUSPEND, lifecycle.start(resource, Action.SUSPEND))
    assert lifecycle.poll(resource, Action.RESUME, lifecycle.start(resource, Action.RESUME))
    assert not bare_rig.update(resource, min_wait=1).must_replace


@pytest.mark.parametrize(
    ("properties", "fails"),
    [
        ({"min_wait": 60}, False),
        ({"min_wait": 61}, True),
        ({"min_wait": 30, "max_jitter": 20, "jitter_multiplier": 2}, True),
        ({"min_wait": 100, "actions": ["DELETE"]}, True),
        ({"min_wait": 100, "actions": []}, False),
    ],
)
def test_a_delay_that_the_stack_has_no_time_for_fails_at_once(bare_rig: Rig, properties: dict, fails: bool) -> None:
    bare_rig.stack = replace(bare_rig.stack, timeout_secs=60)
    resource = bare_rig.build("OS::Heat::Delay", properties)
    if not fails:
        lifecycle.start(resource, Action.CREATE)
        return
    with pytest.raises(PermanentError, match="make it shorter, or timeout_mins longer"):
        lifecycle.start(resource, Action.CREATE)


def test_the_jitter_of_a_delay_is_as_long_as_it_may_be(bare_rig: Rig) -> None:
    def waits(**jitter: float) -> float:
        found = bare_rig.build("OS::Heat::Delay", {"min_wait": 10, **jitter})
        token = lifecycle.start(found, Action.CREATE)
        return (datetime.fromisoformat(token["until"]) - bare_rig.clock.now()).total_seconds()

    assert 9 < waits() <= 10
    times = [waits(max_jitter=100) for _ in range(50)]
    assert 10 < max(times) <= 110
    assert max(times) - min(times) > 20
    assert max(waits(max_jitter=100, jitter_multiplier=0.01) for _ in range(50)) <= 11


def test_adoption_takes_ids_and_data_over(bare_rig: Rig) -> None:
    resource = bare_rig.build("OS::Heat::RandomString", {})
    bare_rig.run(resource, Action.ADOPT, {"resource_id": "old", "resource_data": {"value": "kept"}})
    assert (resource.physical_id, resource.attribute("value")) == ("old", "kept")
