"""Hostile and broken input is refused quickly, with its place, and never brings the process down."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kamado.template import Environment, Limits, TemplateInvalid, check, load
from kamado.template.patterns import check_pattern, full_match

HEAD = "heat_template_version: 2018-08-31\n"


def bomb(levels: int = 9) -> str:
    lines = ['a: &a ["x","x","x","x","x","x","x","x","x"]']
    for before, name in zip("abcdefghi"[:levels], "bcdefghij", strict=False):
        lines.append(f"{name}: &{name} [{','.join(['*' + before] * 9)}]")
    return "\n".join(lines)


def refusal(text: Any, **limits: Any) -> Any:
    with pytest.raises(TemplateInvalid) as caught:
        load(text, limits=Limits(**limits))
    return caught.value.problems[0]


def test_an_alias_bomb_is_charged_for_what_it_unfolds_to() -> None:
    text = HEAD + "resources: {}\n" + bomb()
    assert len(text) < 560
    start = time.process_time()
    problem = refusal(text)
    assert time.process_time() - start < 0.5
    assert (problem.code, problem.error_type) == ("KT003", "RequestLimitExceeded")
    assert problem.line is not None


def test_a_bomb_of_merges() -> None:
    lines = ["a: &a {" + ", ".join(f"k{i}: 1" for i in range(1000)) + "}"]
    lines += [f"m{i}: {{<<: *a, own: 1}}" for i in range(1000)]
    assert refusal("\n".join(lines)).code == "KT003"


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, '{"a":' * 50_000, "- " * 50_000, '{"a":[' * 5000])
def test_depth(text: str) -> None:
    assert refusal(text).code in ("KT004", "KT001")


def test_depth_of_objects() -> None:
    value: Any = "x"
    for _ in range(100_000):
        value = {"a": value}
    assert refusal({"heat_template_version": "2018-08-31", "resources": value}).code == "KT004"


def test_nodes_of_objects() -> None:
    body = {"heat_template_version": "2018-08-31", "description": "d", "resources": {"x": [1] * 600_000}}
    assert refusal(body).code == "KT003"


def test_two_megabytes() -> None:
    problem = refusal(HEAD + "description: " + "x" * 2_000_000)
    assert problem.error_type == "RequestLimitExceeded"
    assert problem.message == (
        "Request limit exceeded: Template size (2000047 bytes) exceeds maximum allowed size (524288 bytes)."
    )


def test_too_many_resources() -> None:
    body = {
        "heat_template_version": "2018-08-31",
        "resources": {f"r{i}": {"type": "OS::Heat::None"} for i in range(11)},
    }
    assert load(body, limits=Limits(max_resources=11)).resources
    assert refusal(body, max_resources=10).message == "Request limit exceeded: Maximum resources per stack exceeded."


@pytest.mark.parametrize(
    ("text", "line", "column", "path"),
    [
        (HEAD + "resources: {}\nresources: {}\n", 3, 1, ("resources",)),
        (HEAD + "resources:\n  x: {type: a}\n  y: {type: a}\n  x: {type: b}\n", 5, 3, ("resources", "x")),
        (
            HEAD + "resources: {x: {properties: {l: [1, {k: 1, k: 2}]}}}\n",
            2,
            44,
            ("resources", "x", "properties", "l", 1, "k"),
        ),
    ],
)
def test_keys_written_twice(text: str, line: int, column: int, path: tuple[Any, ...]) -> None:
    problem = refusal(text)
    assert (problem.code, problem.line, problem.column, problem.path) == ("KT005", line, column, path)


def test_keys_written_twice_in_json() -> None:
    assert refusal('{"heat_template_version": "2018-08-31", "resources": {"a": {}, "a": {}}}').code == "KT005"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "heat_template_version: 2021-04-16\nresources: [",
            "while parsing a flow node\nexpected the node content, but found '<stream end>'\n"
            '  in "<unicode string>", line 2, column 13:\n    resources: [\n                ^',
        ),
        (
            "heat_template_version: 2021-04-16\nresources: !foo {}\n",
            "could not determine a constructor for the tag '!foo'\n"
            '  in "<unicode string>", line 2, column 12:\n    resources: !foo {}\n               ^',
        ),
        (
            "heat_template_version: 2021-04-16\nresources:\n\tx: 1",
            "while scanning for the next token\nfound character '\\t' that cannot start any token\n"
            '  in "<unicode string>", line 3, column 1:\n    \tx: 1\n    ^',
        ),
        (
            "heat_template_version: 2021-04-16\nresources: !!python/object/apply:os.system [x]\n",
            "could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.system'\n"
            '  in "<unicode string>", line 2, column 12:\n    resources: !!python/object/apply:os.system [x]\n               ^',
        ),
    ],
)
def test_unreadable_text_in_heats_words(text: str, words: str) -> None:
    problem = refusal(text)
    assert problem.message == "Template not in valid format: Error parsing template [root stack] " + words
    assert problem.error_type == "HTTPBadRequest"
    assert problem.line is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "Template not in valid format: The template is not a JSON object or YAML mapping."),
        ("hello", "Template not in valid format: The template is not a JSON object or YAML mapping."),
        ("", "Template not in valid format: Template format version not found."),
        ("resources: {}", "Template not in valid format: Template format version not found."),
    ],
)
def test_text_that_is_no_template(text: str, message: str) -> None:
    assert refusal(text).message == message


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: *b",
        "? [a]\n: 1",
        "--- 1\n--- 2",
        "a: !!binary eA==",
        "a: \x00",
        "a: !!int x",
        "\ufeff%YAML 9.9\n---\na: 1",
        "&a a: *a",
    ],
)
def test_odd_yaml_ends_in_a_template_or_problems(text: str) -> None:
    with pytest.raises(TemplateInvalid):
        load(text)


def test_bytes_that_are_no_text() -> None:
    assert refusal(b"\xff\xfe\xfa").code == "KT001"


def test_yaml_has_the_meaning_of_1_1() -> None:
    template = load(
        HEAD
        + "resources: {x: {type: t, properties: {a: yes, b: 010, c: 2012-01-01, d: 1:30, e: 1e5, f: ~, 80: g, h: 0x1F, "
        + "i: 1_000, j: '010', k: !!str 5, l: 2001-12-14t21:59:43.10-05:00}}}"
    )
    assert template.resources["x"].definition.properties == {
        "a": True,
        "b": 8,
        "c": "2012-01-01",
        "d": 90,
        "e": "1e5",
        "f": None,
        "80": "g",
        "h": 31,
        "i": 1000,
        "j": "010",
        "k": "5",
        "l": "2001-12-14t21:59:43.10-05:00",
    }


def test_a_chain_of_five_thousand_is_no_danger(catalog: Any) -> None:
    resources: dict[str, Any] = {"r0": {"type": "OS::Heat::None"}}
    for i in range(1, 5000):
        resources[f"r{i}"] = {"type": "OS::Heat::None", "depends_on": f"r{i - 1}"}
    template = load({"heat_template_version": "2018-08-31", "resources": resources})
    assert check(template, template.bind(), catalog) == []
    resources["r0"]["depends_on"] = "r4999"
    template = load({"heat_template_version": "2018-08-31", "resources": resources})
    assert check(template, template.bind(), catalog)[0].error_type == "CircularDependencyException"


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("(a+)+$", "a" * 60 + "b", False),
        ("(a|aa)+b", "a" * 60, False),
        ("(a|a)*c", "a" * 60 + "c", True),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60, False),
        ("(.*)*x", "y" * 200, False),
        (".*.*.*.*.*=", "x" * 3000, False),
        ("([a-z0-9-]+\\.)*[a-z]+", "a.example.org", True),
        ("(?i)([A-Z]+ ?)+", "hello world", True),
        ("\\d{1,3}(\\.\\d{1,3}){3}", "10.0.0.1", True),
        ("[^\\s]+", "with space", False),
        ("a|b|cd", "cd", True),
        ("(^a|b$)+", "ab", True),
        ("\\bword\\b( \\bword\\b)*", "word word", True),
    ],
)
def test_patterns_end(pattern: str, text: str, expected: bool) -> None:
    start = time.process_time()
    assert full_match(pattern, text) is expected
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "pattern",
    ["(", "(a+)+\\1x", "(a+)+(?=b)", "a{99999999999}", "(?:){4000000000}", "(?:(?:){60000}){60000}", "[z-a]", "*a"],
)
def test_patterns_that_are_refused(pattern: str) -> None:
    assert check_pattern(pattern)


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(["a", "b", "p", "c", "nope", ""])
CALLS = st.sampled_from(
    [
        "get_param", "get_attr", "get_resource", "str_replace", "str_replace_strict", "list_join", "list_concat", "map_merge",
        "map_replace", "repeat", "digest", "if", "equals", "not", "and", "or", "yaql", "contains", "filter", "make_url",
        "str_split", "get_file", "resource_facade", "Ref", "Fn::Join",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | NAMES | st.floats(allow_nan=False, width=16),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["template", "params", "for_each", "data", "expression", "a", "keys", "host"]),
            inner,
            max_size=3,
        )
        | st.builds(lambda name, args: {name: args}, CALLS, inner)
    ),
    max_leaves=12,
)
TEMPLATES = st.fixed_dictionaries(
    {"heat_template_version": st.sampled_from(["2013-05-23", "2016-10-14", "2018-08-31", "wallaby"])},
    optional={
        "parameters": st.dictionaries(
            NAMES,
            st.fixed_dictionaries(
                {"type": st.sampled_from(["string", "number", "json", "x"])}, optional={"default": VALUES}
            ),
            max_size=2,
        ),
        "conditions": st.dictionaries(NAMES, VALUES, max_size=2),
        "resources": st.dictionaries(
            NAMES,
            st.fixed_dictionaries(
                {"type": st.sampled_from(["OS::Heat::Value", "OS::Heat::None", "Nope", ""])},
                optional={
                    "properties": st.dictionaries(st.sampled_from(["value", "type", "q"]), VALUES, max_size=2) | VALUES,
                    "depends_on": NAMES | st.lists(NAMES, max_size=2) | VALUES,
                    "condition": VALUES,
                    "metadata": VALUES,
                    "deletion_policy": VALUES,
                    "zz": VALUES,
                },
            )
            | VALUES,
            max_size=3,
        ),
        "outputs": st.dictionaries(
            NAMES, st.fixed_dictionaries({"value": VALUES}, optional={"condition": VALUES}) | VALUES, max_size=2
        ),
        "parameter_groups": VALUES,
        "stray": VALUES,
    },
)
RELAXED = settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.too_slow])


def problems_of(source: Any, catalog: Any) -> list[Any]:
    try:
        template = load(source)
        if catalog is None:
            return []
        return [*check(template, None, catalog), *check(template, template.bind(), catalog)]
    except TemplateInvalid as refused:
        return list(refused.problems)


def outcome(source: Any, catalog: Any) -> None:
    """A template that can be checked, or problems; nothing else may come out."""
    for problem in problems_of(source, catalog):
        assert problem.code.startswith("KT")
        assert problem.message
        assert problem.render()


@RELAXED
@given(body=TEMPLATES)
def test_any_template_is_judged(catalog: Any, body: Any) -> None:
    outcome(body, catalog)


@RELAXED
@given(body=TEMPLATES)
def test_any_problem_of_a_text_has_a_line(catalog: Any, body: Any) -> None:
    text = yaml.safe_dump(body, sort_keys=False, allow_unicode=True)
    for problem in problems_of(text, catalog):
        if problem.code == "KT202":
            continue  # nobody gave a value: that is written nowhere
        assert problem.line is not None, problem
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.column is not None


@RELAXED
@given(body=TEMPLATES)
def test_any_template_goes_to_text_and_back(body: Any) -> None:
    try:
        template = load(body)
    except TemplateInvalid:
        return
    assert load(template.dump()).raw == template.raw
    again = load(template.render())
    assert again.raw == load(again.render()).raw == load(again.dump()).raw
    assert again.definitions(again.open_parameters()).keys() == template.definitions(template.open_parameters()).keys()


@RELAXED
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_judged(text: Any) -> None:
    outcome(text, None)


@RELAXED
@given(JSONISH)
def test_any_object_goes_through_yaml_and_back(value: Any) -> None:
    body = {"heat_template_version": "2018-08-31", "resources": {"x": {"type": "t", "metadata": {"value": value}}}}
    try:
        template = load(body)
    except TemplateInvalid:
        return
    assert load(template.dump()).raw == body
    again = load(template.render())
    assert load(again.render()).raw == again.raw


@RELAXED
@given(
    st.dictionaries(
        st.sampled_from(["parameters", "resource_registry", "event_sinks", "nope", "resources"]), JSONISH, max_size=3
    )
    | JSONISH
)
def test_any_environment_is_judged(body: Any) -> None:
    with contextlib.suppress(TemplateInvalid):
        found = Environment.load(body if isinstance(body, dict) else str(body))
        assert Environment.load(found.as_dict()).as_dict() == found.as_dict()
