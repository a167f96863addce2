"""Conditions: named truths that decide which resources, outputs and branches there are.

Compiled by the loader, decided once a stack's parameters are known. The trap: a condition may name others, so a circle is possible and only
seen while deciding; what depends on an unknown parameter stays UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.template.functions.core import Function, ResolveError, Scope, resolve_inside
from kamado.template.parameters import Parameters
from kamado.template.problems import Path
from kamado.template.unknown import UNKNOWN


class ConditionBroken(ResolveError):
    """The definition of a named condition can give no truth."""

    def __init__(self, condition: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.condition = condition
        self.hint = hint


class ParameterScope:
    """A scope in which only parameters have values; conditions are decided in it, each once."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = parameters
        self.decided: dict[str, Any] = {}
        self.deciding: list[str] = []

    def parameter(self, name: str) -> Any:
        """The parameter's value."""
        return self.parameters[name]

    def reference(self, resource: str) -> Any:  # noqa: ARG002
        """Not known here."""
        return UNKNOWN

    def attribute(self, resource: str, path: tuple[Any, ...]) -> Any:  # noqa: ARG002
        """Not known here."""
        return UNKNOWN

    def facade(self, key: str) -> Any:
        """What the parent says."""
        return self.parameters.of_parent(key) if isinstance(self.parameters, Parameters) else UNKNOWN


class NamedCondition(Function):
    """A condition by its name."""

    __slots__ = ("table",)

    def __init__(self, name: str, path: Path, table: Mapping[str, Any]) -> None:
        self.name = "condition"
        self.args = name
        self.path = path
        self.table = table

    def resolve(self, scope: Scope) -> Any:
        """What the named condition says."""
        name = self.args
        if name not in self.table:
            raise ResolveError(f'Invalid condition "{name}"')
        decided: dict[str, Any] | None = getattr(scope, "decided", None)
        deciding: list[str] | None = getattr(scope, "deciding", None)
        if decided is None or deciding is None:
            return decide(self.table[name], scope)
        if name in decided:
            return decided[name]
        if name in deciding:
            circle = " -> ".join([*deciding[deciding.index(name) :], name])
            raise ConditionBroken(name, f'Circular definition for condition "{name}"', circle)
        deciding.append(name)
        try:
            value = resolve_inside(self.table[name], scope)
            if value is not UNKNOWN and not isinstance(value, bool):
                raise ConditionBroken(name, f'The definition of condition "{name}" is invalid: {value}')
            decided[name] = value
        finally:
            deciding.pop()
        return decided[name]


class Truth(Function):
    """A condition that is worked out, by a parameter for example: null counts as true, a text is the name of a condition."""

    __slots__ = ("table",)

    def __init__(self, call: Function, table: Mapping[str, Any]) -> None:
        self.name = "condition"
        self.args = call
        self.path = call.path
        self.table = table

    def resolve(self, scope: Scope) -> Any:
        """What it comes to."""
        value = resolve_inside(self.args, scope)
        if value is None:
            return True
        if value is UNKNOWN or isinstance(value, bool):
            return value
        if isinstance(value, str) and value in self.table:
            return NamedCondition(value, self.path, self.table).resolve(scope)
        raise ResolveError(f'Invalid condition "{value}"')


def decide(condition: Any, scope: Scope) -> Any:
    """True, False or UNKNOWN; raises ResolveError when the condition is broken."""
    if condition is None:
        return True
    return resolve_inside(condition, scope)
