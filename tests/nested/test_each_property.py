"""No property without an effect: the same life with another value of one property comes to something else.

A whole life, as a tenant sees it: made, signalled, updated, suspended, resumed, deleted; what is recorded is all there is to see (states,
history, times, attributes, metadata, nested templates, what is in the cloud, configs and deployments) but the properties themselves.
Lists of what is to be proven come from the schemas, so a property that nobody tries is found.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from tests.nested.heat_lives import LIVES, POLICY, SECOND_NAMES, Life
from tests.nested.heat_place import Place
from tests.nested.heat_samples import ELSEWHERE
from tests.nested.test_scaling import services, signal
from tests.types.make_facts import facts

from kamado.model.lifecycle import Action
from kamado.orchestrator import resources
from kamado.orchestrator.context import RequestContext
from kamado.plugin.registry import Registry
from kamado.plugin.wire import fill
from kamado.template.schema import Schema

REGISTRY = Registry.load()
ROOT = Path(__file__).resolve().parents[2]
OWN_FILES: Mapping[str, str] = {
    "AWS::AutoScaling::LaunchConfiguration": "tests/types/test_ec2_instance.py",
    "AWS::CloudFormation::WaitCondition": "tests/wire/test_wait_conditions.py",
    "AWS::CloudFormation::WaitConditionHandle": "tests/wire/test_wait_conditions.py",
    "AWS::EC2::Instance": "tests/types/test_ec2_instance.py",
    "AWS::IAM::AccessKey": "tests/nested/test_launched.py",
    "AWS::IAM::User": "tests/nested/test_launched.py",
    "OS::Heat::Stack": "tests/wire/test_remote_stack.py",
}
"""Types that a world without other services cannot have a life in, with the file that speaks of each of their properties."""
NOT_READ = frozenset({"Path"})
"""Of an AWS::IAM::User; Heat does not read it, either."""
NAMELESS: Mapping[str, str] = {
    "OS::Heat::None": "takes anything and makes nothing of it",
    "OS::Heat::HARestarter": "takes anything; of `InstanceId` tests/nested/test_launched.py speaks",
    "OS::Heat::UpdateWaitConditionHandle": "has none",
}
_DRAWN = re.compile(r"(?<![a-z0-9A-Z])[a-z0-9]{12}(?![a-z0-9A-Z])")
_MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b[0-9a-f]{32,64}\b|\bid\d+\b"), "<id>"),
    (_DRAWN, "<drawn>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00)?"), "<time>"),
    (re.compile(r"(Signature=|temp_url_sig=)[\w%.-]+"), r"\1<secret>"),
    (re.compile(r'(\\*"password\\*": \\*")[\w-]+'), r"\1<secret>"),
)
_SECRETS = frozenset(("password", "access_key", "secret_key", "ec2_signed_url", "signature", "definition"))


def paths(schemas: Mapping[str, Schema], before: str = "") -> Iterator[str]:
    """The properties, and the fields of those that have declared some: `a`, `a.b`."""
    for name, schema in schemas.items():
        if schema.support.status == "UNSUPPORTED":
            continue
        yield before + name
        fields = schema.fields or (schema.items.fields if schema.items is not None else None)
        yield from paths(fields or {}, f"{before}{name}.")


def properties_of(type_name: str) -> set[str]:
    schema = REGISTRY.get(type_name, "").schema
    return {*paths(schema.properties), *paths(schema.update_policy, f"{POLICY}.")}


def with_other(life: Life, path: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Properties, update policy and later properties with another value at a path."""
    whole = json.loads(json.dumps({"given": life.given, POLICY: life.policy, "then": life.then}))
    parts = path.split(".") if path.startswith(POLICY) else ["given", *path.split(".")]
    place = whole
    for part in parts[:-1]:
        place = place[part]
        place = place[0] if isinstance(place, list) else place
    place[parts[-1]] = life.others[path]
    return whole["given"], whole[POLICY], whole["then"]


def lived(place: Place, life: Life, given: Mapping[str, Any], policy: Any, then: Mapping[str, Any]) -> Iterator[str]:
    """What there is to see, after each thing that happens. A life that nobody looks at any more ends at once."""
    began, born = place.loop.time(), place.clock.now()
    attributes = [name for name in REGISTRY.get(life.type, "").schema.attributes if name != "show"]

    def happened(what: str) -> str:
        told = {
            "state": place.state(stack),
            "reason": place.stack(stack).reason,
            "for": round(place.loop.time() - began),
        }
        it = next((row for row in place.store.resources.of_stack(stack) if row.name == "it"), None)
        shown = {} if it is None else _shown(place, stack, attributes)
        return _plain({what: {**told, **_around(place, stack, born), "shown": shown}})

    def accept(action: Action, stack: str | None, values: Mapping[str, Any] | None = None) -> str:
        body: Any = {}
        if values is not None:
            it = {
                "type": life.type,
                "properties": fill(dict(values), place.letters),
                **({POLICY: policy} if policy else {}),
            }
            body = {"heat_template_version": "2018-08-31", "resources": {**life.needs, "it": it},
                    "outputs": {name: {"value": {"get_attr": ["it", name]}} for name in attributes}}  # fmt: skip
        found = place.accept(body, action, stack, **(life.options if values is not None else {}))
        place.run()
        return found

    stack = accept(Action.CREATE, None, given)
    failed = place.state(stack) == "CREATE_FAILED"
    try:
        yield happened("made")
        for name in life.signals:
            _signalled(place, stack, name)
            place.run()
            yield happened(f"signal to {name}")
        if life.then:
            accept(Action.UPDATE, stack, {**given, **then})
            yield happened("updated")
        for action in () if failed else (Action.SUSPEND, Action.RESUME):
            accept(action, stack)
            yield happened(str(action))
    finally:
        accept(Action.DELETE, stack)
    yield happened("deleted")


def same(place: Place, life: Life, path: str, first: Sequence[str]) -> bool:
    """Whether a life with another value at a path comes to the same."""
    with closing(lived(place, life, *with_other(life, path))) as other:
        return all(line == before for line, before in zip_longest(other, first))


def _signalled(place: Place, stack: str, name: str) -> None:
    signal(place, stack, name, {"id": "1", "status": "SUCCESS", "data": "d", "reason": "r", "current": "alarm"})


def _shown(place: Place, stack: str, attributes: list[str]) -> dict[str, Any]:
    context = RequestContext("p", "user", "user", ())
    found = resources.show(services(place), context, place.stack(stack), "it", attributes)
    told = dict(found.attributes)
    if found.record.type == "OS::Heat::RandomString" and told["value"]:
        told["value"] = (len(told["value"]), sorted({_kind(letter) for letter in told["value"]}))
    return {
        "attributes": told,
        "metadata": dict(resources.metadata(services(place), place.stack(stack), "it")),
    }


def _kind(letter: str) -> str:
    """Of a letter that is drawn by lot what is not; the sequences of this life apart."""
    return letter if letter in "xy" else "digit" if letter.isdigit() else "letter"


def _around(place: Place, stack: str, born: datetime) -> dict[str, Any]:
    store = place.store
    configs = store.software_configs.page("p")
    tree = store.stacks.tree(stack, True)
    nested = [one for one in place.tree(stack) if one.owner_id]
    servers = {row.physical_id: row.name for row in place.all_rows(stack)}
    lines = [line for one in tree for line in reversed(store.events.page([one.id]))]
    return {
        "history": [
            (
                line.resource_name,
                line.resource_type,
                line.action,
                line.status,
                line.reason,
                round((line.created_at - born).total_seconds()),
            )
            for line in lines
        ],
        "rows": sorted(
            str((row.type, row.action, row.status, sorted(row.data), row.metadata)) for row in place.all_rows(stack)
        ),
        "templates": [store.templates.get(one.target.template_id) for one in nested],
        "parameters": [one.target.environment.get("parameters") for one in nested],
        "things": sorted(
            str({key: one for key, one in thing.items() if key != "name" and not key.endswith("_at")})
            for thing in place.cloud.things.values()
        ),
        "configs": sorted(
            str((one.name, one.group, one.config, one.inputs, one.outputs, one.options)) for one in configs
        ),
        "deployments": sorted(
            str((one.action, one.status, one.input_values, servers.get(one.server_id)))
            for one in store.software_deployments.listing("p")
        ),
        "objects": place.containers(),
    }


def _plain(seen: Any) -> str:
    """As text, without what is another at each time: ids, names by lot and the order that comes of them, what is drawn for secrecy."""

    def tidy(value: Any, key: str = "") -> Any:
        if key in _SECRETS:
            return "<secret>"
        if isinstance(value, Mapping):
            if any(_DRAWN.fullmatch(str(name)) for name in value):
                return sorted(text([name, one]) for name, one in value.items())
            return {str(name): tidy(one, str(name)) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [tidy(one) for one in value]
        return value

    def text(value: Any) -> str:
        found = json.dumps(tidy(value), sort_keys=True, default=str)
        for pattern, word in _MASKS:
            found = pattern.sub(word, found)
        return found

    return json.dumps({what: {key: sorted(map(text, one)) if isinstance(one, list) else text(one) for key, one in found.items()}
                       for what, found in seen.items()})  # fmt: skip


def _silent(life: Life, seen: list[str]) -> set[str]:
    """Attributes of which nothing is told at any time."""
    shown = [json.loads(found["shown"]) for line in seen for found in json.loads(line).values()]
    told = {name for one in shown for name, value in one.get("attributes", {}).items() if value is not None}
    return REGISTRY.get(life.type, "").schema.attributes.keys() - told - {"show"}


def _differences(one: list[str], other: list[str]) -> Iterator[tuple[str, Any, Any]]:
    """Where two lives differ, to be read when a test fails."""
    for left, right in zip(one, other, strict=True):
        ((what, seen), (_, also)) = (*json.loads(left).items(), *json.loads(right).items())
        for key in (key for key in seen if seen[key] != also[key]):
            here, there = seen[key], also[key]
            if isinstance(here, list):
                here, there = (
                    [line for line in here if line not in there],
                    [line for line in there if line not in here],
                )
            yield f"{what} {key}", here, there


EACH = pytest.mark.parametrize("sample", LIVES, ids=lambda life: life.type)


@EACH
def test_another_value_makes_another_life(sample: Life, place: Place) -> None:
    first = list(lived(place, sample, sample.given, sample.policy, sample.then))
    again = list(lived(place, sample, sample.given, sample.policy, sample.then))
    assert list(_differences(first, again)) == [], "else differences say nothing"
    assert _silent(sample, first) == sample.silent.keys(), "attributes that are null all the time"
    tried = [path for path in sample.others if path not in sample.elsewhere]
    alike = {path for path in tried if same(place, sample, path, first)}
    assert alike == sample.nothing.keys(), "what makes no difference, and what should make none"


@EACH
def test_every_property_is_tried(sample: Life) -> None:
    assert properties_of(sample.type) == {*sample.others, *sample.elsewhere}


@EACH
def test_what_is_proven_elsewhere_is_proven_there(sample: Life) -> None:
    for path, test in {**sample.elsewhere, **sample.silent}.items():
        file, _, name = test.removeprefix("with a name: ").partition("::")
        assert name in _tests(file), f"{sample.type} {path}: there is no {test}"


@pytest.mark.parametrize("type_name", OWN_FILES)
def test_a_file_of_its_own_speaks_of_each_property(type_name: str) -> None:
    text = (ROOT / OWN_FILES[type_name]).read_text()
    attributes = {name for name in REGISTRY.get(type_name, "").schema.attributes if name != "show"}
    wanted = {path.rpartition(".")[2] for path in properties_of(type_name)} - NOT_READ | attributes
    assert {name for name in wanted if not re.search(rf"\b{name}\b", text)} == set()


def test_every_type_has_a_life() -> None:
    ours = {
        name
        for name in facts()
        if name.startswith(
            ("OS::Heat::", "AWS::AutoScaling::", "AWS::IAM::", "AWS::CloudFormation::Wait", "AWS::EC2::Instance")
        )
    }
    assert {life.type for life in LIVES} | OWN_FILES.keys() | NAMELESS.keys() | SECOND_NAMES.keys() == ours
    assert ELSEWHERE.keys() <= OWN_FILES.keys()


@pytest.mark.parametrize(("second", "first"), SECOND_NAMES.items())
def test_a_second_name_is_the_same_type(second: str, first: str) -> None:
    assert issubclass(REGISTRY.get(second, ""), REGISTRY.get(first, ""))
    assert properties_of(second) == properties_of(first)


@cache
def _tests(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )
