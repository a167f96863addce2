"""Rules across the properties of one type, as data, with Heat's words for breaking them.

Declared in ``rules`` of a type, checked by `Resource.validate`. The trap: a value that is not yet known counts as
set, but nothing is said about what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kamado.template.functions.core import Function
from kamado.template.unknown import is_unknown

RESOURCE = "{resource}"
"""Stands in a finding for the name of the resource, which a type's validation does not know."""


class Finding(str):
    """A broken rule in Heat's words.

    ``error_type`` is the exception class that Heat answers with; ``property`` is set when it is about the value of one
    property: Heat then puts ``Property error: : resources.<name>.properties.<property>: : `` before the text.
    """

    error_type: str
    property: str

    def __new__(cls, text: str, error_type: str = "StackValidationFailed", property: str = "") -> Finding:  # noqa: A002
        """A finding; arguments as the attributes."""
        finding = super().__new__(cls, text)
        finding.error_type = error_type
        finding.property = property
        return finding

    def told(self, resource_name: str) -> str:
        """The text with the place that Heat puts before it; `RESOURCE` in it becomes the resource's name."""
        text = str(self).replace(RESOURCE, resource_name)
        if not self.property:
            return text
        return f"Property error: : resources.{resource_name}.properties.{self.property}: : {text}"


class Rule(Protocol):
    """One rule."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The properties it is about, dotted."""

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """What is wrong."""


def at(properties: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, None when there is none; ``a|b`` tries b when a is not set."""
    for choice in path.split("|"):
        value: Any = properties
        for part in choice.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
            if value is None or is_unknown(value):
                break
        if value is not None:
            return value
    return None


def alike(one: Any, other: Any) -> bool:
    """Whether two unresolved values are written the same, calls of functions included."""
    if isinstance(one, Function) or isinstance(other, Function):
        return (
            isinstance(one, Function)
            and isinstance(other, Function)
            and one.name == other.name
            and alike(one.args, other.args)
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(alike(value, other[key]) for key, value in one.items())
    return bool(one == other)


def _given(properties: Mapping[str, Any], path: str) -> bool:
    value = at(properties, path)
    return value is not None and (is_unknown(value) or value not in ("", [], {}))


def _names(paths: tuple[str, ...]) -> str:
    return ", ".join(path.rsplit(".", 1)[-1] for path in paths)


@dataclass(frozen=True, slots=True, init=False)
class AnyOf:
    """At least one of the properties is set."""

    paths: tuple[str, ...]

    def __init__(self, *paths: str) -> None:
        object.__setattr__(self, "paths", paths)

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """Nothing, or one finding."""
        if not any(_given(properties, path) for path in self.paths):
            yield Finding(
                f"At least one of the following properties must be specified: {_names(self.paths)}.",
                "PropertyUnspecifiedError",
            )


@dataclass(frozen=True, slots=True, init=False)
class Excludes:
    """At most one of the properties is set; a boolean that is off counts as not set."""

    paths: tuple[str, ...]

    def __init__(self, *paths: str) -> None:
        object.__setattr__(self, "paths", paths)

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """Nothing, or one finding."""
        if sum(_given(properties, path) and at(properties, path) is not False for path in self.paths) > 1:
            yield Finding(
                f"Cannot define the following properties at the same time: {_names(self.paths)}.",
                "ResourcePropertyConflict",
            )


@dataclass(frozen=True, slots=True, init=False)
class OneOf:
    """Exactly one of the properties is set."""

    paths: tuple[str, ...]

    def __init__(self, *paths: str) -> None:
        object.__setattr__(self, "paths", paths)

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """Nothing, or one finding."""
        yield from Excludes(*self.paths).check(properties)
        yield from AnyOf(*self.paths).check(properties)


@dataclass(frozen=True, slots=True)
class Needs:
    """``path`` may be set only beside ``other``."""

    path: str
    other: str

    @property
    def paths(self) -> tuple[str, ...]:
        """Both."""
        return self.path, self.other

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """Nothing, or one finding."""
        if _given(properties, self.path) and not _given(properties, self.other):
            yield Finding(
                f"{_names((self.path,))} cannot be specified without {_names((self.other,))}.",
                "ResourcePropertyDependency",
            )


@dataclass(frozen=True, slots=True, init=False)
class OnlyWhen:
    """``path`` may be set only when ``other`` has one of the values."""

    path: str
    other: str
    values: tuple[Any, ...]

    def __init__(self, path: str, other: str, *values: Any) -> None:
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "other", other)
        object.__setattr__(self, "values", values)

    @property
    def paths(self) -> tuple[str, ...]:
        """Both."""
        return self.path, self.other

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """Nothing, or one finding."""
        other = at(properties, self.other)
        if _given(properties, self.path) and not is_unknown(other) and other not in self.values:
            wanted = self.values[0] if len(self.values) == 1 else ", ".join(map(str, self.values))
            yield Finding(
                f"{_names((self.path,))} property should only be specified for {_names((self.other,))} with value {wanted}.",
                "ResourcePropertyValueDependency",
            )


@dataclass(frozen=True, slots=True)
class RequiredWhen:
    """``path`` must be set when ``other`` has the value, and only then."""

    path: str
    other: str
    value: Any

    @property
    def paths(self) -> tuple[str, ...]:
        """Both."""
        return self.path, self.other

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """Nothing, or one finding."""
        other = at(properties, self.other)
        if is_unknown(other):
            return
        if other == self.value and not _given(properties, self.path):
            yield Finding(
                f"Property {_names((self.path,))} is required when {_names((self.other,))} is set to '{self.value}'."
            )
        yield from OnlyWhen(self.path, self.other, self.value).check(properties)
