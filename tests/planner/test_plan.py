"""The planner as a table: rows and a template in, steps with their reasons, differences and order out. No store, no loop, no cloud."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.engine_world import Sturdy, Thing

from kamado.engine.digests import applied_digest, definition_digest
from kamado.engine.plan import ALL_MADE, MASKED, Plan, PropertyDifference, Reason, StepKind
from kamado.engine.planner import PlanRequest, Turns, plan
from kamado.engine.resolving import wanted_properties
from kamado.engine.scope import RowScope
from kamado.model.lifecycle import Action, Phase, Status
from kamado.model.records import ResourceRecord
from kamado.plugin.lifecycle import Observation
from kamado.plugin.registry import Registry, UnknownType
from kamado.resources.heat import TYPES
from kamado.template import UNKNOWN, Environment, PseudoParameters, load

T = "Test::Thing"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
REGISTRY = Registry((*TYPES, Thing, Sturdy))
Resources = dict[str, dict[str, Any]]


def request(resources: Resources, rows: list[ResourceRecord], **options: Any) -> PlanRequest:
    head: dict[str, Any] = {"heat_template_version": "2018-08-31", "resources": resources}
    head["parameters"] = {name: {"type": "string", "hidden": name == "hush"} for name in options.get("parameters", {})}
    template = load(head)
    environment = Environment.load({"parameters": options.pop("parameters", {})})
    parameters = template.bind(environment, PseudoParameters("s", "id", "p", "r"))
    return PlanRequest(
        action=options.pop("action", Action.UPDATE),
        rows=rows,
        types=REGISTRY,
        definitions=template.definitions(parameters),
        parameters=parameters,
        operation_id="now",
        **options,
    )


def applied(resources: Resources, **options: Any) -> list[ResourceRecord]:
    """Rows as they are after a creation."""
    wanted = request(resources, [], **options)
    rows: dict[str, ResourceRecord] = {}
    scope = RowScope(wanted.parameters, rows.get)
    for name in _order(wanted):
        definition = wanted.definitions[name]
        schema = REGISTRY.schema(definition.type, "")
        assert schema is not None
        written = definition_digest(definition, wanted.parameters)
        rows[name] = ResourceRecord(
            id=f"row-{name}",
            stack_id="id",
            name=name,
            type=definition.type,
            action=Action.CREATE,
            status=Status.COMPLETE,
            reason="",
            created_at=NOW,
            physical_id=f"id-{name}",
            operation_id="before",
            properties=wanted_properties(schema, definition, scope),
            metadata=dict(definition.metadata or {}),
            definition=applied_digest(written, definition, scope, lambda _: False),
            attributes={"address": f"at-{name}", "size": 1, "value": "v"},
            requires=tuple(sorted(f"row-{other}" for other in definition.requires)),
        )
    return list(rows.values())


def _order(wanted: PlanRequest) -> list[str]:
    from kamado.template import dependency_order

    return dependency_order(wanted.definitions)


def steps(made: Plan) -> list[tuple[str, Reason]]:
    return [(step.key, step.reason) for step in made.steps]


A = {"a": {"type": T, "properties": {"size": 1}}}
AB: Resources = {**A, "b": {"type": T, "properties": {"peer": {"get_resource": "a"}}}}


def test_creation_makes_everything_in_order() -> None:
    made = plan(request(AB, [], action=Action.CREATE))
    assert steps(made) == [("create:a", Reason.NEW), ("create:b", Reason.NEW)]
    assert made.edges == {"create:b": {"create:a"}}


def test_nothing_changed_is_an_empty_plan() -> None:
    made = plan(request(AB, applied(AB)))
    assert made.is_empty
    assert made.keeps == {"a": "row-a", "b": "row-b"}


CHANGES: list[tuple[str, Resources, Resources, list[tuple[str, Reason]]]] = [
    (
        "in place",
        A,
        {"a": {"type": T, "properties": {"size": 2}}},
        [("update:a", Reason.PROPERTY_CHANGED), ("delete:row-a", Reason.MAY_BE_REPLACED)],
    ),
    (
        "replacement",
        A,
        {"a": {"type": T, "properties": {"kind": "new"}}},
        [("replace:a", Reason.IMMUTABLE_PROPERTY_CHANGED), ("delete:row-a", Reason.REPLACED)],
    ),
    (
        "another type",
        A,
        {"a": {"type": "Test::Sturdy", "properties": {"size": 1}}},
        [("replace:a", Reason.TYPE_CHANGED), ("delete:row-a", Reason.REPLACED)],
    ),
    ("one more", A, {**A, "z": {"type": T}}, [("create:z", Reason.NEW)]),
    ("one less", {**A, "z": {"type": T}}, A, [("delete:row-z", Reason.REMOVED_FROM_TEMPLATE)]),
    (
        "a number as text is the same",
        A,
        {"a": {"type": T, "properties": {"size": "1"}}},
        [("keep:a", Reason.DEFINITION_CHANGED)],
    ),
    (
        "metadata",
        A,
        {"a": {"type": T, "properties": {"size": 1}, "metadata": {"x": 1}}},
        [("update:a", Reason.METADATA_CHANGED), ("delete:row-a", Reason.MAY_BE_REPLACED)],
    ),
    (
        "a dependency is replaced and its id is used",
        AB,
        {**AB, "a": {"type": T, "properties": {"kind": "new"}}},
        [
            ("replace:a", Reason.IMMUTABLE_PROPERTY_CHANGED),
            ("update:b", Reason.MAY_CHANGE),
            ("delete:row-b", Reason.MAY_BE_REPLACED),
            ("delete:row-a", Reason.REPLACED),
        ],
    ),
    (
        "a dependency is updated and only its id is used",
        AB,
        {**AB, "a": {"type": T, "properties": {"size": 2}}},
        [
            ("update:a", Reason.PROPERTY_CHANGED),
            ("keep:b", Reason.DEPENDENCY_UPDATED),
            ("delete:row-b", Reason.MAY_BE_REPLACED),
            ("delete:row-a", Reason.MAY_BE_REPLACED),
        ],
    ),
    (
        "an attribute that was not read yet",
        A,
        {**A, "v": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["a", "nowhere"]}}}},
        [("keep:a", Reason.ATTRIBUTE_NEEDED), ("create:v", Reason.NEW)],
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "expected"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES]
)
def test_update(before: Resources, after: Resources, expected: list[tuple[str, Reason]]) -> None:
    assert sorted(steps(plan(request(after, applied(before))))) == sorted(expected)


def test_differences_are_shown_place_by_place() -> None:
    made = plan(request({"a": {"type": T, "properties": {"size": 2, "kind": "new"}}}, applied(A)))
    assert made.of("a")[0].changes == (
        PropertyDifference(("size",), 1, 2),
        PropertyDifference(("kind",), None, "new", replaces=True),
    )


def test_what_is_not_known_yet_is_unknown() -> None:
    after = {**AB, "a": {"type": T, "properties": {"kind": "new"}}}
    step = plan(request(after, applied(AB))).of("b")[0]
    assert step.changes == (PropertyDifference(("peer",), "id-a", UNKNOWN),)
    assert step.undecided


def test_what_drifted_is_put_right_and_what_is_gone_is_made_anew() -> None:
    rows = applied(AB)
    seen = {"row-a": Observation(differing={"size": 7})}
    step = plan(replace(request(AB, rows), observed=seen)).of("a")[0]
    assert (step.kind, step.reason, step.force) == (StepKind.UPDATE, Reason.DRIFTED, {"size"})
    assert step.changes == (PropertyDifference(("size",), 7, 1),)
    made = plan(replace(request(AB, rows), observed={"row-a": Observation(gone=True)}))
    assert (made.of("a")[0].kind, made.of("a")[0].reason) == (StepKind.REPLACE, Reason.GONE)
    assert made.of("b")[0].undecided
    assert plan(replace(request(AB, rows), observed={"row-a": Observation()})).is_empty


def test_secrets_are_masked() -> None:
    before = {"a": {"type": T, "properties": {"secret": "swordfish"}}}
    made = plan(request({"a": {"type": T, "properties": {"secret": "open sesame"}}}, applied(before)))
    assert made.of("a")[0].changes == (PropertyDifference(("secret",), MASKED, MASKED),)


def test_what_a_hidden_parameter_or_a_secret_resource_gives_is_masked() -> None:
    body = {
        "s": {"type": "OS::Heat::RandomString"},
        "a": {"type": T, "properties": {"swap": {"get_param": "hush"}, "peer": {"get_attr": ["s", "value"]}}},
    }
    rows = [replace(row, secret=row.name == "s") for row in applied(body, parameters={"hush": "swordfish"})]
    rows = [
        replace(row, properties={**(row.properties or {}), "swap": "x", "peer": "y"}) if row.name == "a" else row
        for row in rows
    ]
    changes = plan(request(body, rows, parameters={"hush": "open sesame"})).of("a")[0].changes
    assert changes == (PropertyDifference(("swap",), MASKED, MASKED), PropertyDifference(("peer",), MASKED, MASKED))


def test_a_changed_parameter_is_seen_without_the_template_changing() -> None:
    body = {"a": {"type": T, "properties": {"kind": {"get_param": "kind"}}}}
    rows = applied(body, parameters={"kind": "x"})
    assert plan(request(body, rows, parameters={"kind": "x"})).is_empty
    assert plan(request(body, rows, parameters={"kind": "y"})).steps[0].kind is StepKind.REPLACE


def test_a_hidden_parameter_leaves_no_digest() -> None:
    body = {"a": {"type": T, "properties": {"kind": {"get_param": "hush"}}}}
    rows = applied(body, parameters={"hush": "x"})
    assert rows[0].definition == ""
    assert plan(request(body, rows, parameters={"hush": "x"})).is_empty
    assert plan(request(body, rows, parameters={"hush": "y"})).steps[0].kind is StepKind.REPLACE


def test_a_value_that_moved_in_a_half_done_update_is_not_overlooked() -> None:
    body = {**A, "b": {"type": T, "properties": {"size": {"get_attr": ["a", "size"]}}}}
    rows = applied(body)
    moved = [replace(row, attributes={**row.attributes, "size": 9}) if row.name == "a" else row for row in rows]
    step = plan(request(body, moved)).steps[0]
    assert (step.kind, step.changes) == (StepKind.UPDATE, (PropertyDifference(("size",), 1, 9),))


FAILED = {"status": Status.FAILED}


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (T, {**FAILED}, ("replace:a", Reason.FAILED_BEFORE)),
        (T, {**FAILED, "physical_id": None}, ("replace:a", Reason.FAILED_BEFORE)),
        (T, {**FAILED, "action": Action.CHECK}, ("replace:a", Reason.FAILED_BEFORE)),
        ("Test::Sturdy", {**FAILED}, ("update:a", Reason.FAILED_BEFORE)),
        ("Test::Sturdy", {**FAILED, "physical_id": None}, ("replace:a", Reason.FAILED_BEFORE)),
        (T, {"status": Status.IN_PROGRESS, "phase": Phase.CALLED}, ("create:a", Reason.INTERRUPTED)),
        (
            T,
            {"status": Status.IN_PROGRESS, "phase": Phase.INTENT, "definition": "other"},
            ("replace:a", Reason.INTERRUPTED),
        ),
        (
            T,
            {"status": Status.IN_PROGRESS, "phase": Phase.INTENT, "definition": "other", "operation_id": "now"},
            ("create:a", Reason.INTERRUPTED),
        ),
        (
            T,
            {
                "action": Action.UPDATE,
                "status": Status.IN_PROGRESS,
                "phase": Phase.INTENT,
                "progress": {"attempted": {"size": 5}},
            },
            ("update:a", Reason.INTERRUPTED),
        ),
        (T, {"action": Action.DELETE, **FAILED}, ("create:a", Reason.NEW)),
    ],
)
def test_rows_that_earlier_operations_left(kind: str, values: dict[str, Any], expected: tuple[str, Reason]) -> None:
    body = {"a": {"type": kind, "properties": {"size": 1}}}
    rows = [replace(row, **values) for row in applied(body)]
    assert steps(plan(request(body, rows)))[0] == expected


def test_an_interrupted_update_counts_as_changed() -> None:
    progress = {"attempted": {"size": 5}}
    rows = [replace(row, action=Action.UPDATE, status=Status.IN_PROGRESS, progress=progress) for row in applied(A)]
    assert plan(request(A, rows)).steps[0].force == {"size"}


def test_a_rollback_takes_back_the_old_one_that_still_lives() -> None:
    old = replace(applied(A)[0], replaced_by="new")
    new = replace(
        applied({"a": {"type": T, "properties": {"kind": "y"}}})[0],
        id="new",
        replaces=old.id,
        created_at=NOW.replace(day=2),
    )
    made = plan(request(A, [old, new], action=Action.ROLLBACK))
    assert steps(made) == [("keep:a", Reason.TAKEN_BACK), ("delete:new", Reason.LEFT_OVER)]


def test_deleting_waits_for_all_making_and_goes_against_the_dependencies() -> None:
    before: Resources = {**AB, "c": {"type": T, "depends_on": "b"}}
    made = plan(request({"z": {"type": T}}, applied(before)))
    assert [step.key for step in made.steps] == ["create:z", "delete:row-c", "delete:row-b", "delete:row-a"]
    assert made.edges[ALL_MADE] == {"create:z"}
    assert made.edges["delete:row-a"] == {"delete:row-b", ALL_MADE}


FOUR: Resources = {name: {"type": T, "properties": {"kind": "x"}} for name in "abcd"}


def changed(names: str, **more: Any) -> Resources:
    return {name: {"type": T, "properties": {"kind": "y" if name in names else "x"}, **more} for name in "abcd"}


def test_in_turn_a_batch_is_over_before_the_next_begins_with_what_it_replaced() -> None:
    turns = Turns([("a", "b"), ("c",), ("d",)], pause=7)
    made = plan(request(changed("abd"), applied(FOUR), turns=turns))
    first, last = {"replace:a", "replace:b", "delete:row-a", "delete:row-b"}, {"replace:d", "delete:row-d"}
    assert {step.key for step in made.steps[:4]} == first
    assert {step.key for step in made.steps[4:]} == last
    assert dict(made.pauses) == {"turn 2": 7}  # nothing is to be done to c, so it has no turn and no pause
    assert made.edges["turn 2"] == first
    assert all("turn 2" in made.edges[key] for key in last)
    assert made.edges["delete:row-a"] == {ALL_MADE}
    assert made.edges[ALL_MADE] == {"replace:a", "replace:b"}
    assert made.edges["delete:row-d"] == {"turn 2", f"{ALL_MADE} 2"}


def test_what_is_in_no_batch_comes_with_the_first() -> None:
    made = plan(request(changed("ad") | {"z": {"type": T}}, applied(FOUR), turns=Turns([("d",), ("a",)], 1)))
    assert {step.key for step in made.steps[:3]} == {"create:z", "replace:d", "delete:row-d"}
    assert "turn 1" not in made.edges.get("create:z", ())


def test_a_pause_that_was_cut_off_comes_before_all_that_is_left() -> None:
    made = plan(request(changed("b"), applied(FOUR), turns=Turns([("a",), ("b",)], 9, first=4.0)))
    assert dict(made.pauses) == {"turn 1": 4.0}
    assert all("turn 1" in made.edges[step.key] for step in made.steps)


def test_a_dependency_on_what_comes_in_a_later_batch_does_not_hold_a_batch_up() -> None:
    later = {**changed("ab"), "a": {"type": T, "properties": {"kind": "y"}, "depends_on": "b"}}
    made = plan(request(later, applied(FOUR), turns=Turns([("a",), ("b",)])))
    assert [step.key for step in made.steps] == ["replace:a", "delete:row-a", "replace:b", "delete:row-b"]


def test_without_batches_nothing_pauses() -> None:
    assert not plan(request(changed("abcd"), applied(FOUR))).pauses


def test_rows_that_depend_on_each_other_in_a_circle_can_still_be_deleted() -> None:
    rows = [replace(row, requires=("row-b",)) if row.name == "a" else row for row in applied(AB)]
    made = plan(replace(request({}, rows, action=Action.DELETE)))
    assert sorted(step.key for step in made.steps) == ["delete:row-a", "delete:row-b"]


def test_an_unknown_type_is_said() -> None:
    with pytest.raises(UnknownType):
        plan(request({"a": {"type": "No::Such::Type"}}, []))
