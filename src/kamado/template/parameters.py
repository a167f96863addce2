"""Parameters: their declarations, their values, and what may be shown of them.

The loaders make `ParameterSchema` from either language; `Template.bind` makes `Parameters` from an environment. The trap: a value has two
faces, the typed one that functions see (`parameters[name]`) and the text that Heat's API shows (`shown()`); hidden ones have six asterisks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kamado.template.functions.core import ResolveError
from kamado.template.problems import Problem, did_you_mean
from kamado.template.schema import Constraint, CustomCheck, to_number
from kamado.template.unknown import UNKNOWN, Partly, Unknown, with_unread

ParameterType = Literal["string", "number", "comma_delimited_list", "json", "boolean"]
HIDDEN = "******"

TRUE_WORDS = frozenset({"1", "t", "true", "on", "y", "yes"})
FALSE_WORDS = frozenset({"0", "f", "false", "off", "n", "no"})

_API_TYPES: Mapping[str, str] = {
    "string": "String",
    "number": "Number",
    "comma_delimited_list": "CommaDelimitedList",
    "json": "Json",
    "boolean": "Boolean",
}
_API_CONSTRAINTS: Mapping[tuple[str, str], str] = {
    ("length", "min"): "MinLength",
    ("length", "max"): "MaxLength",
    ("range", "min"): "MinValue",
    ("range", "max"): "MaxValue",
    ("modulo", "step"): "Step",
    ("modulo", "offset"): "Offset",
}
_API_WHOLE: Mapping[str, str] = {
    "allowed_values": "AllowedValues",
    "allowed_pattern": "AllowedPattern",
    "custom_constraint": "CustomConstraint",
}


@dataclass(frozen=True)
class ParameterSchema:
    """The declaration of one parameter; `default` is as written, None when there is none."""

    name: str
    type: ParameterType
    default: Any = None
    description: str = ""
    label: str = ""
    constraints: tuple[Constraint, ...] = ()
    hidden: bool = False
    immutable: bool = False
    tags: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is None

    def describe(self, value: Any = None, default: Any = None) -> dict[str, Any]:
        """The entry of this parameter in Heat's answer to `validate`.

        ``value`` is what the user gave; ``default`` what the environment puts in place of the template's default.
        """
        shape: dict[str, Any] = {
            "Type": _API_TYPES[self.type],
            "Description": self.description,
            "NoEcho": "true" if self.hidden else "false",
            "Label": self.label or self.name,
        }
        default = self.default if default is None else default
        if default is not None:
            shape["Default"] = default
        if value:  # Heat leaves out what counts as nothing, such as 0
            shape["Value"] = value
        words = []
        for constraint in self.constraints:
            for kind, body in constraint.describe().items():
                if kind in _API_WHOLE:
                    shape[_API_WHOLE[kind]] = body
                elif isinstance(body, Mapping):
                    shape.update({_API_CONSTRAINTS[kind, bound]: limit for bound, limit in body.items()})
            if constraint.description:
                words.append(constraint.description)
        if words:
            shape["ConstraintDescription"] = " ".join(words)
        if self.tags:
            shape["Tags"] = list(self.tags)
        return shape

    def typed(self, value: Any) -> Any:
        """A value as functions see it; raises ValueError or TypeError in Heat's words."""
        return _TYPED[self.type](value)

    def text(self, typed: Any, given: Any) -> str:
        """The value as Heat's API shows it."""
        if self.type == "json":
            return json.dumps(typed, ensure_ascii=False)
        if self.type == "comma_delimited_list":
            return given if isinstance(given, str) else ",".join(typed)
        return str(typed)

    def wrong(self, typed: Any, custom: CustomCheck | None = None) -> str | None:
        """What a constraint says against a typed value, or None."""
        for constraint in self.constraints:
            try:
                found = constraint.check(typed, custom)
            except KeyError as missing:
                found = f'"{typed}" does not validate {missing.args[0]} (constraint not found)'
            except (ValueError, TypeError) as error:
                found = str(error)
            if found is not None:
                return constraint.description or found
        return None


def to_boolean(value: Any) -> bool:
    """A boolean from one of the words that Heat takes; raises ValueError."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    words = ", ".join(f"'{known}'" for known in sorted(TRUE_WORDS | FALSE_WORDS))
    raise ValueError(f"Unrecognized value '{value}', acceptable values are: {words}")


def _json(value: Any) -> Any:
    if isinstance(value, str):
        if not value:
            return ""
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f"Value must be valid JSON: {error}") from None
    return value


def _list(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    if isinstance(value, str):
        return value.split(",") if value else []  # blanks belong to the items, unlike in properties
    raise ValueError(
        f"Value must be a comma-delimited list string: '{type(value).__name__}' object has no attribute 'split'"
    )


def _text(value: Any) -> str:
    return str(value)


_TYPED: Mapping[str, Callable[[Any], Any]] = {
    "string": _text,
    "number": to_number,
    "boolean": to_boolean,
    "json": _json,
    "comma_delimited_list": _list,
}


@dataclass(frozen=True, slots=True)
class PseudoParameters:
    """What every stack knows of itself; name and id are UNKNOWN of a stack that is still to be made.

    ``facade`` is what `resource_facade` reads in a nested stack, None in one that is not nested.
    """

    stack_name: str | Unknown = ""
    stack_id: str | Unknown | None = None
    project_id: str = ""
    region: str | None = None
    facade: Mapping[str, Any] | None = None

    def values(self, flavour: str) -> dict[str, Any]:
        """The pseudo parameters of a language."""
        if flavour == "cfn":
            return {
                "AWS::StackId": self._arn(),
                "AWS::StackName": self.stack_name,
                "AWS::Region": self.region or "ap-southeast-1",
            }
        return {
            "OS::stack_id": UNKNOWN if self.stack_id is UNKNOWN else str(self.stack_id),
            "OS::project_id": self.project_id,
            "OS::stack_name": self.stack_name,
        }

    def _arn(self) -> str | Unknown:
        if self.stack_id is UNKNOWN or self.stack_name is UNKNOWN:
            return UNKNOWN
        if self.stack_id is None:
            return "None"
        return f"arn:openstack:heat::{self.project_id}:stacks/{self.stack_name}/{self.stack_id}"


class Parameters(Mapping[str, Any]):
    """The bound parameters of a stack: name to typed value, pseudo parameters included. Immutable."""

    def __init__(
        self,
        schemas: Mapping[str, ParameterSchema],
        typed: Mapping[str, Any],
        given: Mapping[str, Any],
        pseudo: Mapping[str, Any],
        facade: Any = UNKNOWN,
    ) -> None:
        self.facade = facade
        self.schemas = schemas
        self._typed = typed if isinstance(typed, Partly) else {**pseudo, **typed}
        self._given = given
        self._pseudo = pseudo

    def __getitem__(self, name: str) -> Any:
        return self._typed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._typed)

    def __len__(self) -> int:
        return len(self._typed)

    def __repr__(self) -> str:
        return f"Parameters({self.shown()!r})"

    @property
    def hidden(self) -> frozenset[str]:
        """The names whose values are never shown."""
        return frozenset(name for name, schema in self.schemas.items() if schema.hidden)

    def of_parent(self, key: str) -> Any:
        """What the parent's template says under ``key`` of the resource that this stack is. Raises ResolveError when there is no parent."""
        if self.facade is None:
            raise ResolveError("A resource_facade has a meaning in a nested template only.")
        return UNKNOWN if self.facade is UNKNOWN else self.facade.get(key)

    @property
    def own(self) -> dict[str, Any]:
        """The typed values of the template's own parameters, without the pseudo ones."""
        return {name: self._typed[name] for name in self.schemas if name in self._typed}

    def given(self) -> dict[str, Any]:
        """The values as they were given or defaulted, before conversion."""
        return dict(self._given)

    def shown(self) -> dict[str, str]:
        """`parameters` as Heat's API shows them: all text, hidden ones masked."""
        texts = {name: str(value) for name, value in self._pseudo.items()}
        for name, schema in self.schemas.items():
            if name in self._typed:
                value = self._typed[name]
                if schema.hidden:
                    texts[name] = HIDDEN
                else:
                    texts[name] = str(value) if value is UNKNOWN else schema.text(value, self._given.get(name))
        return texts

    def changed(self, other: Parameters) -> frozenset[str]:
        """The names whose values differ from another set's, in either direction."""
        mine, theirs = self.own, other.own
        return frozenset(
            name for name in {*mine, *theirs} if name not in mine or name not in theirs or mine[name] != theirs[name]
        )

    def immutable_changes(self, before: Parameters) -> list[str]:
        """Names of immutable parameters whose value is not what it was; Heat refuses the update for them."""
        return [
            name
            for name, schema in self.schemas.items()
            if schema.immutable and name in before.own and name in self.own and before.own[name] != self.own[name]
        ]


def bind(
    schemas: Mapping[str, ParameterSchema],
    given: Mapping[str, Any],
    defaults: Mapping[str, Any],
    pseudo: Mapping[str, Any],
    custom: CustomCheck | None = None,
    facade: Any = UNKNOWN,
    unread: Collection[str] = (),
) -> tuple[Parameters, list[Problem]]:
    """Values for declarations: what was given, else the environment's default, else the template's; and all that is wrong.

    ``facade``: see `PseudoParameters`; UNKNOWN where it is not known what the template will be used for. ``unread``: parameters whose
    declarations could not be read. Their values, and those that are missing or wrong, are UNKNOWN.
    """
    problems: list[Problem] = []
    for name in given:
        if name not in schemas and name not in unread:
            problems.append(
                Problem(
                    "KT201",
                    f"The Parameter ({name}) was not defined in template.",
                    "UnknownUserParameter",
                    ("parameters", name),
                    "environment",
                    hint=did_you_mean(str(name), schemas),
                )
            )
    typed: dict[str, Any] = {}
    taken: dict[str, Any] = {}
    for name, schema in schemas.items():
        value = given.get(name)
        if value is None:
            value = defaults.get(name)
        if value is None:
            value = schema.default
        if value is None:
            problems.append(
                Problem(
                    "KT202", f"The Parameter ({name}) was not provided.", "UserParameterMissing", ("parameters", name)
                )
            )
            typed[name] = UNKNOWN
            continue
        taken[name] = value
        if value is UNKNOWN:
            typed[name] = UNKNOWN
            continue
        problem = _bound(schema, value, typed, custom)
        if problem is not None:
            typed[name] = UNKNOWN
            problems.append(problem)
    return Parameters(schemas, with_unread({**pseudo, **typed}, unread), taken, pseudo, facade), problems


def _bound(schema: ParameterSchema, value: Any, typed: dict[str, Any], custom: CustomCheck | None) -> Problem | None:
    try:
        typed[schema.name] = schema.typed(value)
        wrong = schema.wrong(typed[schema.name], custom)
    except (ValueError, TypeError, OverflowError) as error:
        wrong = str(error)
    if wrong is None:
        return None
    return Problem("KT203", f"Parameter '{schema.name}' is invalid: {wrong}", path=("parameters", schema.name))
