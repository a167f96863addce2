"""From what a request says to what a stack should be: template parsed once, parameters bound, everything checked.

Called by the use cases for stacks. The trap: nothing in here writes; a refusal must leave no row, no trust and no resource
behind, so bodies are stored by the callers, when everything has been said yes to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kamado.model.records import StackRecord, Target
from kamado.orchestrator.constraints import Asking, missing_from_outside, rule_problems
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import Forbidden, Refused, RequestLimitExceeded
from kamado.orchestrator.nested import Inside, Level, Tree
from kamado.orchestrator.requests import StackRequest
from kamado.plugin.registry import Registry, UnknownType
from kamado.plugin.resource import Resource
from kamado.template import (
    UNKNOWN,
    Definition,
    Environment,
    Limits,
    Parameters,
    Problem,
    PseudoParameters,
    Template,
    TemplateInvalid,
    check,
    draft,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stack should become, as somebody says it; nothing of it has been checked."""

    template: Template
    environment: Environment
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A target that has passed all checks, with what was worked out on the way.

    ``local``: no resource touches a cloud, so no credential is needed.
    """

    template: Template
    environment: Environment
    files: Mapping[str, str]
    parameters: Parameters
    definitions: Mapping[str, Definition]
    types: Registry
    local: bool
    type_names: frozenset[str]

    def level(self, depth: int) -> Level:
        """The stack itself in the tree of its nested ones."""
        return Level(self.template, self.parameters, self.definitions, self.environment, self.types, depth)


def pseudo(services: Services, stack: StackRecord, template: Template) -> PseudoParameters:
    """OS::stack_name and its like, for a stack."""
    return replace(services.targets.pseudo(stack, template), region=services.settings.region_name)


def of_target(services: Services, target: Target) -> Template:
    """The stored template of a stack or an operation."""
    return services.targets.template(target)


def files_of(services: Services, target: Target) -> dict[str, str]:
    """The stored files of a target."""
    return {name: services.store.files.get(body) for name, body in target.files.items()}


def environment_of(target: Target) -> Environment:
    """The stored environment of a target."""
    return Environment.load(dict(target.environment))


def parameters_of(services: Services, stack: StackRecord, template: Template) -> Parameters:
    """The values of a stored stack's parameters."""
    return template.bind(environment_of(stack.target), pseudo(services, stack, template))


def prepare(services: Services, context: RequestContext, stack: StackRecord, wanted: Wanted) -> Prepared:
    """Check everything that can be checked before anything is written.

    What passed a while ago, and was not asked of the cloud, passes again: an update that changes nothing costs next to nothing.

    :raises TemplateInvalid: the template or its values do not fit; all findings are in it.
    :raises Forbidden: the caller may not use a type.
    :raises RequestLimitExceeded: too many resources.
    """
    known = pseudo(services, stack, wanted.template)
    key = (
        f"{id(wanted.template)} {stack.nested_depth} {known!r} {json.dumps(wanted.environment.as_dict(), default=str)}"
    )
    passed: Prepared | None = services.passed.get(key)
    if passed is not None and passed.files == wanted.files:
        allow_types(services, context, passed.type_names)
        if not passed.local:
            named = {(found.type, found.name) for found in passed.definitions.values()}
            _refuse_unavailable(services, context, passed.types, named)
        return passed
    ask = Asking(services, context)
    look = _Look(services, wanted, known, ask, stack.nested_depth)
    prepared = _checked(services, context, stack, look)
    if not ask.answers and all(found.external_id is None for found in prepared.definitions.values()):
        services.passed.put(key, prepared)  # which holds the template, so that nobody else's has its id
    return prepared


def _checked(services: Services, context: RequestContext, stack: StackRecord, look: _Look) -> Prepared:
    level = look.level
    definitions = level.definitions
    type_names = frozenset(definition.type for definition in definitions.values())
    limit = services.settings.max_resources_per_stack
    if not look.told:
        if limit != -1 and len(definitions) > limit:
            raise RequestLimitExceeded.of("Maximum resources per stack exceeded.")
        allow_types(services, context, type_names)
        _refuse_unavailable(services, context, level.types, {(one.type, one.name) for one in definitions.values()})
    found = look.found()
    if not found:
        found += missing_from_outside(services, context, stack, level.types, level.template, definitions.values())
    inside = look.inside()
    refuse([*found, *inside.problems])
    if limit != -1 and inside.resources > limit:
        raise RequestLimitExceeded.of("Maximum resources per stack exceeded.")
    files, local = look.wanted.files, inside.local
    return Prepared(
        level.template, level.environment, files, level.parameters, definitions, level.types, local, type_names
    )


class _Look:
    """A look at what is wanted: the stack as far as it can be read, and everything that is wrong with it."""

    def __init__(
        self, services: Services, wanted: Wanted, known: PseudoParameters, ask: Asking, depth: int = 0
    ) -> None:
        template, environment = wanted.template, wanted.environment
        parameters, wrong = template.bound(environment, known, ask)
        definitions, _, undecided = template.decided(parameters)
        types = services.registry.for_environment(environment, wanted.files)
        self.wanted = wanted
        self.ask = ask
        self.told = [*environment.problems, *template.problems, *wrong, *undecided]
        """What is wrong before types are asked."""
        self.level = Level(template, parameters, definitions, environment, types, depth)
        self._tree = Tree(services.registry, wanted.files, services.settings.max_nested_stack_depth, ask)

    def found(self) -> list[Problem]:
        """All that is wrong with the stack itself."""
        level = self.level
        found = check(level.template, level.parameters, level.types, level.environment, custom=self.ask, warn=False)
        rules = rule_problems(level.types, level.template, level.definitions, level.parameters)
        return [*self.told, *found, *rules]

    def inside(self) -> Inside:
        """What is in its nested stacks, and wrong with them."""
        return self._tree.look(self.level)


def refuse_unread(services: Services, context: RequestContext, request: StackRequest) -> None:
    """Refuse a request whose environment cannot be read, and say what else is wrong with it; nothing happens when it can."""
    problems = list(request.environment.problems)
    if not problems:
        return
    if request.template:
        try:
            template = draft(request.template, files=request.files, limits=limits(services))
        except TemplateInvalid as refused:
            problems += refused.problems
        else:
            known = PseudoParameters(UNKNOWN, UNKNOWN, context.project_id)
            wanted = Wanted(template, request.environment, request.files)
            look = _Look(services, wanted, known, Asking(services, context))
            problems += [*look.found(), *look.inside().problems]
    refuse(problems)


def _refuse_unavailable(
    services: Services, context: RequestContext, types: Registry, wanted: Iterable[tuple[str, str]]
) -> None:
    """Refuse types whose service or extension the cloud does not have; each class is asked once."""
    asked: set[type[Resource]] = set()
    for type_name, name in sorted(wanted):
        try:
            cls = types.get(type_name, name)
        except (UnknownType, TemplateInvalid):  # the check tells it
            continue
        if cls.unavailable.__func__ is Resource.unavailable.__func__ or cls in asked:  # type: ignore[attr-defined]
            continue
        asked.add(cls)
        reason = cls.unavailable(services.clouds.for_token(context))
        if reason is not None:
            raise Refused("ResourceTypeUnavailable", reason)


_FAULTS_OF_THE_STACK = ("EntityNotFound", "InvalidTemplateSection")
"""What a stack cannot be made of is a failed validation to Heat's clients, whatever found it."""


def parse(services: Services, source: str | Mapping[str, Any], files: Mapping[str, str]) -> Template:
    """The template of a create or update, within the service's limits; what is wrong in it is told by `prepare`, together with the rest.

    One that was accepted lately, as an object, is not parsed again.

    :raises TemplateInvalid: it is none at all.
    """
    if not isinstance(source, str):
        store = services.store
        named = {name: store.files.id_of(text) for name, text in files.items()}
        known = services.accepted.get(_name(store.templates.id_of(source), named))
        if known is not None:
            return known
    try:
        return draft(source, files=files, limits=limits(services))
    except TemplateInvalid as error:
        raise TemplateInvalid([_as_stack_fault(problem) for problem in error.problems]) from error


def _name(template_id: str, files: Mapping[str, str]) -> str:
    return f"{template_id} {sorted(files.items())}"


def limits(services: Services) -> Limits:
    """How large a template may be."""
    return Limits(max_bytes=services.settings.max_template_size)


def refuse(problems: Iterable[Problem]) -> None:
    """Raise when one of the findings is an error; with all that are, each once."""
    errors = list(dict.fromkeys(_as_stack_fault(problem) for problem in problems if problem.severity == "error"))
    if errors:
        raise TemplateInvalid(errors)


def _as_stack_fault(problem: Problem) -> Problem:
    if problem.error_type not in _FAULTS_OF_THE_STACK:
        return problem
    return replace(problem, error_type="StackValidationFailed")


def allow_types(services: Services, context: RequestContext, types: Iterable[str]) -> None:
    """Refuse resource types that the caller's roles do not allow; the rule of the whole namespace counts too."""
    for name in sorted(types):
        forbidden = denied(services, context, name)
        if forbidden is not None:
            raise Forbidden.of(forbidden)


def denied(services: Services, context: RequestContext, type_name: str) -> str | None:
    """What policy forbids about a resource type, in Heat's words: the type's rule; the bare type if its namespace's rule does."""
    told = {
        f"resource_types:{type_name}": f"resource_types:{type_name}",
        f"resource_types:{type_name.rsplit('::', 1)[0]}::*": type_name,
    }
    return next((words for rule, words in told.items() if not services.policy.allows(context, rule)), None)


def may_use(services: Services, context: RequestContext, type_name: str) -> bool:
    """Whether policy allows a resource type."""
    return denied(services, context, type_name) is None


def store_target(services: Services, prepared: Prepared) -> Target:
    """Store template and files (content-addressed: equal ones once) and say where they are."""
    store = services.store
    target = Target(
        template_id=store.templates.put(prepared.template.raw),
        files={name: store.files.put(text) for name, text in prepared.files.items()},
        environment=prepared.environment.as_dict(),
    )
    services.targets.keep(target, prepared.template)
    if not prepared.template.source.from_text:  # places in somebody's text are nobody else's
        services.accepted.put(_name(target.template_id, target.files), prepared.template)
    return target
