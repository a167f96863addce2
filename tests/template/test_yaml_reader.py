"""What a YAML text means, and whether it is one, is what PyYAML says: the parser that Heat runs."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.template import fuzz

from kamado.template import Limits, TemplateInvalid
from kamado.template.source import read
from kamado.template.yaml_reader import key_text

PLAIN = """
yes no On off ~ null 010 0x1F 0o7 1_000 1:30 1.5 .inf -.INF .nan 1e5 1.e+3 2012-01-01 2001-12-14t21:59:43.10-05:00
= << + - ? : # ! 0b11 -0 '' "" 'it''s' "\\u00e9" a b
"""
WORDS = PLAIN.split()
SCALARS = st.sampled_from(WORDS) | st.text("ab:#-? \n\t\u00fc'\"{}[],&*!|>%@`0", max_size=8)
VALUES = st.recursive(
    SCALARS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS | st.integers() | st.none(), inner, max_size=3),
    max_leaves=12,
)
BEGINNINGS = [
    "",
    "- ",
    "- - ",
    "a: ",
    "? ",
    ": ",
    "b: &x ",
    "a: *x",
    "<<: *x",
    "- &x ",
    "*x : ",
    "&y a: ",
    "--- ",
    "# ",
]
REST = ["", "[a, yes]", "{a: 1}", "{a, b}", "|", ">-", "[", "}", "*x", "&x", "!!str 5", "!!int 5", "!!map {}", "! 7"]
LINES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(BEGINNINGS), st.sampled_from(REST + WORDS)),
    max_size=8,
).map(lambda lines: "\n".join(" " * indent + begin + rest for indent, begin, rest in lines))


class TwiceWritten(Exception):
    """The text has a key twice, which PyYAML takes and we do not."""


class AsHeat(yaml.CSafeLoader):
    """PyYAML's own loader, with dates as text and with every key as text, as JSON has them."""

    def pairs(self, node: yaml.MappingNode) -> Iterator[tuple[str, Any]]:
        """A map's keys and values, what is merged in first; raises TwiceWritten."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != MERGE]
        if len({key_text(key) for key in keys if isinstance(key, Hashable) or self.refuse(node, key)}) < len(keys):
            raise TwiceWritten
        self.flatten_mapping(node)
        for key, value in node.value:
            yield key_text(self.construct_object(key, deep=True)), self.construct_object(value, deep=True)

    def refuse(self, node: yaml.MappingNode, key: Any) -> bool:
        """As PyYAML does with a key that is a list or map."""
        raise yaml.constructor.ConstructorError("while constructing a mapping", node.start_mark, f"unhashable {key}")

    def as_map(self, node: yaml.MappingNode) -> dict[str, Any]:
        """A map."""
        return dict(self.pairs(node))


MERGE = "tag:yaml.org,2002:merge"
AsHeat.add_constructor("tag:yaml.org,2002:map", AsHeat.as_map)
AsHeat.add_constructor("tag:yaml.org,2002:timestamp", AsHeat.construct_yaml_str)
for kind in ("binary", "omap", "pairs", "set"):
    AsHeat.add_constructor(f"tag:yaml.org,2002:{kind}", AsHeat.construct_undefined)


def theirs(text: str) -> str:
    """What PyYAML says, as text."""
    try:
        return repr(yaml.load(text, Loader=AsHeat))
    except TwiceWritten:
        return "refused"
    except (yaml.YAMLError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return "refused"


def ours(text: str) -> str:
    """What we say."""
    try:
        return repr(read(text, "t", Limits()).value)
    except TemplateInvalid:
        return "refused"


@given(VALUES, st.sampled_from([None, True, False]), st.sampled_from([None, "'", '"', "|", ">"]), st.booleans())
def test_what_was_written_is_read(value: Any, flow: bool | None, style: str | None, unicode: bool) -> None:
    text = yaml.dump(value, Dumper=yaml.SafeDumper, default_flow_style=flow, default_style=style, allow_unicode=unicode)
    assert ours(text) == theirs(text)


@given(LINES)
def test_what_is_read_of_lines_put_together(text: str) -> None:
    assert ours(text) == theirs(text)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_read_of_changed_templates(seed: int) -> None:
    rng = random.Random(seed)
    texts = [fuzz.as_text(rng.choice(SEEDS), rng) for _ in range(2)]
    for _ in range(5):
        text = fuzz.change_text(*texts, rng)
        assert ours(text) == theirs(text), text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a: &x 1\nb: &x 2\n",
            "found duplicate anchor 'x'; first occurrence\n"
            '  in "<unicode string>", line 1, column 4:\n    a: &x 1\n       ^\n'
            'second occurrence\n  in "<unicode string>", line 2, column 4:\n    b: &x 2\n       ^',
        ),
        (
            "a: <<\n",
            "could not determine a constructor for the tag 'tag:yaml.org,2002:merge'\n"
            '  in "<unicode string>", line 1, column 4:\n    a: <<\n       ^',
        ),
        (
            "a: =\n",
            "could not determine a constructor for the tag 'tag:yaml.org,2002:value'\n"
            '  in "<unicode string>", line 1, column 4:\n    a: =\n       ^',
        ),
        (
            "a: 1\n<<: x\n",
            'while constructing a mapping\n  in "<unicode string>", line 1, column 1:\n    a: 1\n    ^\n'
            "expected a mapping or list of mappings for merging, but found scalar\n"
            '  in "<unicode string>", line 2, column 5:\n    <<: x\n        ^',
        ),
        (
            "a: 1\n--- 2\n",
            'expected a single document in the stream\n  in "<unicode string>", line 1, column 1:\n    a: 1\n    ^\n'
            'but found another document\n  in "<unicode string>", line 2, column 1:\n    --- 2\n    ^',
        ),
    ],
)
def test_refusals_in_heats_words(text: str, words: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        read(text, "template", Limits())
    assert (
        refused.value.problems[0].message
        == "Template not in valid format: Error parsing template [root stack] " + words
    )


def test_a_key_may_have_a_name_for_others() -> None:
    assert read("&k a: 1\nb: *k\n", "t", Limits()).value == {"a": 1, "b": "a"}


SEEDS = fuzz.seeds()
