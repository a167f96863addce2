"""How parameter values of several environment files become one: the strategies overwrite, merge and deep_merge.

Called by `Environment.merge_all`. What merging means depends on the parameter's type; without a type it is taken from the values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kamado.template.problems import Problem, TemplateInvalid
from kamado.template.schema import to_number


def merge_parameters(
    lower: Mapping[str, Any], upper: Mapping[str, Any], strategies: Mapping[str, str], types: Mapping[str, str]
) -> dict[str, Any]:
    """Two maps of parameter values as one, each name by its strategy ("default" stands for names that have none)."""
    default = strategies.get("default", "overwrite")
    made = dict(lower)
    for name, value in upper.items():
        strategy = strategies.get(name, default)
        if strategy not in ("merge", "deep_merge"):
            strategy = default if default in ("merge", "deep_merge") and strategy != "overwrite" else "overwrite"
        if strategy == "overwrite" or name not in made:
            made[name] = value
        else:
            made[name] = _merged(name, made[name], value, strategy == "deep_merge", types.get(name))
    return made


def _merged(name: str, old: Any, new: Any, deep: bool, kind: str | None) -> Any:
    kind = kind or _guess(old, new)
    if kind == "json":
        old_map, new_map = _parsed(old), _parsed(new)
        if not isinstance(old_map, Mapping) or not isinstance(new_map, Mapping):
            return new
        return _deep(old_map, new_map) if deep else {**old_map, **new_map}
    if kind == "comma_delimited_list":
        if isinstance(old, list) and isinstance(new, list):
            return old + new
        return ",".join(_joined(part) for part in (old, new))
    if kind == "string":
        return f"{old}{new}"
    if kind == "number":
        return to_number(old) + to_number(new)
    raise TemplateInvalid(
        Problem(
            "KT304",
            f'Invalid merge strategy "{"deep_merge" if deep else "merge"}" for parameter "{name}".',
            "InvalidMergeStrategyForParam",
            ("parameters", name),
            "environment",
        )
    )


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
