"""`POST /validate`: what a template wants to be given, and what keeps it from being a stack. Nothing is written.

Called by the API. The trap: Heat stops at references, attributes, circles, unknown types and unknown properties only; what is
wrong with values it finds when a stack is made. Those findings are told here too, beside the answer, under `Problems`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from kamado.orchestrator import stacks, templates
from kamado.orchestrator.constraints import rule_problems
from kamado.orchestrator.context import Services
from kamado.orchestrator.errors import Refused
from kamado.orchestrator.nested import Level, Tree, is_error
from kamado.orchestrator.requests import StackRequest
from kamado.template import (
    UNKNOWN,
    Problem,
    Template,
    TemplateInvalid,
    check,
    draft,
)

T = TypeVar("T")

IGNORABLE = ("99001",)
"""Codes of findings that a client may have ignored: 99001 is a service that the cloud does not have, which is not looked at here."""

_OF_THE_WHOLE = ("KT201", "KT401", "KT402", "KT403", "KT407", "KT408", "KO002")
"""Findings that validation stops at: unknown parameters and types, references, circles, attributes. Others are about values."""

_MISSING = "KT202"
"""A parameter without a value, which nobody has to give here."""

_OF_THE_TEXT = ("KT0", "KT1")
"""How the codes of findings begin that keep a text from being a template: a nested one, for of the first no other is left."""

_PLAIN = ("EntityNotFound", "InvalidTemplateSection", "StackValidationFailed")
"""Findings that this request answers as a malformed one."""


def validate(
    services: Services, request: StackRequest, *, show_nested: bool = False, ignored: Sequence[str] = ()
) -> dict[str, Any]:
    """What a template wants to be given, in the shape of `POST /validate`.

    Findings about values (Heat finds them on create only) do not refuse it: they are listed under `Problems`.
    When anything refuses it, they are told after that.
    `show_nested`: the parameters of nested templates too. `ignored`: codes of `ignore_errors`; raises Refused for others than `IGNORABLE`.
    """
    unknown = [code for code in ignored if code not in IGNORABLE]
    if unknown:
        raise Refused("HTTPBadRequest", f"Invalid codes in ignore_errors : {unknown}")
    template = _validated(lambda: draft(stacks.source(request), files=request.files, limits=templates.limits(services)))
    environment = request.environment
    types = services.registry.for_environment(environment, request.files)
    parameters = template.open_parameters()
    level = Level(template, parameters, template.decided(parameters)[0], environment, types)
    given = [problem for problem in template.bound(environment)[1] if problem.code != _MISSING]
    found = _validated(lambda: check(template, None, types, environment, warn=False))
    own = [*template.problems, *given, *found, *rule_problems(types, template, level.definitions, parameters)]
    tree = _tree(services, request, _stops)
    stops = [*filter(_stops, own), *tree.look(level).problems]
    problems = list(dict.fromkeys([*stops, *own, *_tree(services, request, is_error).look(level).problems]))
    if stops:
        raise _worded(TemplateInvalid(problems))
    answer = _described(template, environment.parameters, environment.parameter_defaults)
    nested = _nested(tree, level) if show_nested else {}
    if nested:
        answer["NestedParameters"] = nested
    shown = dict(environment.as_dict())
    shown.pop("encrypted_param_names", None)
    # Types that are named by a file count as registered under that name, as in Heat.
    files = {one.type: one.type for one in level.definitions.values() if one.type in request.files}
    shown["resource_registry"] = {**files, **shown["resource_registry"]}
    answer["Environment"] = shown
    if problems:
        answer["Problems"] = [problem.render() for problem in problems[:100]]
    return answer


def _tree(services: Services, request: StackRequest, counts: Callable[[Problem], bool]) -> Tree:
    deepest = services.settings.max_nested_stack_depth
    return Tree(services.registry, request.files, deepest, None, counts, open_ended=True)


def _described(template: Template, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Description, parameters and groups; an environment's default shows as the parameter's own."""
    described = {
        name: schema.describe(given.get(name), defaults.get(name)) for name, schema in template.parameters.items()
    }
    answer: dict[str, Any] = {
        "Description": template.description or stacks.NO_DESCRIPTION,
        "Parameters": described,
    }
    if template.parameter_groups:
        answer["ParameterGroups"] = list(template.parameter_groups)
    return answer


def _nested(tree: Tree, level: Level) -> dict[str, Any]:
    """The same of each resource that is a nested stack, by the resource's name, with the values that it is given."""
    found: dict[str, Any] = {}
    for definition, below in tree.children(level):
        given = {name: value for name, value in below.environment.parameters.items() if value is not UNKNOWN}
        shape = {
            "Type": definition.type,
            **_described(below.template, given, below.environment.parameter_defaults),
        }
        deeper = _nested(tree, below)
        if deeper:
            shape["NestedParameters"] = deeper
        found[definition.name] = shape
    return found


def _stops(problem: Problem) -> bool:
    """Whether Heat's validation refuses a template for it; of the properties, only names of the first level."""
    if problem.code == "KT405":
        return len(problem.path) == 4 and "Unknown Property" in problem.message
    return is_error(problem) and (problem.code in _OF_THE_WHOLE or problem.code.startswith(_OF_THE_TEXT))


def _validated(work: Callable[[], T]) -> T:
    """Run a check of `validate`; it words some findings differently from a create."""
    try:
        return work()
    except TemplateInvalid as error:
        raise _worded(error) from error


def _worded(error: TemplateInvalid) -> Exception:
    if error.error_type not in _PLAIN:
        return error
    return Refused("HTTPBadRequest", str(error).replace(": : ", ": "), error.problems)
