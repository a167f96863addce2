"""From a YAML text to plain values: YAML 1.1 as Heat takes it, charged node by node against a budget.

Called by `source`. Values are made here from the events of libyaml's parser, because the budget must be charged before memory is used
(an alias costs what it unfolds to), and because a key that is written twice has to be seen. The trap: this runs for every value of every
template, and most of what it costs is getting the events; places are kept only for whom `marks` is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import AliasEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, StreamEndEvent
from yaml.resolver import Resolver

from kamado.template.json_places import Marks, key_text
from kamado.template.limits import Limits
from kamado.template.problems import Problem, TemplateInvalid
from kamado.template.refusals import duplicate, too_big, too_deep, unreadable

_Loader: Any = getattr(yaml, "CLoader", yaml.Loader)

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({_TAG + "str", _TAG + "timestamp", "!"})
_CONTAINER_TAGS = frozenset({_TAG + "map", _TAG + "seq", "!"})
_MAKERS: Mapping[str, Callable[[Any, Any], Any]] = {
    _TAG + "int": SafeConstructor.construct_yaml_int,
    _TAG + "float": SafeConstructor.construct_yaml_float,
    _TAG + "bool": SafeConstructor.construct_yaml_bool,
    _TAG + "null": lambda _constructor, _node: None,
}
_MERGE = _TAG + "merge"
_UNREAD = object()
MAX_REWORDED = 65536
"""Longer texts are refused in the words of libyaml: the parser in Python, whose words are Heat's, takes seconds for them."""


def read_yaml(text: str, file: str, limits: Limits, what: str, marks: Marks | None = None) -> Any:
    """The value of a text; raises TemplateInvalid. ``marks``: filled with the places of what is in it."""
    reader = None
    try:
        reader = _Reader(text, file, limits, what, marks)
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (None, None) if mark is None else (mark.line + 1, mark.column + 1)
        raise TemplateInvalid(unreadable(_in_heats_words(text, error), file, what, line, column)) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise TemplateInvalid(unreadable(str(error), file, what)) from None
    except RecursionError:
        raise TemplateInvalid(too_deep(file, limits)) from None
    finally:
        if reader is not None:
            reader.loader.dispose()
    if reader.problems:
        raise TemplateInvalid(reader.problems)
    return value


def _in_heats_words(text: str, error: yaml.YAMLError) -> str:
    """The error as the parser in Python words it, which is the one that Heat runs; for texts where that is quick."""
    if len(text) <= MAX_REWORDED:
        try:
            for _ in yaml.parse(text, Loader=yaml.SafeLoader):
                pass
        except (yaml.YAMLError, ValueError) as reworded:
            return str(reworded)
    return str(error)


class _Reader:
    """Reads one text. A container is read by a call of its own, in which its events follow each other."""

    def __init__(self, text: str, file: str, limits: Limits, what: str, marks: Marks | None) -> None:
        self.text = text
        self.file = file
        self.limits = limits
        self.what = what
        self.marks = marks
        self.loader = _Loader(text)
        self.left = limits.max_nodes
        self.path: list[str | int] = []
        self.anchors: dict[str, tuple[Any, int | None, Any]] = {}
        """name → value, what writing it out costs (None: it is still being read), where it stands"""
        self.plain: dict[str, Any] = {}
        """what was written without quotes → what it means"""
        self.stray: list[Any] = []
        """where a `<<` stands that no map has taken as its key yet"""
        self.problems: list[Problem] = []

    def document(self) -> Any:
        """The value of the one document; None when there is none."""
        get_event = self.loader.get_event
        get_event()  # the stream's start
        if type(get_event()) is StreamEndEvent:
            return None
        first = get_event()
        if self.marks is not None:
            self.marks[0] = {"": _where(first)}
        value = self._scalar(first) if type(first) is ScalarEvent else self._other(first)
        get_event()  # the document's end
        event = get_event()
        if type(event) is not StreamEndEvent:
            self._refuse(event, "but found another document", first, "expected a single document in the stream")
        if self.stray:
            self._refuse(self.stray[0], f"could not determine a constructor for the tag '{_MERGE}'")
        return value

    def _map(self, start: Any) -> dict[str, Any]:
        get_event, scalar, marks = self.loader.get_event, self._scalar, self.marks
        made: dict[str, Any] = {}
        merged: list[Mapping[str, Any]] = []
        here: dict[str | int, tuple[int, int]] = {}
        while type(event := get_event()) is not MappingEndEvent:
            key = scalar(event) if type(event) is ScalarEvent else self._key(event, start)
            if type(key) is not str or key in made or key is _MERGE:
                key = self._odd_key(event, key, made)
            if marks is not None:
                here[key] = _where(event)
            event = get_event()
            if type(event) is ScalarEvent:
                value = scalar(event)
            else:
                self.path.append(key)
                value = self._other(event)
                self.path.pop()
            if key is _MERGE:
                merged.extend(self._to_merge(event, value, start))
            else:
                made[key] = value
        if merged:
            made = _merge(made, merged)
        if marks is not None:
            marks[id(made)] = here
        return made

    def _list(self) -> list[Any]:
        get_event, scalar, marks = self.loader.get_event, self._scalar, self.marks
        made: list[Any] = []
        here: dict[str | int, tuple[int, int]] = {}
        while type(event := get_event()) is not SequenceEndEvent:
            if marks is not None:
                here[len(made)] = _where(event)
            if type(event) is ScalarEvent:
                made.append(scalar(event))
            else:
                self.path.append(len(made))
                made.append(self._other(event))
                self.path.pop()
        if marks is not None:
            marks[id(made)] = here
        return made

    def _scalar(self, event: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            self._too_big(event)
        text = event.value
        if event.implicit[0]:
            value = self.plain.get(text, _UNREAD)
            if value is _UNREAD:
                value = self._plain(event, text)
        elif event.tag is None:
            value = text
        else:
            value = self._typed(event, event.tag)
        if event.anchor:
            self._anchor(event, value, 1)
        return value

    def _plain(self, event: Any, text: str) -> Any:
        """The meaning of what is written without a tag and without quotes, remembered; `<<` is for a map to take as a key."""
        if text == "<<":
            self.stray.append(event)
            return _MERGE
        value = self.plain[text] = self._typed(event, _implied(text))
        return value

    def _other(self, event: Any) -> Any:
        """A value that is no scalar: a container or an alias."""
        if type(event) is AliasEvent:
            value, cost = self._alias(event)
            self._charge(event, cost)
            return value
        before = self.left
        self._charge(event, 1)
        if event.tag and event.tag not in _CONTAINER_TAGS:
            self._refuse(event, f"could not determine a constructor for the tag '{event.tag}'")
        if len(self.path) >= self.limits.max_depth:
            line, column = _where(event)
            raise TemplateInvalid(replace(too_deep(self.file, self.limits), line=line, column=column))
        if event.anchor:
            self._anchor(event, None, None)
        value = self._map(event) if type(event) is MappingStartEvent else self._list()
        if event.anchor:
            self.anchors[event.anchor] = (value, before - self.left, event.start_mark)
        return value

    def _charge(self, event: Any, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            self._too_big(event)

    def _too_big(self, event: Any) -> NoReturn:
        raise TemplateInvalid(too_big(self.file, self.limits, *_where(event)))

    def _anchor(self, event: Any, value: Any, cost: int | None) -> None:
        known = self.anchors.get(event.anchor)
        if known is not None:
            first = f"found duplicate anchor '{event.anchor}'; first occurrence\n{self._shown(known[2])}"
            self._refuse(event, f"{first}\nsecond occurrence")
        self.anchors[event.anchor] = (value, cost, event.start_mark)

    def _alias(self, event: Any) -> tuple[Any, int]:
        """The value that an alias stands for, and what writing it out would cost."""
        value, cost, _ = self.anchors.get(event.anchor, (_UNREAD, 0, None))
        if value is _UNREAD:
            self._refuse(event, f"found undefined alias '{event.anchor}'")
        if cost is None:
            self._refuse(event, f"the alias '{event.anchor}' stands inside its own anchor")
        return value, cost

    def _key(self, event: Any, start: Any) -> Any:
        """A key that is not written as a scalar: an alias of one."""
        if type(event) is AliasEvent:
            value, cost = self._alias(event)
            if not isinstance(value, dict | list):
                self._charge(event, cost)
                return value
        return self._refuse(event, "found unhashable key", start)

    def _odd_key(self, event: Any, value: Any, made: Mapping[str, Any]) -> str:
        """A key that is no text, is written twice, or says that its value is to be merged in."""
        key = key_text(value)
        if key is _MERGE:
            if type(event) is ScalarEvent:
                self.stray.pop()
            return key
        if key in made:
            self.problems.append(duplicate(self.file, key, tuple(self.path), *_where(event)))
        return key

    def _to_merge(self, event: Any, value: Any, start: Any) -> list[Any]:
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if not isinstance(part, dict):
                what = "a mapping" if isinstance(value, list) else "a mapping or list of mappings"
                found = "sequence" if isinstance(part, list) else "scalar"
                self._refuse(event, f"expected {what} for merging, but found {found}", start)
        return parts

    def _typed(self, event: Any, tag: str) -> Any:
        """The value of a scalar that is written, or looks, like one of the tag's."""
        make = _MAKERS.get(tag)
        if make is None:
            if tag in _TEXT_TAGS:
                return event.value
            self._refuse(event, f"could not determine a constructor for the tag '{tag}'")
        try:
            return make(_CONSTRUCTOR, yaml.ScalarNode(tag, event.value))
        except (ValueError, KeyError, IndexError):
            self._refuse(event, f"'{event.value}' is not a {tag.removeprefix(_TAG)}")

    def _refuse(
        self, event: Any, text: str, start: Any = None, context: str = "while constructing a mapping"
    ) -> NoReturn:
        """``start``: the event of the larger thing that was being made when ``event`` came, and ``context`` what is said of it."""
        if start is not None:
            text = f"{context}\n{self._shown(start.start_mark)}\n{text}"
        line, column = _where(event)
        problem = unreadable(f"{text}\n{self._shown(event.start_mark)}", self.file, self.what, line, column)
        raise TemplateInvalid([*self.problems, problem])

    def _shown(self, mark: Any) -> str:
        """A position as the parser in Python shows it: with the line of the text."""
        return str(yaml.Mark("<unicode string>", mark.index, mark.line, mark.column, self.text + "\0", mark.index))


_CONSTRUCTOR = SafeConstructor()


def _implied(text: str) -> str:
    """The tag of what is written without one and without quotes."""
    for tag, pattern in Resolver.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return _TAG + "str"


def _where(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _merge(own: dict[str, Any], merged: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What is merged in, the first of it winning, under a map's own keys."""
    made: dict[str, Any] = {}
    for part in reversed(merged):
        made.update(part)
    made.update(own)
    return made
