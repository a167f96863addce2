"""What is allowed and probably not meant: things that nobody uses, conditions that cannot change, names on their way out.

Called by `check`; everything here is a warning. The trap: a condition counts as constant only when no value that its parameters may have
changes it, so parameters with `allowed_values` and booleans are tried through, and all others stay unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, product
from typing import Any

from kamado.template.conditions import NamedCondition, ParameterScope, decide
from kamado.template.definition import Definition
from kamado.template.functions.core import Function, ResolveError, calls, is_constant
from kamado.template.functions.references import If
from kamado.template.parameters import ParameterSchema
from kamado.template.problems import Path, Problem
from kamado.template.schema import GOING, AllowedValues, Schema, TypeSchema
from kamado.template.template import Template
from kamado.template.unknown import UNKNOWN, Partly

_TRIED = 64
"""So many combinations of parameter values are tried before a condition counts as one that may change."""


def unused(template: Template) -> Iterator[Problem]:
    """Parameters and conditions that nothing refers to."""
    hot = template.flavour == "hot"
    parameters: set[str] = set()
    conditions: set[str] = set()
    for resource in template.resources.values():
        parameters |= resource.definition.parameters
    for value in _values(template):
        _collect(value, parameters, conditions)
    section = "parameters" if hot else "Parameters"
    for name in template.parameters:
        if name not in parameters:
            yield template.source.problem(
                "KT501", f'The parameter "{name}" is never used', (section, name), severity="warning"
            )
    section = "conditions" if hot else "Conditions"
    for name in template.conditions:
        if name not in conditions:
            yield template.source.problem(
                "KT502", f'The condition "{name}" is never used', (section, name), severity="warning"
            )


def constant_conditions(template: Template) -> Iterator[Problem]:
    """Conditions that are true, or false, whatever the parameters are: a branch that can never be reached."""
    hot = template.flavour == "hot"
    section = "conditions" if hot else "Conditions"
    key = "condition" if hot else "Condition"
    trial = _Trial(template)
    for name, condition in template.conditions.items():
        yield from trial.judge(condition, (section, name), f'The condition "{name}"')
    base = "resources" if hot else "Resources"
    for name, resource in template.resources.items():
        if resource.condition is not True and not isinstance(resource.condition, NamedCondition):
            yield from trial.judge(resource.condition, (base, name, key), f'The condition of the resource "{name}"')
        if resource.undecided:
            for value in (resource.definition.properties, resource.definition.metadata):
                yield from trial.branches(value)
    for output in template.outputs.values():
        if output.condition is not None and not isinstance(output.condition, NamedCondition):
            path = (*output.path[:-1], key)
            yield from trial.judge(output.condition, path, f'The condition of the output "{output.name}"')
        yield from trial.branches(output.value)


def going(template: Template, definition: Definition, schema: TypeSchema) -> Iterable[Problem]:
    """The type and the properties of a resource that are deprecated or hidden."""
    properties = definition.properties if isinstance(definition.properties, dict) else {}
    if schema.support.status not in GOING and (schema.any_properties or schema.going.isdisjoint(properties)):
        return ()
    return _going(template, definition, schema)


def _going(template: Template, definition: Definition, schema: TypeSchema) -> Iterator[Problem]:
    hot = template.flavour == "hot"
    base: Path = ("resources" if hot else "Resources", definition.name)
    word = GOING.get(schema.support.status)
    if word is not None:
        text = f"The type {schema.name} is {word}{_reason(schema.support.message)}"
        yield template.source.problem("KT404", text, (*base, "type" if hot else "Type"), severity="warning")
    if schema.any_properties or not schema.going or not isinstance(definition.properties, (dict, Mapping)):
        return
    given = {name: value for name, value in definition.properties.items() if name in schema.going}
    for path, name, status, message in _old(schema.properties, given):
        text = f'The property "{name}" of {schema.name} is {GOING[status]}{_reason(message)}'
        hint = f'use "{schema.aliases[name]}"' if not path[1:] and name in schema.aliases else ""
        at = (*base, "properties" if hot else "Properties", *path)
        yield template.source.problem("KT410", text, at, severity="warning", hint=hint)


def _reason(message: str | None) -> str:
    return f": {message}" if message else ""


def _old(schemas: Mapping[str, Schema], values: Any) -> Iterator[tuple[Path, str, str, str | None]]:
    if not isinstance(values, Mapping):
        return
    for name, value in values.items():
        schema = schemas.get(name)
        if schema is None:
            continue
        if schema.support.status in GOING:
            yield (name,), name, schema.support.status, schema.support.message
        for path, inner, status, message in _inside(schema, value):
            yield (name, *path), inner, status, message


def _inside(schema: Schema, value: Any) -> Iterator[tuple[Path, str, str, str | None]]:
    if schema.fields:
        yield from _old(schema.fields, value)
    elif schema.items is not None and isinstance(value, list) and (schema.items.fields or schema.items.items):
        for index, item in enumerate(value):
            for path, inner, status, message in _inside(schema.items, item):
                yield (index, *path), inner, status, message


def _values(template: Template) -> Iterator[Any]:
    for resource in template.resources.values():
        yield resource.condition
        if resource.undecided:
            definition = resource.definition
            yield definition.deletion_policy
            yield definition.properties
            yield definition.metadata
            yield definition.update_policy
            yield definition.external_id
    for output in template.outputs.values():
        yield output.value
        yield output.condition
    yield from template.conditions.values()


def _collect(value: Any, parameters: set[str], conditions: set[str]) -> None:
    if is_constant(value):
        return
    for call in calls(value):
        if isinstance(call, NamedCondition):
            conditions.add(call.args)
        name = getattr(call, "parameter", None)
        if isinstance(name, str):
            parameters.add(name)


class _Trial:
    """Decides conditions for all values that parameters may have."""

    def __init__(self, template: Template) -> None:
        self.template = template

    def judge(self, condition: Any, path: Path, label: str) -> Iterator[Problem]:
        """A warning when the condition never changes."""
        truth = self.constant(condition)
        if truth is not None:
            word = "true" if truth else "false"
            hint = "whatever stands under it is always made" if truth else "whatever stands under it is never made"
            text = f"{label} is always {word}"
            yield self.template.source.problem("KT503", text, path, severity="warning", hint=hint)

    def branches(self, value: Any) -> Iterator[Problem]:
        """Warnings for each `if` in a value whose own condition never changes."""
        if is_constant(value):
            return
        for call in calls(value):
            if isinstance(call, If) and not isinstance(call.condition, NamedCondition):
                yield from self.judge(call.condition, call.path, f'The condition of this "{call.name}"')

    def constant(self, condition: Any) -> bool | None:
        """True or false when it is always that, None when it can change (or is broken, which others tell)."""
        names: list[str] = []
        self._parameters(condition, names, set())
        finite = {
            name: found
            for name in dict.fromkeys(names)
            if (schema := self.template.parameters.get(name)) is not None and (found := _possible(schema))
        }
        truth: bool | None = None
        combinations = list(islice(product(*finite.values()), _TRIED + 1))
        if len(combinations) > _TRIED:
            return None
        for values in combinations:
            scope = ParameterScope(Partly(dict(zip(finite, values, strict=True))))
            try:
                found = decide(condition, scope)
            except ResolveError:
                return None
            if found is UNKNOWN or (truth is not None and found is not truth):
                return None
            truth = bool(found)
        return truth

    def _parameters(self, condition: Any, names: list[str], seen: set[str]) -> None:
        if not isinstance(condition, Function) and is_constant(condition):
            return
        for call in calls(condition):
            if isinstance(call, NamedCondition):
                if call.args not in seen and call.args in call.table:
                    seen.add(call.args)
                    self._parameters(call.table[call.args], names, seen)
            elif isinstance(name := getattr(call, "parameter", None), str):
                names.append(name)


def _possible(schema: ParameterSchema) -> list[Any]:
    """All values that a parameter may have, nothing when there is no end to them."""
    if schema.type == "boolean":
        return [True, False]
    for constraint in schema.constraints:
        if isinstance(constraint, AllowedValues):
            try:
                return [schema.typed(value) for value in constraint.allowed]
            except (ValueError, TypeError):
                return []
    return []
