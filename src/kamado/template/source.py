"""From text, or an object that a client already parsed, to plain values with their places.

Called by `load` and `Environment.load`. YAML means YAML 1.1, as Heat takes it: `yes` is true, `010` is eight, but dates stay text and
object tags are refused. Values are composed here from the C parser's events, because a budget must be charged before memory is
used: an alias costs what it unfolds to. The trap: containers are shared (aliases, and the client's own object), so nobody may change them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NoReturn

import yaml
from yaml import events as ev
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from kamado.template.json_places import Marks, json_places
from kamado.template.limits import Limits
from kamado.template.problems import Path, Place, Problem, TemplateInvalid

_Loader: Any = getattr(yaml, "CLoader", yaml.Loader)

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({_TAG + "str", _TAG + "timestamp", _TAG + "value", "!"})
_SCALAR_TAGS = frozenset({_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"})
_CONTAINER_TAGS = frozenset({_TAG + "map", _TAG + "seq", "!"})
_MERGE = _TAG + "merge"
_UNREAD = object()


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
            raise TemplateInvalid(_too_deep(file, limits)) from None
        except TemplateInvalid as refused:
            raise _placed(text, file, limits, what, refused) from None
    return Source(_Composer(text, file, limits, what).run(), file, partial(_yaml_places, text, file))


def _yaml_places(text: str, file: str) -> tuple[Any, Marks]:
    composer = _Composer(text, file, Limits(max_nodes=2**31, max_depth=1000), "template", places=True)
    return composer.run(), composer.marks


def _placed(text: str, file: str, limits: Limits, what: str, refused: TemplateInvalid) -> TemplateInvalid:
    """A refusal of a JSON text with its place: what reading it as YAML says. (It may be no JSON at all further down.)"""
    try:
        _Composer(text, file, limits, what).run()
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


MAX_REWORDED = 65536


def unreadable(text: str, file: str, what: str, line: int | None = None, column: int | None = None) -> Problem:
    """A text that is not YAML, in the words of Heat's API; the template of the request itself is "[root stack]" there."""
    if what == "environment":
        message = f"Environment not in valid format: {text}"
    else:
        name = "[root stack]" if file == "template" else file
        message = f"Template not in valid format: Error parsing template {name} {text}"
    return Problem("KT001", message, "HTTPBadRequest", (), file, line, column)


def _too_deep(file: str, limits: Limits, path: Path = ()) -> Problem:
    return Problem(
        "KT004",
        f"The template is nested deeper than {limits.max_depth} levels",
        "RequestLimitExceeded",
        path=path,
        file=file,
    )


def _too_big(file: str, limits: Limits, line: int | None = None, column: int | None = None) -> Problem:
    return Problem(
        "KT003",
        f"The template unfolds to more than {limits.max_nodes} values",
        "RequestLimitExceeded",
        file=file,
        line=line,
        column=column,
    )


def _no_duplicates(file: str) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    raise TemplateInvalid(_duplicate(file, key))
                seen.add(key)
        return made

    return build


def _duplicate(file: str, key: str, path: Path = (), line: int | None = None, column: int | None = None) -> Problem:
    return Problem(
        "KT005",
        f'The key "{key}" is written twice in the same map',
        "StackValidationFailed",
        path=(*path, key),
        file=file,
        line=line,
        column=column,
        hint="the later one would silently win; remove one of them",
    )


_PLAIN = (str, int, float, bool, type(None))


def charge(value: Any, file: str, limits: Limits) -> Any:
    """The object itself after its nodes and levels were counted; keys that are not text become text, as in JSON."""
    count = 0
    stack: list[tuple[Any, int]] = [(value, 1)]
    rewrite = False
    while stack:
        item, depth = stack.pop()
        if depth > limits.max_depth:
            raise TemplateInvalid(_too_deep(file, limits))
        children: Any
        if type(item) is dict or isinstance(item, Mapping):
            children = item.values()
            for key in item:
                if type(key) is not str:
                    rewrite = True
        else:
            children = item
        count += len(item)
        if count > limits.max_nodes:
            raise TemplateInvalid(_too_big(file, limits))
        for child in children:
            kind = type(child)
            if kind in _PLAIN_SET:
                continue
            if kind is dict or kind is list or kind is tuple or isinstance(child, Mapping):
                stack.append((child, depth + 1))
            elif not isinstance(child, _PLAIN):
                raise TypeError(f"a template holds plain data only, not {kind.__name__}")
    return _textual(value) if rewrite else value


_PLAIN_SET = frozenset(_PLAIN)


def _textual(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key_text(key): _textual(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_textual(item) for item in value]
    return value


def key_text(key: Any) -> str:
    """A map's key as JSON would write it."""
    if isinstance(key, str):
        return key
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


_Outer = tuple[Any, str | None, str | None, int, list[Any], dict[str | int, tuple[int, int]]]
"""What surrounds the container that is being filled: see the locals of `_Composer._document`."""


class _Composer:
    """Builds plain values from parser events, charging every node before it is made.

    Places are kept only where `places` asks for it: they cost as much as the values, and most texts are never asked for one.
    """

    def __init__(self, text: str, file: str, limits: Limits, what: str, *, places: bool = False) -> None:
        self.text = text
        self.file = file
        self.limits = limits
        self.what = what
        self.places = places
        self.marks: Marks = {}
        self.anchors: dict[str, tuple[Any, int, bool]] = {}
        self.scalars: dict[str, Any] = {}
        self.constructor = SafeConstructor()
        self.problems: list[Problem] = []

    def run(self) -> Any:
        """The value of the text; raises TemplateInvalid."""
        loader = None
        try:
            loader = _Loader(self.text)
            value = self._document(loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
            raise TemplateInvalid(self._unreadable(self._in_heats_words(error), line, column)) from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            raise TemplateInvalid(self._unreadable(str(error))) from None
        finally:
            if loader is not None:
                loader.dispose()
        if self.problems:
            raise TemplateInvalid(self.problems)
        return value

    def _unreadable(self, text: str, line: int | None = None, column: int | None = None) -> Problem:
        return unreadable(text, self.file, self.what, line, column)

    def _in_heats_words(self, error: yaml.YAMLError) -> str:
        """The error as the parser in Python words it, which is the one that Heat runs; for texts where that is quick."""
        if len(self.text) <= MAX_REWORDED:
            try:
                for _ in yaml.parse(self.text, Loader=yaml.SafeLoader):
                    pass
            except (yaml.YAMLError, ValueError) as reworded:
                return str(reworded)
        return str(error)

    def _refuse(self, event: Any, text: str) -> NoReturn:
        mark = event.start_mark
        shown = yaml.Mark("<unicode string>", mark.index, mark.line, mark.column, self.text + "\0", mark.index)
        text = f"{text}\n{shown}"
        raise TemplateInvalid([*self.problems, self._unreadable(text, mark.line + 1, mark.column + 1)])

    def _document(self, loader: Any) -> Any:
        """The one document. One flat loop over locals: it runs for every value of every template."""
        get_event, scalars, anchors, places = loader.get_event, self.scalars, self.anchors, self.places
        scalar_event, mapping_event, sequence_event = ev.ScalarEvent, ev.MappingStartEvent, ev.SequenceStartEvent
        most, count = self.limits.max_nodes, 0
        outer: list[_Outer] = []
        # what is being filled, the key that waits for its value, its anchor, `count` before it, what is merged into it, its places
        container: Any = []
        key: str | None = None
        anchor: str | None = None
        before = 0
        merges: list[Any] = []
        here: dict[str | int, tuple[int, int]] = {}
        is_map = False
        while True:
            event = get_event()
            kind = type(event)
            if kind is scalar_event:
                text = event.value
                if event.tag is not None:
                    value = self._tagged(event, text)
                elif event.implicit[0]:
                    value = scalars.get(text, _UNREAD)
                    if value is _UNREAD:
                        value = scalars[text] = self._plain(event, text)
                else:
                    value = text
                count += 1
                if event.anchor and not (is_map and key is None):
                    anchors[event.anchor] = (value, 1, False)
            elif kind is mapping_event or kind is sequence_event:
                count += 1
                made: Any = {} if kind is mapping_event else []
                self._open(event, made, count, is_map and key is None, len(outer))
                if places:
                    if not outer:
                        self.marks[0] = {"": _where(event)}
                    if not is_map:
                        here[len(container)] = _where(event)
                outer.append((container, key, anchor, before, merges, here))
                container, key, anchor, before, merges, here = made, None, event.anchor, count, [], {}
                is_map = kind is mapping_event
                continue
            elif kind is ev.MappingEndEvent or kind is ev.SequenceEndEvent:
                value = _merged(container, merges) if merges else container
                if places:
                    self.marks[id(value)] = here
                if anchor:
                    anchors[anchor] = (value, count - before + 1, False)
                container, key, anchor, before, merges, here = outer.pop()
                is_map = type(container) is dict
            elif kind is ev.AliasEvent:
                value, cost = self._alias(event, is_map and key is None)
                count += cost
            elif kind is ev.StreamEndEvent:
                return container[0] if container else None
            else:
                if kind is ev.DocumentStartEvent and container:
                    self._refuse(event, "expected a single document in the stream")
                continue
            if is_map and key is None:
                count += 1
                key = value if type(value) is str and value not in container and value != "<<" else None
                if key is None:
                    key = self._odd_key(event, value, container, outer)
                if places:
                    here[key] = _where(event)
            elif not is_map:
                if places and (kind is scalar_event or kind is ev.AliasEvent):
                    here[len(container)] = _where(event)
                container.append(value)
            else:
                if key is _MERGE:
                    merges.extend(self._to_merge(event, value))
                else:
                    container[key] = value
                key = None
            if count > most:
                self._too_big(event)

    def _open(self, event: Any, container: Any, count: int, is_key: bool, depth: int) -> None:
        """Refuse a container that costs too much, has a tag, stands where a key belongs or lies too deep."""
        if count > self.limits.max_nodes:
            self._too_big(event)
        if event.tag and event.tag not in _CONTAINER_TAGS:
            self._refuse(event, f"could not determine a constructor for the tag '{event.tag}'")
        if is_key:
            self._refuse(event, "found unhashable key")
        if depth >= self.limits.max_depth:
            line, column = _where(event)
            raise TemplateInvalid(replace(_too_deep(self.file, self.limits), line=line, column=column))
        if event.anchor:
            self.anchors[event.anchor] = (container, 0, True)

    def _too_big(self, event: Any) -> NoReturn:
        raise TemplateInvalid(_too_big(self.file, self.limits, *_where(event)))

    def _alias(self, event: Any, is_key: bool) -> tuple[Any, int]:
        """The value that an alias stands for, and what writing it out would cost."""
        found = self.anchors.get(event.anchor)
        if found is None:
            self._refuse(event, f"found undefined alias '{event.anchor}'")
        value, cost, is_open = found
        if is_open:
            self._refuse(event, f"the alias '{event.anchor}' stands inside its own anchor")
        if is_key and isinstance(value, dict | list):
            self._refuse(event, "found unhashable key")
        return value, 0 if is_key else cost

    def _odd_key(self, event: Any, value: Any, container: dict[str, Any], outer: list[_Outer]) -> str:
        """A key that is no text, is written twice, or says that its value is to be merged in."""
        if value == "<<" and type(event) is ev.ScalarEvent and event.implicit[0]:
            return _MERGE
        key = key_text(value)
        if key in container:
            path = tuple(len(around) if waiting is None else waiting for around, waiting, *_ in outer[1:])
            self.problems.append(_duplicate(self.file, key, path, *_where(event)))
        return key

    def _to_merge(self, event: Any, value: Any) -> list[Any]:
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            self._refuse(event, "expected a mapping or list of mappings for merging")
        return parts

    def _tagged(self, event: Any, text: str) -> Any:
        tag: str = event.tag
        if tag == "!" or tag in _TEXT_TAGS:
            return text
        if tag in _SCALAR_TAGS:
            return self._typed(event, tag, text)
        return self._refuse(event, f"could not determine a constructor for the tag '{tag}'")

    def _plain(self, event: Any, text: str) -> Any:
        candidates = Resolver.yaml_implicit_resolvers.get(text[:1], ())
        for tag, pattern in candidates:
            if pattern.match(text):
                return self._typed(event, tag, text) if tag in _SCALAR_TAGS else text
        return text

    def _typed(self, event: Any, tag: str, text: str) -> Any:
        node = yaml.ScalarNode(tag, text)
        try:
            return _MAKERS[tag](self.constructor, node)
        except (ValueError, KeyError, IndexError):
            self._refuse(event, f"'{text}' is not a {tag.removeprefix(_TAG)}")


_MAKERS: Mapping[str, Callable[[Any, Any], Any]] = {
    _TAG + "int": SafeConstructor.construct_yaml_int,
    _TAG + "float": SafeConstructor.construct_yaml_float,
    _TAG + "bool": SafeConstructor.construct_yaml_bool,
    _TAG + "null": lambda _constructor, _node: None,
}


def _where(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _merged(own: dict[str, Any], merges: list[Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for part in reversed(merges):
        made.update(part)
    made.update(own)
    return made
