"""What only a type's own rules or the cloud can say: rules across properties, custom constraints, and what is taken from outside.

Called by `templates.prepare`. The trap: a constraint that asks the cloud costs a call, so each pair of constraint and value is
asked once a request, and the cloud is only reached when a template uses such a constraint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from kamado.engine.children import stack_info
from kamado.model.records import ResourceRecord, StackRecord
from kamado.orchestrator.context import RequestContext, Services
from kamado.plugin import finders, lifecycle
from kamado.plugin.context import Ports
from kamado.plugin.registry import Registry, UnknownType
from kamado.plugin.resource import Resource
from kamado.plugin.thing import is_there
from kamado.template import (
    UNKNOWN,
    Definition,
    Parameters,
    Problem,
    ResolveError,
    Template,
    TemplateInvalid,
    ValuesInvalid,
    resolve,
)
from kamado.template.conditions import ParameterScope
from kamado.template.properties import coerce_properties


class Asking:
    """A check of custom constraints with the caller's cloud, each question asked once; KeyError for a name that none has."""

    def __init__(self, services: Services, context: RequestContext) -> None:
        self._cloud = partial(services.clouds.for_token, context)
        self.answers: dict[tuple[str, str], str | None] = {}

    def __call__(self, name: str, value: Any) -> str | None:
        """What is wrong with the value, None for nothing."""
        key = (name, repr(value))
        if not finders.known(name):
            raise KeyError(name)
        if key not in self.answers:
            self.answers[key] = finders.check(name, value, self._cloud)
        return self.answers[key]


def rule_problems(
    types: Registry, template: Template, definitions: Mapping[str, Definition], parameters: Parameters
) -> Iterator[Problem]:
    """What the types' rules across properties have against the definitions, values of resources not yet known.

    Of what `check` refuses already nothing is said: unknown types, properties that do not fit.
    """
    scope = ParameterScope(parameters)
    section = "resources" if template.flavour == "hot" else "Resources"

    def known(name: str) -> Mapping[str, Any] | None:
        definition = definitions[name]
        try:
            schema = types.get(definition.type, name).schema
            values = resolve(definition.properties, scope)
            return None if values is UNKNOWN else coerce_properties(schema, values or {})
        except (ResolveError, ValuesInvalid, UnknownType, TemplateInvalid):
            return None

    for definition in definitions.values():
        try:
            cls = types.get(definition.type, definition.name)
        except (UnknownType, TemplateInvalid):
            continue
        found = [] if template.parts.unread else cls.validate_beside(definition, definitions, known)
        values = known(definition.name) if has_rules(cls) else None
        found += cls.validate(values) if values is not None else []
        for finding in found:
            place = template.source.place((section, definition.name))
            yield Problem(
                "KO001",
                finding.told(definition.name),
                getattr(finding, "error_type", "StackValidationFailed"),
                path=("resources", definition.name, "properties"),
                file=place.file,
                line=place.line,
                column=place.column,
            )


def missing_from_outside(
    services: Services,
    context: RequestContext,
    stack: StackRecord,
    types: Registry,
    template: Template,
    definitions: Iterable[Definition],
) -> Iterator[Problem]:
    """What is to be taken from outside (``external_id``) and is not there, as the caller sees the cloud."""
    ports = Ports(clock=services.clock, cloud=lambda: services.clouds.for_token(context))
    for definition in definitions:
        wanted = definition.external_id
        if not isinstance(wanted, str):
            continue
        row = ResourceRecord.unmade(stack.id, definition.name, definition.type, services.clock.now(), wanted)
        if not is_there(lifecycle.build(types, row, stack_info(stack, services.settings.region_name), ports)):
            yield template.source.problem(
                "KO003",
                f"Invalid external resource: Resource {wanted} ({definition.type}) can not be found.",
                ("resources" if template.flavour == "hot" else "Resources", definition.name, "external_id"),
            )


def has_rules(cls: type[Resource]) -> bool:
    """Whether a type says anything across properties: rules, or a `validate` of its own."""
    mine = cls.__mro__[: cls.__mro__.index(Resource)]
    return bool(cls.rules) or any("validate" in vars(base) for base in mine)
