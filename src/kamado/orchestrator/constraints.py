"""What can only be said with a type's own rules or by asking the cloud: cross-property rules and custom constraints.

Called by `templates.prepare` after the language's own checks have passed. The trap: a constraint that asks the cloud costs
a call, so a pair of constraint and value is asked once a request, and only for properties that declare one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from kamado.orchestrator.context import RequestContext, Services
from kamado.plugin import finders
from kamado.plugin.registry import Registry
from kamado.template import UNKNOWN, Definition, Parameters, Problem, resolve
from kamado.template.problems import Path, dotted
from kamado.template.schema import Custom, Schema, TypeSchema, ValueInvalid, ValuesInvalid, coerce, coerce_all

Custom_ = Callable[[str, Any], str | None]


class BeforeScope:
    """Values as they are known before anything exists: parameters, nothing of resources."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    def parameter(self, name: str) -> Any:
        """The value of a parameter."""
        return self._parameters[name]

    def reference(self, _resource: str) -> Any:
        """Not yet known."""
        return UNKNOWN

    def attribute(self, _resource: str, _path: tuple[Any, ...]) -> Any:
        """Not yet known."""
        return UNKNOWN

    def facade(self, _key: str) -> Any:
        """Not yet known."""
        return UNKNOWN


def custom_problems(
    services: Services,
    context: RequestContext,
    types: Registry,
    definitions: Mapping[str, Definition],
    parameters: Parameters,
) -> Iterator[Problem]:
    """Everything that a type's rules and its custom constraints have against the definitions."""
    ask = asking(services, context)
    scope = BeforeScope(parameters)
    for name, schema in parameters.schemas.items():
        yield from _parameter(name, schema.constraints, parameters[name], ask)
    for definition in definitions.values():
        cls = types.get(definition.type, definition.name)
        constrained = constrained_properties(cls.schema)
        if not (constrained or cls.rules or cls.validate.__func__ is not _plain_validate()):
            continue
        yield from _definition(cls, definition, scope, constrained, ask)


@lru_cache(maxsize=1)
def _plain_validate() -> Any:
    from kamado.plugin.resource import Resource

    return Resource.validate.__func__  # type: ignore[attr-defined]


def asking(services: Services, context: RequestContext) -> Custom_:
    """A check of custom constraints that asks the caller's cloud, each question once."""
    answers: dict[tuple[str, str], str | None] = {}

    def ask(name: str, value: Any) -> str | None:
        key = (name, repr(value))
        if key not in answers:
            answers[key] = finders.check(name, value, lambda: services.clouds.for_token(context))
        return answers[key]

    return ask


def _definition(
    cls: Any, definition: Definition, scope: BeforeScope, constrained: frozenset[str], ask: Custom_
) -> Iterator[Problem]:
    path: Path = ("resources", definition.name, "properties")
    values: dict[str, Any] = {}
    for name, written in definition.properties.items():
        values[name] = resolve(written, scope)
    schemas = cls.schema.properties
    for name in constrained & values.keys():
        try:
            coerce(schemas[name], values[name], (name,), ask)
        except (ValueInvalid, ValuesInvalid) as error:
            for broken in getattr(error, "errors", (error,)):
                yield _problem(
                    "KO001", f"Property error: : {dotted((*path, *broken.path))}: : {broken}", definition, broken.path
                )
    try:
        complete = coerce_all(schemas, values)
    except (ValueInvalid, ValuesInvalid):
        return
    for finding in cls.validate(complete):
        yield _problem("KO002", str(finding), definition, (), getattr(finding, "error_type", "StackValidationFailed"))


def _parameter(name: str, constraints: tuple[Any, ...], value: Any, ask: Custom_) -> Iterator[Problem]:
    for constraint in constraints:
        if isinstance(constraint, Custom) and value not in (None, ""):
            reason = constraint.check(value, ask)
            if reason is not None:
                yield Problem("KO003", f"Parameter '{name}' is invalid: {reason}", path=("parameters", name))


def _problem(
    code: str, message: str, definition: Definition, path: Path, error_type: str = "StackValidationFailed"
) -> Problem:
    place = definition.location
    return Problem(
        code,
        message,
        error_type,
        path=("resources", definition.name, "properties", *path),
        file=place.file,
        line=place.line,
        column=place.column,
    )


def _constrained(schema: Schema) -> bool:
    if any(isinstance(constraint, Custom) for constraint in schema.constraints):
        return True
    nested = list((schema.fields or {}).values())
    if schema.items is not None:
        nested.append(schema.items)
    return any(_constrained(one) for one in nested)


_BY_TYPE: dict[int, tuple[TypeSchema, frozenset[str]]] = {}


def constrained_properties(schema: TypeSchema) -> frozenset[str]:
    """Names of the properties that have a custom constraint somewhere inside."""
    kept = _BY_TYPE.get(id(schema))
    if kept is None or kept[0] is not schema:
        found = frozenset(name for name, one in schema.properties.items() if _constrained(one))
        kept = _BY_TYPE[id(schema)] = (schema, found)
    return kept[1]
