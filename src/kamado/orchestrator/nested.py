"""What is nested in a template, looked through before anything is made: problems at every depth, how deep, how many, and
whether a cloud is needed.

Called by `templates.prepare` and by validation. The trap: values that only a run will know are UNKNOWN here, so a nested stack whose
template depends on one cannot be looked into; the engine meets its limits again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from kamado.engine.children import TOO_DEEP, child_environment
from kamado.engine.scope import attribute_names
from kamado.plugin.context import ChildTemplate
from kamado.plugin.registry import Registry, UnknownType
from kamado.plugin.stack_resource import Present, StackResource
from kamado.template import (
    UNKNOWN,
    Definition,
    Environment,
    Parameters,
    Problem,
    PseudoParameters,
    ResolveError,
    Template,
    TemplateInvalid,
    ValuesInvalid,
    check,
    contains_unknown,
    draft,
    resolve,
)
from kamado.template.conditions import ParameterScope
from kamado.template.properties import coerce_properties
from kamado.template.schema import CustomCheck

_UNNAMED = "nested_stack"
"""What Heat calls the template of a group, in the place where that of another has its file's name."""
_UNKNOWN_TYPE = "KT403"
_LOCATED = re.compile(r"(?:(?P<kind>\w[\w ]*): : )?(?P<path>(?:resources|outputs)[.\[].*?): : (?P<words>.*)", re.DOTALL)


@dataclass(frozen=True)
class Level:
    """A stack of the tree as far as it is known: what it wants, and what its names mean."""

    template: Template
    parameters: Parameters
    definitions: Mapping[str, Definition]
    environment: Environment
    types: Registry
    depth: int = 0
    place: str = ""

    @cached_property
    def read(self) -> Mapping[str, Collection[str | None]]:
        """Resource name → the attributes that are read somewhere."""
        outputs = self.template.decided(self.parameters)[1].values()
        inside = (place for definition in self.definitions.values() for place in definition.attributes)
        return attribute_names([*inside, *(place for output in outputs for place in output.attributes)])


@dataclass(frozen=True, slots=True)
class Inside:
    """What was found inside a level: problems, resources (its own too), and whether none of them touches a cloud."""

    problems: tuple[Problem, ...] = ()
    resources: int = 0
    local: bool = True


def is_error(problem: Problem) -> bool:
    """Whether a finding is more than advice."""
    return problem.severity == "error"


@dataclass
class Tree:
    """Looks through one request's tree. ``most_deep``: the limit; ``custom``: checks custom constraints.

    ``counts`` says which findings below the first level matter. ``open_ended``: values may be missing, as where a template is judged
    before anybody has given any.
    """

    registry: Registry
    files: Mapping[str, str]
    most_deep: int
    custom: CustomCheck | None = None
    counts: Callable[[Problem], bool] = is_error
    open_ended: bool = False
    _templates: dict[str, Template] = field(default_factory=dict)
    _known: dict[str, Inside] = field(default_factory=dict)
    _drafted: set[str] = field(default_factory=set)
    _told: set[Problem] = field(default_factory=set)

    def look(self, level: Level) -> Inside:
        """Everything below a level whose own problems are known already."""
        problems: list[Problem] = []
        count, local = 0, True
        for definition in level.definitions.values():
            count += 1
            try:
                cls = level.types.get(definition.type, definition.name)
            except UnknownType:
                continue
            except TemplateInvalid:
                inside = self._draft_inside(level, definition)
            else:
                if not issubclass(cls, StackResource):
                    local = local and cls.local is True
                    continue
                inside = self._child(level, definition, cls)
            problems += inside.problems
            count += inside.resources
            local = local and inside.local
        return Inside(tuple(problems), count, local)

    def children(self, level: Level) -> Iterator[tuple[Definition, Level]]:
        """The nested stacks of a level that can be looked into, none below the limit."""
        for definition in level.definitions.values() if level.depth < self.most_deep else ():
            cls = level.types.get(definition.type, definition.name)
            child = _wanted(level, definition, cls) if issubclass(cls, StackResource) else None
            if child is None:
                continue
            try:
                below = self._level(level, definition, child)
            except TemplateInvalid:
                continue
            yield definition, below

    def child(
        self,
        level: Level,
        definition: Definition,
        pseudo: PseudoParameters,
        properties: Mapping[str, Any] | None = None,
        present: Present | None = None,
    ) -> Level | None:
        """The nested stack of a resource; None when there is none, or nothing can be said of it.

        ``pseudo``: what it knows of itself. ``properties`` (UNKNOWN where the run will tell): by default, what the parameters tell.
        ``present``: what there is already.
        """
        cls = level.types.get(definition.type, definition.name)
        if not issubclass(cls, StackResource):
            return None
        told = _told(level, definition, cls) if properties is None else properties
        child = None if told is None else _made_from(level, cls, definition, told, present)
        try:
            return None if child is None else self._level(level, definition, child, pseudo=pseudo)
        except TemplateInvalid:
            return None

    def _child(self, level: Level, definition: Definition, cls: type[StackResource]) -> Inside:
        child = _wanted(level, definition, cls)
        if child is None:
            return self._draft_inside(level, definition)
        label = child.template if isinstance(child.template, str) else _UNNAMED
        place = _place(level, definition, label)
        if level.depth >= self.most_deep:
            words = f"RequestLimitExceeded: : {place}: : {TOO_DEEP.format(self.most_deep)}"
            return Inside((Problem("KO002", words, file=level.template.file),))
        key = json.dumps(
            [
                place if level.place or label == _UNNAMED else label,
                level.depth,
                child.parameters,
                _single(level, definition),
                _facade(level, definition),
            ],
            default=str,
        )
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._look_into(level, definition, child, place)
        return found

    def _look_into(self, level: Level, definition: Definition, child: ChildTemplate, place: str) -> Inside:
        try:
            below, told = self._drawn(level, definition, child, place)
        except TemplateInvalid as error:
            return Inside(tuple(_placed(problem, place) for problem in error.problems if self.counts(problem)))
        return self._judged(below, told)

    def _judged(self, level: Level, told: Sequence[Problem] = ()) -> Inside:
        """Everything in a level and below it; ``told``: what is known to be wrong with its template and values."""
        found = [
            *told,
            *check(level.template, level.parameters, level.types, level.environment, custom=self.custom, warn=False),
        ]
        counted = [problem for problem in found if self.counts(problem)]
        if not level.place.endswith(f"<{_UNNAMED}>"):  # a file may be used many times, and is wrong but once
            counted = [problem for problem in counted if problem not in self._told]
            self._told.update(counted)
        inside = self.look(level)
        return replace(inside, problems=(*(_placed(problem, level.place) for problem in counted), *inside.problems))

    def _draft_inside(self, level: Level, definition: Definition) -> Inside:
        """What is wrong in a file whatever it is given: one that is no type as it stands, or that is given what it does not take."""
        file = level.types.resolve(definition.type, definition.name)
        text = level.types.text(file)
        if text is None or file in self._drafted or level.depth >= self.most_deep:
            return Inside()
        self._drafted.add(file)
        try:
            template = draft(text, file=file, files=self.files)
        except TemplateInvalid:
            return Inside()
        environment = replace(level.environment, parameters={}, encrypted_param_names=())
        parameters = template.open_parameters()
        definitions = template.decided(parameters)[0]
        types = self.registry.for_environment(environment, self.files)
        place = _place(level, definition, file)
        return self._judged(Level(template, parameters, definitions, environment, types, level.depth + 1, place))

    def _level(
        self,
        level: Level,
        definition: Definition,
        child: ChildTemplate,
        pseudo: PseudoParameters | None = None,
    ) -> Level:
        """The level that a child is. Raises TemplateInvalid when it cannot be made."""
        made, told = self._drawn(level, definition, child, pseudo=pseudo)
        undecided = made.template.decided(made.parameters)[2]
        if told or undecided:
            raise TemplateInvalid([*told, *undecided])
        return made

    def _drawn(
        self,
        level: Level,
        definition: Definition,
        child: ChildTemplate,
        place: str = "",
        pseudo: PseudoParameters | None = None,
    ) -> tuple[Level, Sequence[Problem]]:
        """The level that a child is as far as it can be read, and what is wrong with its template and values."""
        template = self._template(child, definition, level.types)
        body = child_environment(level.environment.as_dict(), definition.name, child)
        environment = replace(
            level.environment,
            parameters=body["parameters"],
            registry=body["resource_registry"],
            encrypted_param_names=(),
        )
        if self.open_ended:
            environment = environment.with_parameters(template.missing(environment))
        known = replace(pseudo or PseudoParameters(), facade=_facade(level, definition))
        parameters, wrong = template.bound(environment, known)
        definitions = template.decided(parameters)[0]
        types = self.registry.for_environment(environment, self.files)
        made = Level(template, parameters, definitions, environment, types, level.depth + 1, place)
        return made, (*template.problems, *wrong)

    def _template(self, child: ChildTemplate, definition: Definition, types: Registry) -> Template:
        if not isinstance(child.template, str):
            return draft(child.template, file=definition.type, files=self.files)
        found = self._templates.get(child.template)
        if found is None:
            text = types.text(child.template) or ""
            found = self._templates[child.template] = draft(text, file=child.template, files=self.files)
        return found


def _wanted(level: Level, definition: Definition, cls: type[StackResource]) -> ChildTemplate | None:
    """What a nested stack is made from, values not yet known UNKNOWN."""
    told = _told(level, definition, cls)
    return None if told is None else _made_from(level, cls, definition, told)


def _told(level: Level, definition: Definition, cls: type[StackResource]) -> Mapping[str, Any] | None:
    """The properties as far as parameters tell them, the rest UNKNOWN; None when they do not fit."""
    try:
        return coerce_properties(cls.schema, resolve(definition.properties, ParameterScope(level.parameters)) or {})
    except (ResolveError, ValuesInvalid):
        return None


def _made_from(
    level: Level,
    cls: type[StackResource],
    definition: Definition,
    properties: Mapping[str, Any],
    present: Present | None = None,
) -> ChildTemplate | None:
    try:
        found = cls.template_for(definition.type, properties, level.read.get(definition.name, ()), present)
    except (ResolveError, ValuesInvalid):
        return None
    if found is None:
        return None
    given = {name: UNKNOWN if contains_unknown(value) else value for name, value in found.parameters.items()}
    return replace(found, parameters=given)


def _facade(level: Level, definition: Definition) -> dict[str, Any]:
    """What `resource_facade` gives below a resource, as far as it is known."""
    scope = ParameterScope(level.parameters)
    try:
        metadata, update_policy = resolve(definition.metadata, scope), resolve(definition.update_policy, scope)
    except ResolveError:  # the run will say so of the resource itself
        metadata = update_policy = UNKNOWN
    return {"metadata": metadata, "deletion_policy": definition.deletion_policy, "update_policy": update_policy}


def _place(level: Level, definition: Definition, label: str) -> str:
    """The way to a nested template, as Heat writes it."""
    return f"{level.place}.resources.{definition.name}<{label}>".lstrip(".")


def _single(level: Level, definition: Definition) -> Any:
    singles = level.environment.registry.get("resources")
    return singles.get(definition.name) if isinstance(singles, Mapping) else None


def _placed(problem: Problem, place: str) -> Problem:
    """A problem of a nested template as Heat tells it: with the way to it."""
    found = _LOCATED.fullmatch(problem.message)
    if (
        problem.code == _UNKNOWN_TYPE
        and problem.message.startswith("The Resource Type")
        and place.endswith(f"<{_UNNAMED}>")
    ):
        message = problem.message
    elif found is not None:
        head = f"{found['kind']}: : " if found["kind"] else ""
        below = found["path"]
        path = below if below.startswith(place) else f"{place}.{below}"
        message = f"{head}{path}: : {found['words']}"
    else:
        plain = problem.error_type in ("StackValidationFailed", "EntityNotFound", "InvalidTemplateSection")
        head = "" if plain else f"{problem.error_type}: : "
        message = f"{head}{place}: : {problem.message}"
    # The text says where it is, in a text of another file than the one that was sent.
    return replace(problem, message=message, error_type="StackValidationFailed", path=(), line=None, column=None)
