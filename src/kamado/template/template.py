"""A loaded template: immutable, shareable, and all that can be asked of it.

`load` is the entrance for everybody, `draft` that of who tells all that is wrong. Binding parameters and making definitions are cheap
and may be done for many stacks from one Template.
The trap: `raw` is the client's own object when a client sent one; treat it as read-only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar

from kamado.template.deciding import Decider
from kamado.template.definition import Definition, Output
from kamado.template.environment import Environment
from kamado.template.functions.core import calls, resolve
from kamado.template.functions.references import ResourceFacade
from kamado.template.limits import Limits
from kamado.template.loader import Loader, Parts, Resource, find_dialect
from kamado.template.parameters import Parameters, ParameterSchema, PseudoParameters, bind
from kamado.template.problems import Problem, TemplateInvalid
from kamado.template.schema import CustomCheck
from kamado.template.source import Source, read
from kamado.template.unknown import UNKNOWN

T = TypeVar("T")


def load(
    source: str | bytes | Mapping[str, Any],
    *,
    file: str = "template",
    files: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Template:
    """Read a template from YAML or JSON text, or from the object that a client already parsed.

    `files` holds the contents for get_file and nested templates by their URL. Raises TemplateInvalid with all problems of shape. A pure
    function of its arguments.
    """
    template = draft(source, file=file, files=files, limits=limits)
    if template.problems:
        raise TemplateInvalid(template.problems)
    return template


def draft(
    source: str | bytes | Mapping[str, Any],
    *,
    file: str = "template",
    files: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Template:
    """As `load`, but what is wrong with single parts is in the template's `problems`, so that the others can be looked at too.

    Raises TemplateInvalid only for what is no template at all. Nothing may be made of a template that has problems.
    """
    limits = limits or Limits()
    found = read(source, file, limits)
    dialect = find_dialect(found)
    parts = Loader(found, dialect, files or {}, limits).run()
    return Template(found, dialect.flavour, dialect.version_key, parts, files or {})


class Template:
    """A template that has been read; see `load`."""

    def __init__(self, source: Source, flavour: str, version_key: str, parts: Parts, files: Mapping[str, str]) -> None:
        self.source = source
        self.flavour = flavour
        self.version = str(source.value[version_key])
        self.description = parts.description
        self.parameters: Mapping[str, ParameterSchema] = parts.parameters
        self.parameter_groups = parts.parameter_groups
        self.conditions: Mapping[str, Any] = parts.conditions
        self.mappings = parts.mappings
        self.outputs: Mapping[str, Output] = parts.outputs
        self.resources: Mapping[str, Resource] = parts.resources
        self.parts = parts
        self.files = files

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with its parts; only a `draft` has any."""
        return tuple(self.parts.problems)

    def __repr__(self) -> str:
        return f"<Template {self.version} with {len(self.resources)} resources>"

    @property
    def raw(self) -> Mapping[str, Any]:
        """The body as Heat's API gives it back. Read-only."""
        body: Mapping[str, Any] = self.source.value
        return body

    @property
    def file(self) -> str:
        """The name that messages use for the template."""
        return self.source.file

    def bind(
        self,
        environment: Environment | None = None,
        pseudo: PseudoParameters | None = None,
        custom: CustomCheck | None = None,
    ) -> Parameters:
        """The parameters' values; `custom` checks custom constraints. Raises TemplateInvalid: missing, unknown, wrong ones."""
        parameters, problems = self.bound(environment, pseudo, custom)
        if problems:
            raise TemplateInvalid(problems)
        return parameters

    def bound(
        self,
        environment: Environment | None = None,
        pseudo: PseudoParameters | None = None,
        custom: CustomCheck | None = None,
    ) -> tuple[Parameters, list[Problem]]:
        """As `bind`, but what is missing or wrong is told beside the values and is UNKNOWN in them."""
        environment, pseudo = environment or Environment(), pseudo or PseudoParameters()
        values_unread = not environment.unread.isdisjoint(("parameters", "parameter_defaults"))
        parameters, problems = bind(
            self.parameters,
            {**environment.parameters, **(self.missing(environment) if values_unread else {})},
            environment.parameter_defaults,
            pseudo.values(self.flavour),
            custom,
            pseudo.facade,
            self.parts.unread.get("parameters", ()),
        )
        return parameters, [self._placed(problem) for problem in problems]

    def missing(self, environment: Environment) -> dict[str, Any]:
        """The parameters that an environment gives no value, though they need one, as not yet known."""
        given = {**environment.parameter_defaults, **environment.parameters}
        return {name: UNKNOWN for name, one in self.parameters.items() if one.required and given.get(name) is None}

    def _placed(self, problem: Problem) -> Problem:
        if problem.file == "environment" or self.flavour == "cfn":
            return problem
        return self.source.problem(
            problem.code, problem.message, problem.path, error_type=problem.error_type, hint=problem.hint
        )

    @cached_property
    def reads_parent(self) -> bool:
        """Whether it reads anything of the resource that it stands for in a parent's template."""
        return any(
            isinstance(call, ResourceFacade)
            for part in (*[resource.definition for resource in self.resources.values()], *self.outputs.values())
            for value in vars(part).values()
            for call in calls(value)
        )

    def open_parameters(self) -> Parameters:
        """Parameters as far as the template alone knows them: defaults where there are any, the others UNKNOWN."""
        given = {name: UNKNOWN for name, schema in self.parameters.items() if schema.default is None}
        pseudo = dict.fromkeys(PseudoParameters().values(self.flavour), UNKNOWN)
        return bind(self.parameters, given, {}, pseudo, unread=self.parts.unread.get("parameters", ()))[0]

    def definitions(self, parameters: Mapping[str, Any]) -> dict[str, Definition]:
        """All resources that the conditions let through, in template order; raises TemplateInvalid."""
        return _without_problems(self._decider.definitions(parameters))

    def active_outputs(self, parameters: Mapping[str, Any]) -> dict[str, Output]:
        """All outputs, with their values decided; one whose condition is false has the value null, as in Heat."""
        return _without_problems(self._decider.outputs(parameters))

    def decided(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Definition], dict[str, Output], list[Problem]]:
        """`definitions` and `active_outputs` as far as they can be decided, and what is in the way of the others."""
        definitions, wrong = self._decider.definitions(parameters)
        outputs, more = self._decider.outputs(parameters)
        return definitions, outputs, [*wrong, *more]

    def render(self) -> str:
        """The template as YAML text."""
        import yaml

        dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        return str(yaml.dump(self.raw, Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=False))

    def dump(self) -> str:
        """The template as JSON text."""
        return json.dumps(self.raw, indent=2, ensure_ascii=False)

    @cached_property
    def _decider(self) -> Decider:
        return Decider(self.source, self.flavour, self.resources, self.outputs)


def _without_problems(found: tuple[T, list[Problem]]) -> T:
    if found[1]:
        raise TemplateInvalid(found[1])
    return found[0]


def resolved_properties(definition: Definition, scope: Any) -> dict[str, Any]:
    """The properties of a definition in a scope; a constant map comes back as it is."""
    value = resolve(definition.properties, scope)
    if value is UNKNOWN or value is None:
        return {}
    found: dict[str, Any] = value
    return found


__all__ = ["Template", "draft", "load", "resolved_properties"]
