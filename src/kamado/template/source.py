"""From text, or an object that a client already parsed, to plain values with their places.

Called by `load` and `Environment.load`. A text is JSON or YAML (`yaml_reader`); an object is taken as it is once its size is known to be
allowed. The trap: containers are shared (aliases, and the client's own object), so nobody may change them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from itertools import chain
from typing import Any

from kamado.template.json_places import Marks, json_places, key_text
from kamado.template.limits import Limits
from kamado.template.problems import Path, Place, Problem, TemplateInvalid
from kamado.template.refusals import duplicate, too_big, too_deep, unreadable
from kamado.template.unknown import SCALARS


class Source:
    """A parsed text or object: `value` is plain data, `place(path)` says where a path stands in the text."""

    def __init__(self, value: Any, file: str, read_places: Callable[[], tuple[Any, Marks]] | None = None) -> None:
        """``read_places``: reads the text once more, when the first place is asked for; None: an object."""
        self.value = value
        self.file = file
        self.from_text = read_places is not None
        self._read_places = read_places

    def place(self, path: Path) -> Place:
        """The position of the deepest part of the path that exists in the text."""
        value, marks = self._places
        if not marks:
            return Place(self.file)
        here = marks.get(0, {}).get("", (1, 1))
        for part in path:
            found = marks.get(id(value), {}).get(part)
            if found is None:
                break
            here = found
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                break
        return Place(self.file, *here)

    @cached_property
    def _places(self) -> tuple[Any, Marks]:
        """The value with the places of what is in it. What is right needs none, and reading is half as long without."""
        return (None, {}) if self._read_places is None else self._read_places()

    def problem(self, code: str, message: str, path: Path = (), **more: Any) -> Problem:
        """A Problem at a path, with its place filled in."""
        place = self.place(path)
        return Problem(code, message, path=path, file=self.file, line=place.line, column=place.column, **more)


def read(source: str | bytes | Mapping[str, Any], file: str, limits: Limits, what: str = "template") -> Source:
    """Parse a text, or take an object as it is; raises TemplateInvalid. `what` is named in messages."""
    if isinstance(source, Mapping):
        return Source(charge(source, file, limits), file)
    text = _decode(source, file, limits, what)
    if text.lstrip()[:1] == "{":
        try:
            value = charge(json.loads(text, object_pairs_hook=_no_duplicates(file)), file, limits)
            return Source(value, file, lambda: (value, json_places(text, value)))
        except ValueError:
            pass
        except RecursionError:
            raise TemplateInvalid(too_deep(file, limits)) from None
        except TemplateInvalid as refused:
            raise _placed(text, file, limits, what, refused) from None
    return Source(_yaml(text, file, limits, what), file, partial(_yaml_places, text, file, limits))


def _yaml(text: str, file: str, limits: Limits, what: str, marks: Marks | None = None) -> Any:
    from kamado.template.yaml_reader import (
        read_yaml,
    )  # a third of what importing this package takes, and objects need none of it

    return read_yaml(text, file, limits, what, marks)


def _yaml_places(text: str, file: str, limits: Limits) -> tuple[Any, Marks]:
    marks: Marks = {}
    return _yaml(text, file, limits, "template", marks), marks


def _placed(text: str, file: str, limits: Limits, what: str, refused: TemplateInvalid) -> TemplateInvalid:
    """A refusal of a JSON text with its place: what reading it as YAML says. (It may be no JSON at all further down.)"""
    try:
        _yaml(text, file, limits, what)
    except TemplateInvalid as found:
        return found
    return refused


def _decode(source: str | bytes, file: str, limits: Limits, what: str) -> str:
    size = len(source) if isinstance(source, bytes) else len(source.encode("utf-8", "surrogatepass"))
    if size > limits.max_bytes:
        raise TemplateInvalid(
            Problem(
                "KT002",
                f"Request limit exceeded: Template size ({size} bytes) exceeds maximum allowed size "
                f"({limits.max_bytes} bytes).",
                "RequestLimitExceeded",
                file=file,
            )
        )
    if isinstance(source, str):
        return source
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TemplateInvalid(unreadable(str(error), file, what)) from None


def _no_duplicates(file: str) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    raise TemplateInvalid(duplicate(file, key))
                seen.add(key)
        return made

    return build


def charge(value: Any, file: str, limits: Limits) -> Any:
    """The object itself after its nodes and levels were counted; other maps, lists and keys than a text has become such.

    It goes through all of a level at a time, which costs a fifth of going through each container by itself.
    """
    count = depth = 0
    keys: set[type] = set()
    odd = False
    level = [value]
    while level:
        depth += 1
        if depth > limits.max_depth:
            raise TemplateInvalid(too_deep(file, limits))
        maps = [item for item in level if type(item) is dict]
        lists = [item for item in level if type(item) is list]
        if len(maps) + len(lists) < len(level):
            odd = True
            maps = [dict(item) for item in level if isinstance(item, Mapping)]
            lists = [list(item) for item in level if isinstance(item, list | tuple)]
        count += sum(map(len, maps)) + sum(map(len, lists))
        if count > limits.max_nodes:
            raise TemplateInvalid(too_big(file, limits))
        keys.update(map(type, chain.from_iterable(maps)))
        below = chain(chain.from_iterable(map(dict.values, maps)), chain.from_iterable(lists))
        level = [item for item in below if type(item) not in SCALARS]
    return _textual(value) if odd or keys - {str} else value


def _textual(value: Any) -> Any:
    """The same in the types that a text comes to."""
    if isinstance(value, Mapping):
        return {key_text(key): _textual(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_textual(item) for item in value]
    if not isinstance(value, str | int | float | None):
        raise TypeError(f"a template holds plain data only, not {type(value).__name__}")
    return value
