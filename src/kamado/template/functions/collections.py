"""Functions on lists and maps: concatenating, merging, filtering, repeating."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from kamado.template.functions.core import CallInvalid, Function, ResolveError
from kamado.template.unknown import UNKNOWN, contains_unknown


class ListConcat(Function):
    """`list_concat: [list, list, …]`; null counts as an empty list."""

    __slots__ = ()
    partial = True
    unique = False

    def evaluate(self, args: Any) -> Any:
        """One list of all items."""
        if not isinstance(args, list):
            example = f'"{self.name}" : [ [ <value 1>, <value 2> ], [ <value 3>, <value 4> ] ]'
            raise ResolveError(f'Incorrect arguments to "{self.name}" should be: {example}')
        made: list[Any] = []
        for items in args:
            if items is UNKNOWN:
                return UNKNOWN
            if items is None:
                continue
            if not isinstance(items, list | tuple):
                raise ResolveError(
                    f"Incorrect arguments: Items to concat must be lists. {_json(args)} contains an item "
                    f"that is not a list: {_json(items)}"
                )
            made.extend(items)
            self.bounded(len(made))
        return self._distinct(made) if self.unique else made

    def _distinct(self, items: list[Any]) -> Any:
        if contains_unknown(items):
            return UNKNOWN
        seen: set[Any] = set()
        made = []
        for item in items:
            key = _frozen(item)
            if key not in seen:
                seen.add(key)
                made.append(item)
        return made


class ListConcatUnique(ListConcat):
    """`list_concat_unique`: the same, first occurrences only."""

    __slots__ = ()
    unique = True


class MapMerge(Function):
    """`map_merge: [map, map, …]`: later keys win, null counts as an empty map."""

    __slots__ = ()
    partial = True

    def evaluate(self, args: Any) -> Any:
        """One map of all keys."""
        if not isinstance(args, list | str):
            example = f'"{self.name}" : [ {{ "key1": "val1" }}, {{ "key2": "val2" }} ]'
            raise ResolveError(f'Incorrect arguments to "{self.name}" should be: {example}')
        made: dict[str, Any] = {}
        for item in args:
            if item is UNKNOWN:
                return UNKNOWN
            if item is None:
                continue
            if not isinstance(item, Mapping):
                raise ResolveError(
                    f"Incorrect arguments: Items to merge must be maps. {item!r} is type {type(item)} instead of a dict"
                )
            made.update(item)
        return made


class MapReplace(Function):
    """`map_replace: [map, {keys: {…}, values: {…}}]`: renames keys and replaces whole values."""

    __slots__ = ()

    def evaluate(self, args: Any) -> Any:
        """The changed map."""
        example = (
            f'"{self.name}" : [ {{ "key1": "val1" }}, {{"keys": {{"key1": "key2"}}, "values": {{"val1": "val2"}}}}]'
        )
        maps = f'Incorrect arguments: to "{self.name}", arguments must be a list of maps. Example:  {example}'
        if isinstance(args, Mapping) or not args or not isinstance(args, list) or len(args) < 2:
            raise ResolveError(f'Incorrect arguments to "{self.name}" should be: {example}')
        source, rules = [{} if item is None else item for item in args[:2]]
        if len(args) != 2 or not isinstance(source, Mapping) or not isinstance(rules, Mapping):
            raise ResolveError(maps)
        if set(rules) - {"keys", "values"}:
            raise ResolveError(f'Incorrect arguments to "{self.name}" should be: {example}')
        keys, values = rules.get("keys") or {}, rules.get("values") or {}
        if not isinstance(keys, Mapping) or not isinstance(values, Mapping):
            raise ResolveError(maps)
        return self._replaced(source, keys, values)

    def _replaced(
        self, source: Mapping[str, Any], keys: Mapping[str, Any], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in source.items():
            new_key = key if keys.get(key) is None else keys[key]
            if not isinstance(new_key, str):
                raise ResolveError(f"key replacement {new_key} is not a text")
            if new_key != key and new_key in source:
                raise ResolveError(f"key replacement {new_key} collides with a key in the input map")
            if new_key in made:
                raise ResolveError(f"key replacement {new_key} collides with a key in the output map")
            try:
                made[new_key] = values.get(value, value)
            except TypeError:
                made[new_key] = value
        return made


class Filter(Function):
    """`filter: [values, list]`: the list without those values."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """Two items."""
        if not isinstance(args, list):
            raise CallInvalid(f'Argument to "{self.name}" must be a list')
        if len(args) != 2:
            raise CallInvalid(
                f'"{self.name}" expected 2 arguments of the form [values, sequence] but got {len(args)} arguments instead'
            )

    def evaluate(self, args: Any) -> Any:
        """What remains."""
        self.check(args)
        values, items = args
        if not items:
            return items
        if not isinstance(items, list | tuple):
            raise ResolveError(f'"{self.name}" only works with lists')
        if not values:
            return items
        if not isinstance(values, list | tuple):
            raise ResolveError(f'"{self.name}" filters a list of values')
        return [item for item in items if item not in values]


class Repeat(Function):
    """`repeat: {template, for_each}`: the template once for every combination of the listed values."""

    __slots__ = ()
    partial = True
    maps = False
    nested = False

    def check(self, args: Any) -> None:
        """A template and a map of lists."""
        if not isinstance(args, Mapping):
            raise CallInvalid(f'Arguments to "{self.name}" must be a map')
        if "template" not in args or "for_each" not in args:
            example = (
                f"{self.name}:\n              template: This is %var%\n              for_each:\n"
                "                %var%: ['a', 'b', 'c']"
            )
            raise CallInvalid(repr(f'"{self.name}" syntax should be {example}'))
        if not isinstance(args["for_each"], Mapping | Function) and args["for_each"] is not UNKNOWN:
            raise CallInvalid(f'The "for_each" argument to "{self.name}" must contain a map')
        if self.nested:
            every = args.get("permutations", True)
            if not isinstance(every, bool | Function) and every is not UNKNOWN:
                raise CallInvalid(f'"permutations" should be boolean type for {self.name} function.')

    def evaluate(self, args: Any) -> Any:
        """The list of filled-in templates."""
        self.check(args)
        each, every = args["for_each"], args.get("permutations", True) if self.nested else True
        if each is UNKNOWN or every is UNKNOWN:
            return UNKNOWN
        if not each:
            raise ResolveError("not enough values to unpack (expected 2, got 0)")
        lists = []
        for values in each.values():
            if values is UNKNOWN or (isinstance(values, Mapping | list) and UNKNOWN in list(values)):
                return UNKNOWN
            lists.append(self._values(values, every))
        if not every and len({len(values) for values in lists}) > 1:
            raise ResolveError(f"For {self.name}, the length of for_each values should be equal if no nested loop.")
        return self._fill(args["template"], tuple(each), lists, every)

    def _values(self, values: Any, every: bool) -> list[Any]:
        if values is None:
            return []
        if isinstance(values, list | tuple):
            return list(values)
        if self.maps and every and isinstance(values, Mapping):
            return list(values)
        kinds = "lists or maps" if self.maps and every else "lists"
        raise ResolveError(f'The values of the "for_each" argument to "{self.name}" must be {kinds}')

    def _fill(self, template: Any, names: tuple[str, ...], lists: list[list[Any]], every: bool) -> list[Any]:
        count = 1
        for values in lists:
            count *= len(values)
        self.bounded(count * _size(template) if every else len(lists[0]) * _size(template))
        rows = itertools.product(*lists) if every else zip(*lists, strict=True)
        return [_fill(template, list(zip(names, row, strict=True)), self.bounded) for row in rows]


def _fill(template: Any, pairs: list[tuple[str, Any]], bounded: Callable[[int], None]) -> Any:
    if isinstance(template, str):
        for name, value in pairs:
            if not isinstance(value, str):
                if name == template:
                    return value
                raise ResolveError(f"replace() argument 2 must be str, not {_kind(value)}")
            bounded(len(template) + template.count(name) * len(value))
            template = template.replace(name, value)
        return template
    if isinstance(template, list | tuple):
        return [_fill(item, pairs, bounded) for item in template]
    if isinstance(template, Mapping):
        return {_fill(key, pairs, bounded): _fill(item, pairs, bounded) for key, item in template.items()}
    return template


def _size(template: Any) -> int:
    size, stack = 0, [template]
    while stack:
        item = stack.pop()
        size += 1
        if isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str):
            size += len(item) // 16
    return size


class RepeatWithMap(Repeat):
    """`repeat` that also goes over the keys of a map."""

    __slots__ = ()
    maps = True


class RepeatNested(RepeatWithMap):
    """`repeat` with `permutations: false`: all lists side by side instead of every combination."""

    __slots__ = ()
    nested = True


def _frozen(value: Any) -> Any:
    """Something hashable that is equal to another's exactly when the values are: 1, 1.0 and true are, as Heat compares them."""
    if isinstance(value, Mapping):
        return "map", frozenset((key, _frozen(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return "list", tuple(_frozen(item) for item in value)
    return value


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
