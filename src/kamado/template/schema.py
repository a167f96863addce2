"""Types, constraints and coercion: what a value must be, for parameters and for resource properties alike.

Resource types declare their properties with `Schema`; `coerce_all` turns a property map that came out of a
template into checked values, with Heat's conversion rules and Heat's words. The trap: null is not "absent". A
property written down as null takes its default or the empty value of its type; only a key that is not there at all
stays out of the result.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from kamado.template.patterns import PatternRefused, full_match
from kamado.template.problems import Path, did_you_mean, dotted
from kamado.template.unknown import MAPS, UNKNOWN, contains_unknown

CustomCheck = Callable[[str, Any], str | None]
"""Checks a value against a named custom constraint; returns Heat's reason when it does not hold, else None."""
_NUMBERS = (int, float)


class PropertyType(enum.StrEnum):
    """The types of properties; the value is how `resource-type show` writes it."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    LIST = "list"
    MAP = "map"
    ANY = "any"


class ValueInvalid(ValueError):
    """A value does not fit its schema; `path` leads to it inside the property, `message` is in Heat's words.

    `key`: the one key at the path that should not be there, where Heat names the whole map.
    """

    def __init__(self, path: Path, message: str, hint: str = "", key: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.hint = hint
        self.key = key

    def prefixed(self, *prefix: str | int) -> ValueInvalid:
        """The same finding seen from further out."""
        return ValueInvalid((*prefix, *self.path), self.message, self.hint, self.key)

    @property
    def place(self) -> Path:
        """The path to where it is written."""
        return self.path if self.key is None else (*self.path, self.key)

    @property
    def dotted(self) -> str:
        """The path as text."""
        return dotted(self.path)


class ValuesInvalid(ValueError):
    """Several values of one property map do not fit; `errors` has all, in the order in which Heat would find them."""

    def __init__(self, errors: Sequence[ValueInvalid]) -> None:
        super().__init__(errors[0].message)
        self.errors = tuple(errors)


Coercer = Callable[[Any, Path, CustomCheck | None, list[ValueInvalid]], Any]
"""Turns a value into what is wanted; what is wrong with it is added to the list, with its path."""


class Constraint(Protocol):
    """A rule on a value. `check` returns Heat's sentence when it is broken; `describe` is the API's shape of it."""

    @property
    def description(self) -> str:
        """The author's own words for the rule; they replace the standard sentence."""

    def check(self, value: Any, _custom: CustomCheck | None = None, /) -> str | None:
        """None when the value is fine, else what is wrong."""

    def describe(self) -> dict[str, Any]:
        """The rule as `resource-type show` writes it."""


def _bounds(low: float | None, high: float | None) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    if low is not None:
        bounds["min"] = low
    if high is not None:
        bounds["max"] = high
    return bounds


@dataclass(frozen=True, slots=True)
class Range:
    """A number between `min` and `max`, both included; either may be open."""

    min: float | None = None
    max: float | None = None
    description: str = ""

    def check(self, value: Any, _custom: CustomCheck | None = None) -> str | None:
        """None when inside the bounds."""
        number = to_number(value)
        if (self.min is not None and number < self.min) or (self.max is not None and number > self.max):
            return f"{value} is out of range (min: {self.min}, max: {self.max})"
        return None

    def describe(self) -> dict[str, Any]:
        """`{"range": {"min": …, "max": …}}`."""
        return _described(self.description, {"range": _bounds(self.min, self.max)})


@dataclass(frozen=True, slots=True)
class Length:
    """The length of a text, list or map lies between `min` and `max`, both included."""

    min: int | None = None
    max: int | None = None
    description: str = ""

    def check(self, value: Any, _custom: CustomCheck | None = None) -> str | None:
        """None when the length is inside the bounds."""
        size = len(value)
        if (self.min is not None and size < self.min) or (self.max is not None and size > self.max):
            return f"length ({size}) is out of range (min: {self.min}, max: {self.max})"
        return None

    def describe(self) -> dict[str, Any]:
        """`{"length": {"min": …, "max": …}}`."""
        return _described(self.description, {"length": _bounds(self.min, self.max)})


@dataclass(frozen=True, slots=True)
class Modulo:
    """A number that is `offset` more than a multiple of `step`."""

    step: int
    offset: int
    description: str = ""

    def __post_init__(self) -> None:
        if self.step == 0:
            raise ValueError("step cannot be 0.")
        if abs(self.offset) >= abs(self.step):
            raise ValueError("offset must be smaller (by absolute value) than step.")
        if self.step * self.offset < 0:
            raise ValueError("step and offset must be both positive or both negative.")

    def check(self, value: Any, _custom: CustomCheck | None = None) -> str | None:
        """None when the value is on the grid."""
        if to_number(value) % self.step == self.offset:
            return None
        return f"{value} is not a multiple of {self.step} with an offset of {self.offset}"

    def describe(self) -> dict[str, Any]:
        """`{"modulo": {"step": …, "offset": …}}`."""
        return _described(self.description, {"modulo": {"step": self.step, "offset": self.offset}})


@dataclass(frozen=True, slots=True)
class AllowedValues:
    """One of a set of values; of a list, every item must be in the set. ``written``: the values as shown, where they were converted."""

    allowed: tuple[Any, ...]
    description: str = ""
    written: tuple[Any, ...] | None = None

    def __init__(self, allowed: Sequence[Any], description: str = "", written: Sequence[Any] | None = None) -> None:
        object.__setattr__(self, "allowed", tuple(allowed))
        object.__setattr__(self, "description", description)
        object.__setattr__(self, "written", None if written is None else tuple(written))

    def check(self, value: Any, _custom: CustomCheck | None = None) -> str | None:
        """None when allowed."""
        for item in value if isinstance(value, list) else (value,):
            if item not in self.allowed:
                return f"{quoted(value)} is not an allowed value {quoted(list(self.allowed))}"
        return None

    def describe(self) -> dict[str, Any]:
        """`{"allowed_values": […]}`."""
        return _described(
            self.description, {"allowed_values": list(self.allowed if self.written is None else self.written)}
        )


@dataclass(frozen=True, slots=True)
class AllowedPattern:
    """A regular expression that the whole text must match; matched in bounded time."""

    pattern: str
    description: str = ""

    def check(self, value: Any, _custom: CustomCheck | None = None) -> str | None:
        """None when the whole value matches."""
        try:
            if isinstance(value, str) and full_match(self.pattern, value):
                return None
        except PatternRefused as refused:
            return str(refused)
        return f'"{value}" does not match pattern "{self.pattern}"'

    def describe(self) -> dict[str, Any]:
        """`{"allowed_pattern": "…"}`."""
        return _described(self.description, {"allowed_pattern": self.pattern})


@dataclass(frozen=True, slots=True)
class Custom:
    """A rule with a name (`neutron.network`, `dns_name`, …) whose check the caller supplies."""

    name: str
    description: str = ""

    def check(self, value: Any, custom: CustomCheck | None = None) -> str | None:
        """None when the caller's check has nothing to say, or when there is no such check at hand."""
        reason = custom(self.name, value) if custom is not None else None
        return None if reason is None else f"Error validating value '{value}': {reason}"

    def describe(self) -> dict[str, Any]:
        """`{"custom_constraint": "…"}`."""
        return _described(self.description, {"custom_constraint": self.name})


def _described(description: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **body} if description else body


@dataclass(frozen=True, slots=True)
class Support:
    """How far a property, attribute or type is supported, as Heat states it."""

    status: str = "SUPPORTED"
    since: str | None = None
    message: str | None = None


SUPPORTED = Support()
GOING = {"DEPRECATED": "deprecated", "HIDDEN": "obsolete"}
"""The states of support on the way out, and the word for each."""


@dataclass(frozen=True)
class Schema:
    """What one property must be.

    `update`: a change is applied in place. `immutable`: a change is refused. `fields`: the fixed keys of a MAP.
    `items`: what each item of a LIST (or of a MAP without fixed keys) must be. `secret`: never shown.
    `allow_conversion`: a text is taken for the LIST (comma-separated) or MAP (JSON) that it writes down, and a LIST
    or MAP for the STRING that JSON makes of it.
    """

    type: PropertyType
    required: bool = False
    default: Any = None
    description: str = ""
    update: bool = False
    immutable: bool = False
    constraints: tuple[Constraint, ...] = ()
    fields: Mapping[str, Schema] | None = None
    items: Schema | None = None
    secret: bool = False
    support: Support = SUPPORTED
    allow_conversion: bool = False

    @cached_property
    def implemented(self) -> bool:
        """Whether a template may set it at all."""
        return self.support.status != "UNSUPPORTED"

    @cached_property
    def coercer(self) -> Coercer:
        """What `coerce` does for it."""
        return _coercer(self)


def describe(schema: Schema) -> dict[str, Any]:
    """The shape in which `resource-type show` gives a property: type, flags, default, constraints and nested schema."""
    shape: dict[str, Any] = {
        "type": schema.type.value,
        "required": schema.required,
        "update_allowed": schema.update,
        "immutable": schema.immutable,
    }
    if schema.description:
        shape["description"] = schema.description
    if schema.default is not None:
        shape["default"] = schema.default
    if schema.constraints:
        shape["constraints"] = [constraint.describe() for constraint in schema.constraints]
    if schema.fields is not None:
        shape["schema"] = {name: describe(nested) for name, nested in schema.fields.items()}
    elif schema.items is not None:
        shape["schema"] = {"*": describe(schema.items)}
    return shape


to_property = describe


def to_number(value: Any) -> int | float:
    """The number that a value is or writes down; raises ValueError or TypeError in Python's words, as Heat does."""
    if isinstance(value, _NUMBERS):
        return value
    try:
        return int(value)
    except ValueError:
        return float(value)


def quoted(value: Any) -> str:
    """A value as Heat quotes it in the sentence on allowed values: JSON text."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _to_string(schema: Schema, value: Any) -> str:
    if value is None:
        return schema.default if schema.default is not None else ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int):
        return str(value)
    if schema.allow_conversion and isinstance(value, dict | list):
        return json.dumps(value)
    raise ValueError(f"Value must be a string; got {value!r}")


def _to_integer(schema: Schema, value: Any) -> int:
    if value is None:
        return schema.default if schema.default is not None else 0
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"Value '{value}' is not an integer") from None


def _to_number(schema: Schema, value: Any) -> int | float:
    if value is None:
        return schema.default if schema.default is not None else 0
    return to_number(value)


_BOOLEAN_WORDS = {"true": True, "false": False}


def _to_boolean(schema: Schema, value: Any) -> bool:
    if value is None:
        return bool(schema.default)
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in _BOOLEAN_WORDS:
        raise ValueError(f'"{word}" is not a valid boolean')
    return _BOOLEAN_WORDS[word]


def _to_list(schema: Schema, value: Any) -> list[Any]:
    if value is None:
        value = schema.default if schema.default is not None else []
    if isinstance(value, str) and schema.allow_conversion:
        value = split_commas(value)
    if not isinstance(value, list | tuple):
        raise TypeError(f'"{value!r}" is not a list')
    return list(value)


def _to_map(schema: Schema, value: Any) -> Any:
    if value is None:
        value = schema.default if schema.default is not None else {}
    if schema.allow_conversion and isinstance(value, str | list):
        return value if isinstance(value, list) else _json_map(value)
    if not isinstance(value, MAPS):
        raise TypeError(f'"{value}" is not a map')
    return value


def _json_map(text: str) -> Any:
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict | list):
        raise TypeError(f'"{text}" is not a map')
    return parsed


def _as_is(schema: Schema, value: Any) -> Any:
    return schema.default if value is None else value


_CONVERT: Mapping[PropertyType, Callable[[Schema, Any], Any]] = {
    PropertyType.STRING: _to_string,
    PropertyType.INTEGER: _to_integer,
    PropertyType.NUMBER: _to_number,
    PropertyType.BOOLEAN: _to_boolean,
    PropertyType.LIST: _to_list,
    PropertyType.MAP: _to_map,
    PropertyType.ANY: _as_is,
}
_SAME: Mapping[PropertyType, type] = {
    PropertyType.STRING: str,
    PropertyType.INTEGER: int,
    PropertyType.BOOLEAN: bool,
    PropertyType.MAP: dict,
}
"""The type of values that a conversion leaves as they are."""


def split_commas(text: str) -> list[str]:
    """The items of a comma-separated text, without the blanks around them; no text, no items."""
    return [item.strip() for item in text.split(",")] if text else []


def coerce(schema: Schema, value: Any, path: Path = (), custom: CustomCheck | None = None) -> Any:
    """The value as the schema's type, checked.

    `path` is put in front of the path of what is wrong. `custom` checks custom constraints (None: they are not
    checked). UNKNOWN passes through, at any depth; constraints of a value that holds one are left for later.
    Raises ValueInvalid for the first mistake.
    """
    found: list[ValueInvalid] = []
    result = schema.coercer(value, path, custom, found)
    if found:
        raise found[0]
    return result


def _coercer(schema: Schema) -> Coercer:
    """What turns a value into what a schema says, made once for each schema."""
    convert, same, constraints = _CONVERT[schema.type], _SAME.get(schema.type), schema.constraints
    inside = _inside(schema)

    def coerce(value: Any, path: Path, custom: CustomCheck | None, found: list[ValueInvalid]) -> Any:
        if type(value) is not same:
            if value is UNKNOWN:
                return UNKNOWN
            try:
                value = convert(schema, value)
            except (ValueError, TypeError, OverflowError) as error:
                found.append(ValueInvalid(path, str(error)))
                return value
        if inside is not None:
            before = len(found)
            value = inside(value, path, custom, found)
            if len(found) > before:
                return value
        if constraints and not contains_unknown(value):
            for constraint in constraints:
                try:
                    wrong = constraint.check(value, custom)
                except (ValueError, TypeError) as error:
                    found.append(ValueInvalid(path, str(error)))
                    continue
                if wrong is not None:
                    found.append(ValueInvalid(path, constraint.description or wrong))
        return value

    return coerce


def _inside(schema: Schema) -> Coercer | None:
    """What does the same for what is inside a LIST or MAP, None where that may be anything."""
    if schema.fields is not None and schema.type is PropertyType.MAP:
        fields = schema.fields
        return lambda value, path, custom, found: (
            _coerce_fields(fields, value, path, custom, found) if isinstance(value, MAPS) else value
        )
    if schema.items is None:
        return None
    item = schema.items.coercer
    if schema.type is PropertyType.LIST:
        return lambda value, path, custom, found: [item(one, (*path, i), custom, found) for i, one in enumerate(value)]
    if schema.type is PropertyType.MAP:
        return lambda value, path, custom, found: (
            {key: item(one, (*path, key), custom, found) for key, one in value.items()}
            if isinstance(value, MAPS)
            else value
        )
    return None


def _coerce_fields(
    fields: Mapping[str, Schema],
    values: Mapping[str, Any],
    path: Path,
    custom: CustomCheck | None,
    found: list[ValueInvalid],
) -> dict[str, Any]:
    meant = ""
    if not values.keys() <= fields.keys():
        for name in values:
            if name not in fields:
                hint = did_you_mean(str(name), fields)
                meant += hint
                found.append(ValueInvalid(path, f"Unknown Property {name}", hint, str(name)))
    result: dict[str, Any] = {}
    for name, schema in fields.items():
        if name in values:
            if not schema.implemented:
                found.append(ValueInvalid(path, f"Property {name} not implemented yet", key=name))
                continue
            result[name] = schema.coercer(values[name], (*path, name), custom, found)
        elif schema.default is not None:
            result[name] = schema.coercer(None, (*path, name), custom, found)
        elif schema.required and f'"{name}"' not in meant:  # a misspelled one is told already
            found.append(ValueInvalid(path, f"Property {name} not assigned"))
    return result


def coerce_all(
    schemas: Mapping[str, Schema], values: Mapping[str, Any], custom: CustomCheck | None = None, path: Path = ()
) -> dict[str, Any]:
    """A whole property map as its schemas' types, defaults filled; keys that are neither given nor defaulted stay out.

    Raises ValuesInvalid with everything that is wrong, in Heat's order: unknown keys first, then schema order.
    """
    found: list[ValueInvalid] = []
    result = _coerce_fields(schemas, values, path, custom, found)
    if found:
        raise ValuesInvalid(found)
    return result


def check_all(
    schemas: Mapping[str, Schema], values: Mapping[str, Any], custom: CustomCheck | None = None, path: Path = ()
) -> list[ValueInvalid]:
    """Everything that is wrong with a property map, without raising."""
    found: list[ValueInvalid] = []
    _coerce_fields(schemas, values, path, custom, found)
    return found


@dataclass(frozen=True, slots=True)
class AttributeSchema:
    """What a resource type says of one attribute."""

    description: str = ""
    type: PropertyType | None = None
    support: Support = SUPPORTED


@dataclass(frozen=True)
class TypeSchema:
    """A resource type as the template checker sees it.

    `any_attributes`, `any_properties`: names are not known beforehand. `aliases`: old property name → the name that replaced it;
    a required property counts as given when one of its old names is. `update_policy`: what may stand in that section.
    `heat_class`: what Heat's sentences call a resource of the type,
    when that is not the last part of its name.
    """

    name: str
    properties: Mapping[str, Schema] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    any_attributes: bool = False
    support: Support = SUPPORTED
    any_properties: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    update_policy: Mapping[str, Schema] = field(default_factory=dict)
    heat_class: str = ""

    @property
    def called(self) -> str:
        """What Heat's sentences call a resource of the type."""
        return self.heat_class or self.name.rsplit("::", 1)[-1]

    @cached_property
    def going(self) -> frozenset[str]:
        """The properties that are on their way out, or have something inside that is."""
        return frozenset(name for name, schema in self.properties.items() if _has_going(schema))


def _has_going(schema: Schema) -> bool:
    if schema.support.status in GOING:
        return True
    inner = list((schema.fields or {}).values())
    if schema.items is not None:
        inner.append(schema.items)
    return any(_has_going(one) for one in inner)


class TypeCatalog(Protocol):
    """Where the checker looks resource types up; the registry implements it."""

    def schema(self, type_name: str, resource_name: str) -> TypeSchema | None:
        """The type's schema, or None when there is no such type; an environment may give one resource another."""

    def suggestions(self, type_name: str) -> Sequence[str]:
        """Names of types that may have been meant."""
