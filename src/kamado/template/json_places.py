"""Where the parts of a JSON text stand: the keys of its maps and the items of its lists; and what JSON makes of a key.

Called by `source` when the first place of a JSON template is asked for. YAML's parser will not do, for it refuses texts that are JSON (keys
of more than 1,024 characters, tabs between values, escaped halves of characters). The trap: the text must be JSON already.
"""

from __future__ import annotations

import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

Marks = dict[int, dict[str | int, tuple[int, int]]]
"""id of a container → key or index → line and column, both from 1; under 0 and "" where the whole begins."""

_NEXT = re.compile(r'[\s,:]*([{}\[\]"]|[^\s,:{}\[\]"]+)')


def json_places(text: str, value: Any) -> Marks:
    """The places in a text that ``value`` was read from."""
    marks: Marks = {}
    around: list[tuple[Any, str | int | None]] = []
    inside: Any = None
    key: str | int | None = None
    line, begin, at = 1, 0, 0
    while (found := _NEXT.match(text, at)) is not None:
        line += text.count("\n", at, found.start(1))
        begin = text.rfind("\n", 0, found.start(1)) + 1
        here = (line, found.start(1) - begin + 1)
        word, at = found[1], found.end()
        if word in "}]":
            inside, key = around.pop()
        elif word == '"' and isinstance(inside, dict) and key is None:
            key, at = scanstring(text, at)
            marks[id(inside)][str(key)] = here
            continue
        else:
            if isinstance(inside, list):
                marks[id(inside)][len(marks[id(inside)])] = here
                key = len(marks[id(inside)]) - 1
            if word in "{[":
                around.append((inside, key))
                inside, key = (value if inside is None else inside[key]), None
                marks[id(inside)] = {}
                marks.setdefault(0, {"": here})
                continue
            if word == '"':
                _, at = scanstring(text, at)
        if isinstance(inside, dict):
            key = None
    return marks


def key_text(key: Any) -> str:
    """A map's key as JSON would write it."""
    if isinstance(key, str):
        return key
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)
