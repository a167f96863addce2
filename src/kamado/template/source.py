"""From text, or an object that a client already parsed, to plain values with their places.

Called by `load` and `Environment.load`. YAML means YAML 1.1, as Heat takes it: `yes` is true, `010` is eight, but dates stay text and
object tags are refused. Values are composed here from the C parser's events, because a budget must be charged before memory is
used: an alias costs what it unfolds to. The trap: containers are shared (aliases, and the client's own object), so nobody may change them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NoReturn

import yaml
from yaml import events as ev
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from kamado.template.limits import Limits
from kamado.template.problems import Path, Place, Problem, TemplateInvalid

_Loader: Any = getattr(yaml, "CLoader", yaml.Loader)

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({_TAG + "str", _TAG + "timestamp", _TAG + "value", "!"})
_SCALAR_TAGS = frozenset({_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"})
_MERGE = _TAG + "merge"

Marks = dict[int, dict[str | int, tuple[int, int]]]


class Source:
    """A parsed text or object: `value` is plain data, `place(path)` says where a path stands in the text."""

    def __init__(self, value: Any, file: str, marks: Marks | None = None, json_text: str = "") -> None:
        """``marks``: None where there was no text; ``json_text`` is read again as YAML when a place in it is asked for."""
        self.value = value
        self.file = file
        self.from_text = marks is not None
        self._marks = marks or {}
        self._json_text = json_text

    def place(self, path: Path) -> Place:
        """The position of the deepest part of the path that exists in the text."""
        if not self._marks and not self._json_text:
            return Place(self.file)
        if self._json_text:
            return self._in_json.place(path)
        here = self._marks.get(0, {}).get("", (1, 1))
        value = self.value
        for part in path:
            found = self._marks.get(id(value), {}).get(part)
            if found is None:
                break
            here = found
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                break
        return Place(self.file, *here)

    @cached_property
    def _in_json(self) -> Source:
        """The same text read as YAML, which keeps positions; JSON's own parser, far quicker, keeps none."""
        try:
            return _Composer(self._json_text, self.file, Limits(max_nodes=2**31, max_depth=1000), "template").run()
        except TemplateInvalid:
            return Source(None, self.file, {})

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
            return Source(value, file, {}, text)
        except ValueError:
            pass
        except RecursionError:
            raise TemplateInvalid(_too_deep(file, limits)) from None
        except TemplateInvalid as refused:
            raise _placed(text, file, limits, what, refused) from None
    return _Composer(text, file, limits, what).run()


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


class _Frame:
    __slots__ = ("anchor", "container", "count", "key", "marks", "merges", "pending")

    def __init__(self, container: dict[str, Any] | list[Any], anchor: str | None) -> None:
        self.container = container
        self.anchor = anchor
        self.count = 1
        self.key: str | None = None
        self.pending = False
        self.marks: dict[str | int, tuple[int, int]] = {}
        self.merges: list[tuple[int, Any]] = []


class _Composer:
    """Builds plain values from parser events, charging every node before it is made."""

    def __init__(self, text: str, file: str, limits: Limits, what: str) -> None:
        self.text = text
        self.file = file
        self.limits = limits
        self.what = what
        self.marks: Marks = {}
        self.anchors: dict[str, tuple[Any, int, bool]] = {}
        self.count = 0
        self.scalars: dict[str, Any] = {}
        self.constructor = SafeConstructor()
        self.problems: list[Problem] = []

    def run(self) -> Source:
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
        return Source(value, self.file, self.marks)

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
        stack: list[_Frame] = []
        result: Any = None
        documents = 0
        while True:
            event = loader.get_event()
            kind = type(event)
            if kind is ev.ScalarEvent:
                value, cost, is_merge = self._scalar(event), 1, False
                if stack:
                    frame = stack[-1]
                    if type(frame.container) is dict and not frame.pending:
                        self._key(stack, event, value)
                        continue
                if event.anchor:
                    self.anchors[event.anchor] = (value, 1, False)
            elif kind is ev.MappingStartEvent or kind is ev.SequenceStartEvent:
                self._open(stack, event, {} if kind is ev.MappingStartEvent else [])
                continue
            elif kind is ev.MappingEndEvent or kind is ev.SequenceEndEvent:
                frame = stack.pop()
                value, cost, is_merge = self._close(frame), frame.count, True
                if not is_merge:
                    continue
            elif kind is ev.AliasEvent:
                found = self.anchors.get(event.anchor)
                if found is None:
                    self._refuse(event, f"found undefined alias '{event.anchor}'")
                value, cost, open_ = found
                if open_:
                    self._refuse(event, f"the alias '{event.anchor}' stands inside its own anchor")
                if stack and type(stack[-1].container) is dict and not stack[-1].pending:
                    if isinstance(value, dict | list):
                        self._refuse(event, "found unhashable key")
                    self._key(stack, event, value)
                    continue
                self._spend(event, cost)
            elif kind is ev.StreamEndEvent:
                break
            elif kind is ev.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._refuse(event, "expected a single document in the stream")
                continue
            else:
                continue
            if stack:
                self._put(stack[-1], event, value, cost)
            else:
                result = value
        return result

    def _spend(self, event: Any, cost: int) -> None:
        self.count += cost
        if self.count > self.limits.max_nodes:
            mark = event.start_mark
            raise TemplateInvalid(_too_big(self.file, self.limits, mark.line + 1, mark.column + 1))

    def _open(self, stack: list[_Frame], event: Any, container: Any) -> None:
        self._spend(event, 1)
        if event.tag and event.tag not in (_TAG + "map", _TAG + "seq", "!"):
            self._refuse(event, f"could not determine a constructor for the tag '{event.tag}'")
        mark = event.start_mark
        if stack:
            frame = stack[-1]
            if type(frame.container) is dict:
                if not frame.pending:
                    self._refuse(event, "found unhashable key")
            else:
                frame.marks[len(frame.container)] = (mark.line + 1, mark.column + 1)
        else:
            self.marks[0] = {"": (mark.line + 1, mark.column + 1)}
        if len(stack) >= self.limits.max_depth:
            problem = _too_deep(self.file, self.limits)
            raise TemplateInvalid(
                Problem(
                    problem.code, problem.message, problem.error_type, (), self.file, mark.line + 1, mark.column + 1
                )
            )
        if event.anchor:
            self.anchors[event.anchor] = (container, 0, True)
        stack.append(_Frame(container, event.anchor))

    def _close(self, frame: _Frame) -> Any:
        container = frame.container
        if frame.merges and isinstance(container, dict):
            frame.container = container = _merged(container, frame.merges)
        self.marks[id(container)] = frame.marks
        if frame.anchor:
            self.anchors[frame.anchor] = (container, frame.count, False)
        return container

    def _key(self, stack: list[_Frame], event: Any, value: Any) -> None:
        self._spend(event, 1)
        frame = stack[-1]
        frame.pending = True
        mark = event.start_mark
        where = (mark.line + 1, mark.column + 1)
        if value == "<<" and type(event) is ev.ScalarEvent and event.implicit[0]:
            frame.key = _MERGE
            frame.marks[_MERGE] = where
            return
        key = key_text(value)
        if key in frame.container:
            self.problems.append(_duplicate(self.file, key, self._path(stack), *where))
        frame.key = key
        frame.marks[key] = where

    def _path(self, stack: list[_Frame]) -> Path:
        path: list[str | int] = []
        for frame in stack[:-1]:
            if isinstance(frame.container, dict):
                path.append(frame.key or "")
            else:
                path.append(len(frame.container))
        return tuple(path)

    def _put(self, frame: _Frame, event: Any, value: Any, cost: int) -> None:
        frame.count += cost
        container = frame.container
        if isinstance(container, dict):
            if frame.key == _MERGE:
                parts = value if isinstance(value, list) else [value]
                for part in parts:
                    if not isinstance(part, dict):
                        self._refuse(event, "expected a mapping or list of mappings for merging")
                    frame.merges.append((0, part))
            else:
                container[frame.key or ""] = value
            frame.pending = False
            frame.key = None
        else:
            mark = event.start_mark
            frame.marks.setdefault(len(container), (mark.line + 1, mark.column + 1))
            container.append(value)

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        tag: str | None = event.tag
        self._spend(event, 1)
        if tag is None or tag == "!":
            if not event.implicit[0] or tag == "!":
                return text
            known = self.scalars.get(text, self)
            if known is not self:
                return known
            value = self.scalars[text] = self._plain(event, text)
            return value
        if tag in _TEXT_TAGS:
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


def _merged(own: dict[str, Any], merges: list[tuple[int, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _, part in reversed(merges):
        made.update(part)
    made.update(own)
    return made
