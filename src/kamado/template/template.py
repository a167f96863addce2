"""A loaded template: immutable, shareable, and all that can be asked of it.

`load` is the entrance for everybody. Binding parameters and making definitions are cheap and may be done for many stacks from one Template.
The trap: `raw` is the client's own object when a client sent one; treat it as read-only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from kamado.template.conditions import ConditionBroken, ParameterScope, decide
from kamado.template.definition import NO_READS, Definition, Output, reads
from kamado.template.environment import Environment
from kamado.template.functions.core import ABSENT, Function, ResolveError, rebuild, resolve
from kamado.template.functions.references import If
from kamado.template.limits import Limits
from kamado.template.loader import Loader, Parts, Resource, find_dialect
from kamado.template.parameters import Parameters, ParameterSchema, PseudoParameters, bind
from kamado.template.problems import Problem, TemplateInvalid, did_you_mean, dotted
from kamado.template.schema import CustomCheck
from kamado.template.source import Source, read
from kamado.template.unknown import UNKNOWN


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
        self.warnings = tuple(parts.warnings)
        self.files = files

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
        environment = environment or Environment()
        parameters, problems = bind(
            self.parameters,
            environment.parameters,
            environment.parameter_defaults,
            (pseudo or PseudoParameters()).values(self.flavour),
            custom,
        )
        if problems:
            raise TemplateInvalid([self._placed(problem) for problem in problems])
        return parameters

    def _placed(self, problem: Problem) -> Problem:
        if problem.file == "environment" or self.flavour == "cfn":
            return problem
        return self.source.problem(
            problem.code, problem.message, problem.path, error_type=problem.error_type, hint=problem.hint
        )

    def open_parameters(self) -> Parameters:
        """Parameters as far as the template alone knows them: defaults where there are any, the others UNKNOWN."""
        given = {name: UNKNOWN for name, schema in self.parameters.items() if schema.default is None}
        pseudo = dict.fromkeys(PseudoParameters().values(self.flavour), UNKNOWN)
        return bind(self.parameters, given, {}, pseudo)[0]

    def definitions(self, parameters: Mapping[str, Any]) -> dict[str, Definition]:
        """All resources that the conditions let through, in template order; raises TemplateInvalid."""
        scope = ParameterScope(parameters)
        problems: list[Problem] = []
        ready = self._ready
        made: dict[str, Definition] = {}
        for name, resource in self.resources.items():
            condition = resource.condition
            if (
                condition is not True
                and self._decide(condition, scope, (*self._section("resources"), name), problems) is False
            ):
                continue
            definition = ready.get(name)
            if definition is None:
                definition = self._decided(resource, scope, problems)
            made[name] = definition
        if problems:
            raise TemplateInvalid(problems)
        if len(made) < len(self.resources):
            self._forget_left_out(made)
        return made

    def _forget_left_out(self, made: dict[str, Definition]) -> None:
        """Drop explicit dependencies on resources whose condition is false; Heat takes them for nothing."""
        for name, definition in made.items():
            if any(other not in made and other in self.resources for other in definition.depends_on):
                kept = tuple(o for o in definition.depends_on if o in made or o not in self.resources)
                gone = set(definition.depends_on) - set(kept)
                gone -= reads(None, definition.properties, definition.metadata, definition.update_policy).resources
                made[name] = replace(definition, depends_on=kept, requires=definition.requires - gone)

    def active_outputs(self, parameters: Mapping[str, Any]) -> dict[str, Output]:
        """All outputs, with their values decided; one whose condition is false has the value null, as in Heat."""
        scope = ParameterScope(parameters)
        problems: list[Problem] = []
        made: dict[str, Output] = {}
        for name, output in self.outputs.items():
            value = output.value
            if (
                output.condition is not None
                and self._decide(output.condition, scope, output.path[:-1], problems) is False
            ):
                value = None
            value = self._branches(value, scope, problems)
            if value is output.value:
                made[name] = output
                continue
            found = reads(scope, value)
            made[name] = Output(
                name,
                output.description,
                value,
                output.condition,
                found.resources,
                found.attributes,
                found.parameters,
                output.location,
                output.path,
            )
        if problems:
            raise TemplateInvalid(problems)
        return made

    def render(self) -> str:
        """The template as YAML text."""
        import yaml

        dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        return str(yaml.dump(self.raw, Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=False))

    def dump(self) -> str:
        """The template as JSON text."""
        return json.dumps(self.raw, indent=2, ensure_ascii=False)

    def _section(self, name: str) -> tuple[str, ...]:
        return (name if self.flavour == "hot" else name.capitalize(),)

    def _decide(self, condition: Any, scope: ParameterScope, path: tuple[Any, ...], problems: list[Problem]) -> Any:
        try:
            return decide(condition, scope)
        except ResolveError as refused:
            key = "condition" if self.flavour == "hot" else "Condition"
            problems.append(self._undecidable(refused, (*path, key)))
            return True

    def _undecidable(self, refused: ResolveError, path: tuple[Any, ...]) -> Problem:
        if isinstance(refused, ConditionBroken):
            at = (*self._section("conditions"), refused.condition)
            return self.source.problem("KT122", f"Condition validation error: : {refused}", at, hint=refused.hint)
        return self.source.problem("KT122", f"{dotted(path)}: : {refused}", path)

    @cached_property
    def _ready(self) -> dict[str, Definition]:
        return {
            name: self._definition(resource, resource, None)
            for name, resource in self.resources.items()
            if not resource.undecided
        }

    def _definition(self, resource: Resource, parts: Resource, scope: ParameterScope | None) -> Definition:
        found = reads(scope, parts.properties, parts.metadata, parts.update_policy, parts.external_id)
        requires = found.resources.union(parts.depends_on) if parts.depends_on else found.resources
        return Definition(
            resource.name,
            parts.type,
            parts.properties,
            parts.metadata,
            parts.depends_on,
            parts.deletion_policy,
            parts.update_policy,
            parts.external_id,
            parts.description,
            requires,
            found.attributes,
            found.parameters,
            self.source.place((*self._section("resources"), resource.name)),
        )

    def _decided(self, resource: Resource, scope: ParameterScope, problems: list[Problem]) -> Definition:
        path = (*self._section("resources"), resource.name)

        def value(field: Any) -> Any:
            return self._branches(field, scope, problems)

        def known(field: Any, name: str) -> Any:
            field = self._branches(field, scope, problems)
            try:
                return resolve(field, scope)
            except ResolveError as refused:
                problems.append(self.source.problem("KT123", f"{dotted(path)}.{name}: : {refused}", (*path, name)))
                return None

        policy = resource.deletion_policy
        if not isinstance(policy, str):
            policy = self._policy(known(policy, "deletion_policy"), path, problems)
        properties = value(resource.properties)
        parts = Resource(
            resource.name,
            resource.type,
            {} if properties is None or properties is ABSENT else properties,
            value(resource.metadata),
            resource.depends_on,
            policy,
            value(resource.update_policy),
            known(resource.external_id, "external_id"),
            resource.description,
            resource.condition,
            False,
        )
        return self._definition(resource, parts, scope)

    def _policy(self, policy: Any, path: tuple[Any, ...], problems: list[Problem]) -> str:
        spellings = {name: name for name in ("Delete", "Retain", "Snapshot")}
        spellings |= {name.lower(): name for name in spellings}
        if policy is UNKNOWN or policy is None:
            return "Delete"
        if policy not in spellings:
            problems.append(
                self.source.problem(
                    "KT135",
                    f'Invalid deletion policy "{policy}"',
                    (*path, "deletion_policy"),
                    hint=did_you_mean(str(policy), spellings),
                )
            )
        return spellings.get(policy, "Delete")

    def _branches(self, value: Any, scope: ParameterScope, problems: list[Problem]) -> Any:
        """The value with every `if` replaced by the branch that its condition picks."""

        def change(call: Function) -> Any:
            if isinstance(call, If):
                return self._branch(call, scope, problems, change)
            inside = rebuild(call.args, change)
            if inside is call.args:
                return call
            copy = object.__new__(type(call))
            for slot in ("name", "path", "context"):
                setattr(copy, slot, getattr(call, slot))
            copy.args = None if inside is ABSENT else inside
            return copy

        changed = rebuild(value, change)
        return None if changed is ABSENT else changed

    def _branch(self, call: If, scope: ParameterScope, problems: list[Problem], change: Any) -> Any:
        try:
            decision = decide(call.condition, scope)
        except ResolveError as refused:
            problems.append(self._undecidable(refused, call.path))
            return None
        if decision is UNKNOWN:
            return call
        problems.extend(call.problems_of(decision))
        return rebuild(call.branch(decision), change)


def resolved_properties(definition: Definition, scope: Any) -> dict[str, Any]:
    """The properties of a definition in a scope; a constant map comes back as it is."""
    value = resolve(definition.properties, scope)
    if value is UNKNOWN or value is None:
        return {}
    found: dict[str, Any] = value
    return found


__all__ = ["NO_READS", "Template", "load", "resolved_properties"]
