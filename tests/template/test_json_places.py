"""JSON templates have their places, also where YAML's parser refuses the text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamado.template import TemplateInvalid, load
from kamado.template.json_places import Marks, json_places

KEYS = st.text(st.characters(codec="utf-8"), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def placed(value: Any, marks: Marks) -> list[tuple[Any, tuple[int, int]]]:
    """Each part that has a place, with it."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    here = marks.get(id(value), {})
    return [found for key, part in parts for found in [((key, part), here[key]), *placed(part, marks)]]


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_each_part_stands_where_its_place_says(value: Any, indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    value = json.loads(text)
    lines = text.split("\n")
    for (key, part), (line, column) in placed(value, json_places(text, value)):
        begins = json.dumps(key if isinstance(key, str) else part, indent=indent, ensure_ascii=ascii_only).split("\n")[
            0
        ]
        assert lines[line - 1][column - 1 :].startswith(begins)


@pytest.mark.parametrize("odd", ["k" * 2000, "\ud83d\ude00", "\t", "é\\u00e9"])
def test_a_problem_beside_what_yaml_refuses_has_its_line(odd: str) -> None:
    body = {"heat_template_version": "2018-08-31", "parameters": {"a": {"type": "string", odd: 1}}}
    with pytest.raises(TemplateInvalid) as refused:
        load(json.dumps(body, indent=1))
    assert (refused.value.problems[0].code, refused.value.problems[0].line) == ("KT102", 6)
