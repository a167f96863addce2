"""How parameter values of several environment files become one: the strategies overwrite, merge and deep_merge.

Called by `Environment.merge_all`. What merging means depends on the parameter's type; without a type it is taken from the values.
The trap: the first file that gives a parameter a value also settles its strategy, be it with a word of its own, by the file's default
or by saying nothing (overwrite); a later file may say the same, or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kamado.template.problems import Problem, TemplateInvalid
from kamado.template.schema import to_number

if TYPE_CHECKING:
    from kamado.template.environment import Environment

_MERGING = ("merge", "deep_merge")


class Merging:
    """The strategies that have been settled while files are merged in order. ``types``: of the parameters, by name."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types
        self._settled: dict[str, str] = {}

    def ways(self, environment: Environment, file: str) -> dict[str, str]:
        """The strategy for each parameter that ``environment`` has a value of. Raises TemplateInvalid for another than before."""
        said = environment.merge_strategies
        default = said.get("default", "overwrite")
        found = {}
        for name in (*environment.parameters, *environment.parameter_defaults):
            way = said.get(name, self._settled.get(name, default))
            if way != "overwrite" and way not in _MERGING:
                way = default if default in _MERGING else "overwrite"
            if self._settled.setdefault(name, way) != way:
                raise _wrong(
                    f"Conflicting merge strategy '{way}' for parameter '{name}' in file '{file}'.",
                    "ConflictingMergeStrategyForParam",
                    name,
                    file,
                )
            found[name] = way
        return found

    def merged(self, lower: Mapping[str, Any], upper: Mapping[str, Any], ways: Mapping[str, str]) -> dict[str, Any]:
        """Two maps of parameter values as one, each name in its way. A null says nothing."""
        made = dict(lower)
        for name, value in upper.items():
            before = made.get(name)
            if ways[name] == "overwrite" or before is None or value is None:
                made[name] = before if value is None else value
            else:
                made[name] = _merged(name, before, value, ways[name] == "deep_merge", self._types.get(name))
        return made


def _merged(name: str, old: Any, new: Any, deep: bool, kind: str | None) -> Any:
    kind = kind or _guess(old, new)
    if kind == "json":
        old_map, new_map = _parsed(old), _parsed(new)
        if not isinstance(old_map, Mapping) or not isinstance(new_map, Mapping):
            return new
        return _deep(old_map, new_map) if deep else {**old_map, **new_map}
    if kind == "comma_delimited_list":
        parts = [part for part in (old, new) if part not in ("", [])]
        if all(isinstance(part, list) for part in parts):
            return [item for part in parts for item in part]
        return ",".join(_joined(part) for part in parts)
    if kind == "string":
        return f"{old}{new}"
    if kind == "number":
        try:
            return to_number(old) + to_number(new)
        except ValueError:
            words = f'Parameter "{name}": values that are no numbers cannot be merged.'
            raise _wrong(words, "InvalidMergeStrategyForParam", name) from None
    words = f'Invalid merge strategy "{"deep_merge" if deep else "merge"}" for parameter "{name}".'
    raise _wrong(words, "InvalidMergeStrategyForParam", name)


def _wrong(words: str, error_type: str, name: str, file: str = "environment") -> TemplateInvalid:
    return TemplateInvalid(Problem("KT304", words, error_type, ("parameters", name), file))


def _guess(old: Any, new: Any) -> str:
    if isinstance(old, bool) or isinstance(new, bool):
        return "boolean"
    if isinstance(old, Mapping) or isinstance(new, Mapping):
        return "json"
    if isinstance(old, list) or isinstance(new, list):
        return "comma_delimited_list"
    return "number" if isinstance(old, int | float) and isinstance(new, int | float) else "string"


def _parsed(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _joined(value: Any) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _deep(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(old)
    for key, value in new.items():
        before = made.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            made[key] = _deep(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            made[key] = [*before, *value]
        elif isinstance(before, str) and isinstance(value, str):
            made[key] = f"{before}{value}"
        else:
            made[key] = value
    return made
