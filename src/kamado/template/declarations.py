"""Reading parameter declarations of both languages into `ParameterSchema`; everything wrong becomes a Problem in Heat's words.

Called by the loader. The trap: of several constraints in one entry Heat takes the first in its own order and ignores the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kamado.template.parameters import ParameterSchema, to_boolean
from kamado.template.patterns import check_pattern
from kamado.template.problems import Path, Problem, did_you_mean
from kamado.template.schema import AllowedPattern, AllowedValues, Constraint, Custom, Length, Modulo, Range, to_number
from kamado.template.source import Source

HOT_KEYS = ("type", "description", "default", "schema", "constraints", "hidden", "label", "immutable", "tags")
HOT_TYPES = ("string", "number", "comma_delimited_list", "json", "boolean")
CFN_TYPES = {
    "String": "string",
    "Number": "number",
    "CommaDelimitedList": "comma_delimited_list",
    "Json": "json",
    "Boolean": "boolean",
}
CFN_KEYS = (
    "Type",
    "Default",
    "NoEcho",
    "AllowedValues",
    "AllowedPattern",
    "MaxLength",
    "MinLength",
    "MaxValue",
    "MinValue",
    "Description",
    "ConstraintDescription",
    "Label",
)
CONSTRAINT_KEYS = (
    "description",
    "length",
    "range",
    "modulo",
    "allowed_values",
    "allowed_pattern",
    "custom_constraint",
)

# which types a constraint is for; what Heat calls it in its refusal
_FITS: Mapping[type, tuple[str, frozenset[str]]] = {
    Length: ("Length", frozenset({"string", "comma_delimited_list", "json"})),
    Range: ("Range", frozenset({"number"})),
    Modulo: ("Modulo", frozenset({"number"})),
    AllowedPattern: ("AllowedPattern", frozenset({"string"})),
}


class SchemaInvalid(ValueError):
    """A declaration is refused."""

    def __init__(self, message: str, path: Path = (), hint: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.hint = hint


def read_parameters(
    section: Mapping[str, Any], name: str, source: Source, cfn: bool, tags: bool
) -> tuple[dict[str, ParameterSchema], list[Problem]]:
    """All declarations of a section that can be read, and what is wrong with the others."""
    made: dict[str, ParameterSchema] = {}
    problems: list[Problem] = []
    for key, body in section.items():
        try:
            made[key] = _cfn(key, body) if cfn else _hot(key, body, tags)
        except SchemaInvalid as refused:
            problems.append(
                source.problem(
                    "KT102",
                    str(refused),
                    (name, key, *refused.path),
                    error_type="InvalidSchemaError",
                    hint=refused.hint,
                )
            )
    return made, problems


_SECTIONS = frozenset({"resources", "outputs", "conditions", "Resources", "Outputs", "Conditions", "Mappings"})


def _keys(name: str, body: Any, known: tuple[str, ...], type_key: str) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise SchemaInvalid(f"Invalid parameter ({name}), expected a mapping")
    for key in body:
        if key not in known:
            hint = did_you_mean(key, known)
            if name in _SECTIONS:
                hint = f'"{name}" is a section; is it one level too deep?'
            raise SchemaInvalid(f"Invalid key '{key}' for parameter ({name})", (key,), hint)
    if type_key not in body:
        raise SchemaInvalid(f"Missing parameter type for parameter: {name}")
    return body


def _hot(name: str, body: Any, tags: bool) -> ParameterSchema:
    known = HOT_KEYS if tags else HOT_KEYS[:-1]
    body = _keys(name, body, known, "type")
    kind = body["type"]
    if not isinstance(kind, str) or kind not in HOT_TYPES:
        raise SchemaInvalid(f"Invalid type ({kind})", ("type",), did_you_mean(str(kind).lower(), HOT_TYPES))
    entries = body.get("constraints") or []
    if not isinstance(entries, list):
        raise SchemaInvalid(f"Invalid parameter constraints for parameter {name}, expected a list", ("constraints",))
    constraints = []
    for position, entry in enumerate(entries):
        try:
            constraints.append(_constraint(entry, kind))
        except SchemaInvalid as refused:
            raise SchemaInvalid(str(refused), ("constraints", position, *refused.path), refused.hint) from None
    labels = body.get("tags")
    if labels is not None and not isinstance(labels, list):
        raise SchemaInvalid(f"Tags property should be a list for parameter: {name}", ("tags",))
    return _finished(
        ParameterSchema(
            name,
            kind,  # type: ignore[arg-type]
            body.get("default"),
            _words(body.get("description")),
            _words(body.get("label")),
            tuple(constraints),
            _flag(body.get("hidden")),
            _flag(body.get("immutable")),
            tuple(str(label) for label in labels or ()),
        )
    )


def _words(text: Any) -> str:
    return "" if text is None else str(text)


def _flag(value: Any) -> bool:
    if value is None or value is False:
        return False
    try:
        return to_boolean(value)
    except ValueError:
        # Heat hides on anything it does not take for a "no"; a secret must not leak because of a typing mistake
        return True


def _finished(schema: ParameterSchema) -> ParameterSchema:
    for constraint in schema.constraints:
        fits = _FITS.get(type(constraint))
        if fits is not None and schema.type not in fits[1]:
            raise SchemaInvalid(
                f"Parameter '{schema.name}' is invalid: {fits[0]} constraint invalid for {schema.type}",
                ("constraints",),
            )
    if schema.default is None:
        return schema
    try:
        typed = schema.typed(schema.default)
    except (ValueError, TypeError):
        return schema  # only wrong once it is used, as in Heat: a given value replaces it
    wrong = schema.wrong(typed)
    if wrong is not None:
        raise SchemaInvalid(
            f"Parameter '{schema.name}' is invalid: Invalid default {schema.default} ({wrong})", ("default",)
        )
    return schema


def _constraint(entry: Any, kind: str) -> Constraint:
    if not isinstance(entry, Mapping):
        raise SchemaInvalid("Invalid parameter constraints, expected a mapping")
    for key in entry:
        if key not in CONSTRAINT_KEYS:
            raise SchemaInvalid(
                f"Invalid key '{key}' for parameter constraints", (key,), did_you_mean(key, CONSTRAINT_KEYS)
            )
    words = _words(entry.get("description"))
    for key, make in _MAKE.items():
        if key in entry:
            try:
                return make(entry[key], kind, words)
            except SchemaInvalid as refused:
                raise SchemaInvalid(str(refused), (key, *refused.path), refused.hint) from None
    raise SchemaInvalid("No constraint expressed")


def _pair(body: Any, what: str, known: tuple[str, str], convert: Callable[[Any], Any]) -> list[Any]:
    if not isinstance(body, Mapping):
        raise SchemaInvalid(f"Invalid {what} constraint, expected a mapping")
    for key in body:
        if key not in known:
            raise SchemaInvalid(f"Invalid key '{key}' for {what} constraint", (key,), did_you_mean(key, known))
    made = []
    for key in known:
        value = body.get(key)
        try:
            made.append(None if value is None else convert(value))
        except (ValueError, TypeError) as error:
            raise SchemaInvalid(str(error), (key,)) from None
    return made


def _length(body: Any, _kind: str, words: str) -> Constraint:
    low, high = _pair(body, "length", ("min", "max"), int)
    if low is None and high is None:
        raise SchemaInvalid("A length constraint must have a min value and/or a max value specified.")
    return Length(low, high, words)


def _range(body: Any, _kind: str, words: str) -> Constraint:
    low, high = _pair(body, "range", ("min", "max"), to_number)
    if low is None and high is None:
        raise SchemaInvalid("A range constraint must have a min value and/or a max value specified.")
    return Range(low, high, words)


def _modulo(body: Any, _kind: str, words: str) -> Constraint:
    step, offset = _pair(body, "modulo", ("step", "offset"), to_number)
    if step is None or offset is None:
        raise SchemaInvalid("A modulo constraint must have a step value and an offset value specified.")
    try:
        return Modulo(step, offset, words)
    except ValueError as error:
        raise SchemaInvalid(str(error)) from None


def _allowed_values(body: Any, kind: str, words: str) -> Constraint:
    if not isinstance(body, list):
        raise SchemaInvalid("AllowedValues must be a list")
    try:
        return AllowedValues([to_number(item) for item in body] if kind == "number" else body, words, body)
    except (ValueError, TypeError) as error:
        raise SchemaInvalid(str(error)) from None


def _allowed_pattern(body: Any, _kind: str, words: str) -> Constraint:
    if not isinstance(body, str):
        raise SchemaInvalid("AllowedPattern must be a string")
    wrong = check_pattern(body)
    if wrong is not None:
        raise SchemaInvalid(wrong)
    return AllowedPattern(body, words)


def _custom(body: Any, _kind: str, words: str) -> Constraint:
    if not isinstance(body, str):
        raise SchemaInvalid("A custom constraint must be a string")
    return Custom(body, words)


_MAKE: Mapping[str, Callable[[Any, str, str], Constraint]] = {
    "length": _length,
    "range": _range,
    "modulo": _modulo,
    "allowed_values": _allowed_values,
    "allowed_pattern": _allowed_pattern,
    "custom_constraint": _custom,
}


def _cfn(name: str, body: Any) -> ParameterSchema:
    body = _keys(name, body, CFN_KEYS, "Type")
    kind = CFN_TYPES.get(body["Type"]) if isinstance(body["Type"], str) else None
    if kind is None:
        raise SchemaInvalid(f"Invalid type ({body['Type']})", ("Type",), did_you_mean(str(body["Type"]), CFN_TYPES))
    words = _words(body.get("ConstraintDescription"))
    constraints: list[Constraint] = []
    for key, low, high, make in (
        ("length", "MinLength", "MaxLength", _length),
        ("range", "MinValue", "MaxValue", _range),
    ):
        bounds = {bound: body[given] for bound, given in (("min", low), ("max", high)) if given in body}
        if bounds:
            constraints.append(make(bounds, key, words))
    if "AllowedValues" in body:
        constraints.append(_allowed_values(body["AllowedValues"], kind, words))
    if "AllowedPattern" in body:
        constraints.append(_allowed_pattern(body["AllowedPattern"], kind, words))
    return _finished(
        ParameterSchema(
            name,
            kind,  # type: ignore[arg-type]
            body.get("Default"),
            _words(body.get("Description")),
            _words(body.get("Label")),
            tuple(constraints),
            _flag(body.get("NoEcho")),
        )
    )
