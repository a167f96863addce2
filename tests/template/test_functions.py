"""Every function against the table of a running Heat's answers, and the questions that Heat cannot be asked: unknown values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.template.tables import FILES, LIVE, PROJECT, around, differs

from kamado.template import (
    UNKNOWN,
    Environment,
    PseudoParameters,
    ResolveError,
    Template,
    TemplateInvalid,
    check,
    load,
    resolve,
)
from kamado.template.functions import query

CASE_FILE = "functions*.yaml"

PLACES = {"hot": "resources.t.properties.value", "cfn": "Resources.t.Properties.value"}
BEFORE = {name: dict.fromkeys(values) for name, values in LIVE.items()}


@pytest.fixture(autouse=True, scope="module")
def _roomy_queries() -> Iterator[None]:
    query.configure(limit_iterators=200_000, memory_quota=10_000_000)
    yield
    query.configure()


def answer(case: dict[str, Any], catalog: Any, table_scope: Any, live: bool) -> tuple[str, Any]:
    """("value", it) or ("refused", (type, sentence))."""
    try:
        template = load(around(case["version"], {"t": case["value"]}, live), files=FILES)
        parameters = template.bind(Environment(), PseudoParameters("name", "<id>" if live else "None", PROJECT))
        errors = [p for p in check(template, parameters, catalog) if p.severity == "error"]
        if errors:
            raise TemplateInvalid(errors)
        outputs, definitions = template.active_outputs(parameters), template.definitions(parameters)
        compiled = outputs["t"].value if live else definitions["t"].properties.get("value")
        names = {name: f"name-{name}-<short>" if live else name for name in LIVE}
        return "value", resolve(compiled, table_scope(parameters, names, LIVE if live else BEFORE))
    except TemplateInvalid as refused:
        return "refused", (refused.error_type, str(refused))
    except ResolveError as refused:
        return "refused", (
            "StackValidationFailed",
            f"Property error: : {PLACES[template.flavour]}: : {refused}",
        )


def test_as_heat(case: dict[str, Any], catalog: Any, table_scope: Any) -> None:
    kind, found = answer(case, catalog, table_scope, live=False)
    if "refused" in case:
        wanted: tuple[str, Any] = (
            "refused",
            (case.get("type", "StackValidationFailed"), case["refused"]),
        )
    else:
        wanted = ("value", case["property"])
    if case.get("refused") == "*":
        assert kind == "refused"
    elif differs(case, "library"):
        assert (kind, found) != wanted, "this difference is gone: take `differs` out of the table"
    else:
        assert (kind, found) == wanted
    if "live" in case and "differs" not in case:
        assert answer(case, catalog, table_scope, live=True) == ("value", case["live"])


def compiled(value: Any, version: str = "2021-04-16", **more: Any) -> tuple[Template, Any]:
    template = load({**around(version, {"o": value}, as_outputs=True), **more})
    return template, template.active_outputs(template.bind())["o"].value


UNKNOWN_ATTR = {"get_attr": ["r", "value"]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (UNKNOWN_ATTR, UNKNOWN),
        ({"get_resource": "r"}, UNKNOWN),
        ({"a": UNKNOWN_ATTR, "b": 1}, {"a": UNKNOWN, "b": 1}),
        ([UNKNOWN_ATTR, 2], [UNKNOWN, 2]),
        ({"str_replace": {"template": "a$x", "params": {"$x": UNKNOWN_ATTR}}}, UNKNOWN),
        ({"list_join": [",", ["a", UNKNOWN_ATTR]]}, UNKNOWN),
        ({"list_join": [",", UNKNOWN_ATTR]}, UNKNOWN),
        ({"list_concat": [["a"], UNKNOWN_ATTR]}, UNKNOWN),
        ({"list_concat": [["a"], [UNKNOWN_ATTR]]}, ["a", UNKNOWN]),
        ({"list_concat_unique": [["a"], [UNKNOWN_ATTR]]}, UNKNOWN),
        ({"map_merge": [{"a": 1}, {"b": UNKNOWN_ATTR}]}, {"a": 1, "b": UNKNOWN}),
        ({"map_merge": [{"a": 1}, UNKNOWN_ATTR]}, UNKNOWN),
        ({"map_replace": [{"a": UNKNOWN_ATTR}, {"keys": {"a": "b"}}]}, UNKNOWN),
        ({"repeat": {"template": ["%a%", UNKNOWN_ATTR], "for_each": {"%a%": ["1"]}}}, [["1", UNKNOWN]]),
        ({"repeat": {"template": "%a%", "for_each": {"%a%": UNKNOWN_ATTR}}}, UNKNOWN),
        ({"repeat": {"template": "%a%", "for_each": {"%a%": [UNKNOWN_ATTR]}}}, UNKNOWN),
        ({"digest": ["md5", UNKNOWN_ATTR]}, UNKNOWN),
        ({"str_split": [",", UNKNOWN_ATTR]}, UNKNOWN),
        ({"yaql": {"expression": "$.data", "data": UNKNOWN_ATTR}}, UNKNOWN),
        ({"contains": ["a", UNKNOWN_ATTR]}, UNKNOWN),
        ({"filter": [["a"], UNKNOWN_ATTR]}, UNKNOWN),
        ({"make_url": {"host": UNKNOWN_ATTR, "port": 80}}, UNKNOWN),
        ({"get_param": ["p_json", UNKNOWN_ATTR]}, UNKNOWN),
        ({"if": ["c_true", UNKNOWN_ATTR, "b"]}, UNKNOWN),
        ({"if": ["c_false", UNKNOWN_ATTR, "b"]}, "b"),
    ],
)
def test_unknown_goes_through(value: Any, expected: Any, table_scope: Any) -> None:
    template, node = compiled(value)
    assert resolve(node, table_scope(template.bind())) == expected


def test_unknown_parameter_values_stay_unknown(table_scope: Any) -> None:
    _, node = compiled({"list_join": ["-", [{"get_param": "p_str"}, "x"]]})
    assert resolve(node, table_scope({"p_str": UNKNOWN})) is UNKNOWN


def test_constants_are_handed_out_as_they_are(table_scope: Any) -> None:
    value = {"deep": [{"a": 1}] * 3}
    _, node = compiled(value)
    assert resolve(node, table_scope({})) is node is value


def test_only_the_chosen_branch_is_looked_at(table_scope: Any) -> None:
    bad = {"list_join": "x"}
    template, node = compiled({"if": ["c_true", "fine", {"deep": [bad]}]})
    assert resolve(node, table_scope(template.bind())) == "fine"
    template = load(around("2021-04-16", {"o": {"if": ["c_false", "fine", bad]}}, as_outputs=True))
    with pytest.raises(TemplateInvalid, match=r"outputs\.o\.value\.if\[2\]\.list_join"):
        template.active_outputs(template.bind())


def test_branches_inside_calls_are_decided(table_scope: Any) -> None:
    value = {"list_join": [",", ["a", {"if": ["c_true", {"get_param": "p_str"}, {"get_attr": ["r", "value"]}]}]]}
    template, node = compiled(value)
    assert resolve(node, table_scope(template.bind())) == "a,abc"
    assert template.active_outputs(template.bind())["o"].requires == frozenset()


@pytest.mark.parametrize(
    "value",
    [
        {"repeat": {"template": "%a%%b%%c%%d%", "for_each": {f"%{n}%": ["x"] * 200 for n in "abcd"}}},
        {"repeat": {"template": "a", "for_each": {c: [chr(ord(c) + 1) * 20] for c in "abcdefghijkl"}}},
        {"str_replace": {"template": "a" * 3000, "params": {"a": "b" * 3000}}},
    ],
    ids=["repeat", "repeat inside", "str_replace"],
)
def test_results_have_a_limit(value: Any, table_scope: Any) -> None:
    template, node = compiled(value)
    with pytest.raises(ResolveError, match="larger than allowed"):
        resolve(node, table_scope(template.bind()))


@pytest.mark.parametrize(
    "expression",
    [
        "range(100000000).len()",
        "[1] * 100000000",
        "range(0, 1000000).select($ * 2).sum()",
        "'a' * 100000000",
        "generate(1, true, $ + 1).len()",
    ],
)
def test_queries_end(expression: str, table_scope: Any) -> None:
    template, node = compiled({"yaql": {"expression": expression}})
    query.configure()
    try:
        with pytest.raises(ResolveError):
            resolve(node, table_scope(template.bind()))
    finally:
        query.configure(limit_iterators=200_000, memory_quota=10_000_000)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("pow(2, 10)", 1024),
        ("3 * 4", 12),
        ("1.5 * 2", 3.0),
        ("'ab' * 2", "abab"),
        ("[1, 2] * 2", [1, 2, 1, 2]),
        ("'abc' =~ 'b+'", True),
        ("'abc' !~ 'b+'", False),
        ("'abc'.matches('x')", False),
        ("regex('(\\\\d+)\\\\.(\\\\d+)').search('v1.2')", "1.2"),
    ],
)
def test_guarded_queries_mean_what_they_meant(expression: str, expected: Any, table_scope: Any) -> None:
    template, node = compiled({"yaql": {"expression": expression}})
    assert resolve(node, table_scope(template.bind())) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "pow(9, 99999999)",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' =~ '(a+)+$'",
        "regex('(a|aa)+$').matches('aaaa')",
        "100000000 * 'a'",
    ],
)
def test_queries_that_the_clock_could_not_stop_are_refused(expression: str, table_scope: Any) -> None:
    template, node = compiled({"yaql": {"expression": expression}})
    with pytest.raises(ResolveError, match=r"too large|take forever"):
        resolve(node, table_scope(template.bind()))
