"""Everything that can be found wrong with a template without a cloud.

Called by the API before a stack is made and by `kamado validate`. All problems come at once, in the order in which
Heat would meet them, so that the first one's text is what Heat would answer. The trap: values that depend on
resources are not known here and are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kamado.template import advice
from kamado.template.conditions import ParameterScope
from kamado.template.definition import Definition, Output
from kamado.template.environment import Environment
from kamado.template.functions.core import DynList, DynMap, Function, ResolveError, is_constant, resolve
from kamado.template.functions.references import GetAttr, GetParam, GetResource, If, Ref
from kamado.template.graph import CircleFound, dependency_order, reachable
from kamado.template.parameters import Parameters
from kamado.template.problems import Path, Problem, TemplateInvalid, did_you_mean, dotted
from kamado.template.properties import check_properties
from kamado.template.schema import CustomCheck, TypeCatalog, TypeSchema, check_all
from kamado.template.template import Template
from kamado.template.unknown import UNKNOWN


def check(
    template: Template,
    parameters: Parameters | None,
    catalog: TypeCatalog,
    environment: Environment | None = None,
    *,
    custom: CustomCheck | None = None,
    warn: bool = True,
) -> list[Problem]:
    """All problems besides those that the template (see `draft`) and the parameters (see `Template.bound`) tell, most important first.

    What is only a consequence of these is not told. `parameters`: None judges the template for itself, with its defaults. `catalog`
    knows the types, `environment` maps types to others. `custom` checks custom constraints on known values (None: they are not
    checked). `warn`: whether to look for what is allowed and probably not meant, too.
    """
    bound = parameters if parameters is not None else template.open_parameters()
    definitions, outputs, undecided = template.decided(bound)
    checker = _Checker(template, bound, catalog, environment or Environment(), custom, definitions)
    checker.problems = undecided
    return list(dict.fromkeys(checker.run(outputs, warn)))


class _Types:
    """What the types of resources say, each looked up once."""

    def __init__(self, template: Template, catalog: TypeCatalog, environment: Environment) -> None:
        self.template = template
        self.catalog = catalog
        self.environment = environment
        self.known: dict[tuple[str, str], TypeSchema | None] = {}

    def of(self, definition: Definition, problems: list[Problem]) -> TypeSchema | None:
        """The schema of a resource's type, None when there is none; what is wrong in a type that is a template is added to ``problems``."""
        # an environment may give single resources another type
        key = (definition.type, definition.name if self.environment.names_resources else "")
        if key not in self.known:
            self.known[key] = self._look_up(*key, problems)
        return self.known[key]

    def _look_up(self, type_name: str, name: str, problems: list[Problem]) -> TypeSchema | None:
        if not type_name:
            return None
        try:
            found = self.catalog.schema(type_name, name)
        except TemplateInvalid as refused:
            from kamado.template.nested import draft_type

            problems.extend(refused.problems)
            target = self.environment.target(type_name, name)
            return draft_type(target, self.template.files.get(target, ""), self.template.files) or _anything(type_name)
        if found is not None:
            return found
        target = self.environment.target(type_name, name)
        if target != type_name:
            found = self.catalog.schema(target, name)
        if found is None and target in self.template.files:
            from kamado.template.nested import template_type

            found = template_type(target, self.template.files[target], self.template.files)
        if found is None and "resource_registry" in self.environment.unread:
            return _anything(type_name)  # which it may name
        return found


class _Values:
    """The values of a template as far as its parameters tell them, and the calls that have none."""

    def __init__(
        self,
        template: Template,
        parameters: Parameters,
        catalog: TypeCatalog,
        environment: Environment,
        custom: CustomCheck | None,
        definitions: dict[str, Definition],
    ) -> None:
        self.template = template
        self.types = _Types(template, catalog, environment)
        self.custom = custom
        self.definitions = definitions
        self.section = "resources" if template.flavour == "hot" else "Resources"
        self.keys = ("properties", "metadata", "update_policy")
        if template.flavour == "cfn":
            self.keys = ("Properties", "Metadata", "UpdatePolicy")
        self.problems: list[Problem] = []
        self.schemas: dict[str, TypeSchema | None] = {}
        """Resource → what its type says, None when there is none of that name."""
        self.scope = ParameterScope(parameters)
        self.exhausted = False
        self.wrong: dict[str, frozenset[str]] = {}
        """Resource → names that it refers to and that are none, which is told where they stand."""

    def _note(self, code: str, message: str, path: Path, **more: Any) -> None:
        self.problems.append(self.template.source.problem(code, message, path, **more))

    def _resolved(self, properties: Mapping[str, Any], path: Path, owner: str) -> dict[str, Any]:
        """Properties as far as they are known: all at once, and one by one when something is wrong."""
        try:
            known: dict[str, Any] = resolve(properties, self.scope)
            return known
        except ResolveError:
            return {name: self._value(value, (*path, name), owner) for name, value in properties.items()}

    def _value(self, value: Any, path: Path, owner: str) -> Any:
        """The value as far as it is known; UNKNOWN when it cannot be had, and the calls that are in the way are told."""
        if is_constant(value):
            return value
        if self.exhausted:
            return UNKNOWN
        try:
            return resolve(value, self.scope)
        except ResolveError:
            self._refusals(value, path, f"Property error: : {dotted(path)}: : ", owner)
            return UNKNOWN

    def _refusals(self, value: Any, path: Path, prefix: str, owner: str) -> bool:
        """Tell every call in a value that cannot be resolved though all that is inside it can; whether there is one."""
        if self.exhausted:
            return True
        try:
            resolve(value, self.scope)
            return False
        except ResolveError as refused:
            # one call that ran out of time or room is enough: a template may hold thousands of them
            self.exhausted = refused.error_type == "RequestLimitExceeded"
            inside = [self._refusals(item, (*path, key), prefix, owner) for key, item in _parts(value)]
            if not any(inside) and not self._told(value, owner):
                self._note("KT406", f"{prefix}{refused}", path, hint=self._hint(value))
            return True

    def _told(self, call: Any, owner: str) -> bool:
        """Whether a call that cannot be resolved names a resource that is none, so that this was told already."""
        return not self.wrong.get(owner, frozenset()).isdisjoint(_targets(call, self.scope))

    def _hint(self, call: Any) -> str:
        """Which name was meant by a call whose name is wrong."""
        if not isinstance(call, GetParam | Ref) or call.parameter is None or call.parameter in self.scope.parameters:
            return ""
        return did_you_mean(
            call.parameter, [*self.scope.parameters, *(self.definitions if isinstance(call, Ref) else ())]
        )


class _Checker(_Values):
    def run(self, outputs: Mapping[str, Output], warn: bool) -> list[Problem]:
        """All problems."""
        for name, definition in self.definitions.items():
            self.schemas[name] = schema = self._type(definition)
            if warn and schema is not None:
                self.problems.extend(advice.going(self.template, definition, schema))
        if "resources" not in self.template.parts.unread:
            self._references()
        try:
            order = dependency_order(self.definitions)
        except CircleFound as found:
            self._circle(found.names)
            order = list(self.definitions)
        for name in order:
            self._resource(self.definitions[name])
        for output in outputs.values():
            self._output(output)
        if not warn:
            return [problem for problem in self.problems if problem.severity == "error"]
        self.problems.extend(self.template.parts.warnings)
        if not self.template.problems:  # what uses a name may be in what could not be read
            self.problems.extend(advice.unused(self.template))
            self.problems.extend(advice.constant_conditions(self.template))
        return sorted(self.problems, key=lambda problem: problem.severity != "error")

    # references

    def _references(self) -> None:
        names = self.definitions.keys()
        for definition in self.definitions.values():
            if not definition.requires <= names:
                self.wrong[definition.name] = definition.requires - names
                self._wrong_references(definition)

    def _wrong_references(self, definition: Definition) -> None:
        base = (self.section, definition.name)
        for other in definition.depends_on:
            if other not in self.definitions:
                key = "depends_on" if self.template.flavour == "hot" else "DependsOn"
                self._wrong_reference(other, definition.name, (*base, key))
        fields = (
            (self.keys[0], "Properties", definition.properties),
            (self.keys[1], "Metadata", definition.metadata),
            (self.keys[2], "UpdatePolicy", definition.update_policy),
        )
        for key, label, value in fields:
            for call, path, place in _placed_calls(value, (*base, key), f"{definition.name}.{label}"):
                for other in _targets(call, self.scope):
                    if other not in self.definitions:
                        self._wrong_reference(other, place, path)

    def _wrong_reference(self, name: str, place: str, path: Path) -> None:
        hint = did_you_mean(name, self.definitions)
        if name in self.template.resources:
            hint = "its condition is false, so the stack has no such resource"
        self._note(
            "KT401",
            f'The specified reference "{name}" (in {place}) is incorrect.',
            path,
            error_type="InvalidTemplateReference",
            hint=hint,
        )

    def _circle(self, circle: list[str]) -> None:
        """Heat's sentence has all that cannot be made because of the circle; the hint has the circle alone."""

        def label(name: str) -> str:
            definition = self.definitions[name]
            schema = self.schemas[name]
            return f'{definition.type if schema is None else schema.called} "{name}"'

        made = set(reachable(self.definitions))
        stuck = [name for name in self.definitions if name not in made]
        needs = {name: sorted(self.definitions[name].requires.intersection(stuck)) for name in stuck}
        text = ", ".join(f"{label(name)}: {{{', '.join(map(label, needs[name]))}}}" for name in stuck)
        self._note(
            "KT402",
            f"Circular Dependency Found: {{{text}}}",
            (self.section, circle[0]),
            error_type="CircularDependencyException",
            hint=" -> ".join([*circle, circle[0]]),
        )

    # resources

    def _type(self, definition: Definition) -> TypeSchema | None:
        base = (self.section, definition.name)
        schema = self.types.of(definition, self.problems)
        if schema is None and definition.type:
            hint = did_you_mean(definition.type, self.types.catalog.suggestions(definition.type))
            self._note(
                "KT403",
                f"The Resource Type ({definition.type}) could not be found.",
                (*base, "type" if self.template.flavour == "hot" else "Type"),
                hint=hint,
            )
        return schema

    def _resource(self, definition: Definition) -> None:
        base = (self.section, definition.name)
        schema = self.schemas[definition.name] or _anything(definition.type)
        if not all(self._has_attribute(*target) for target in definition.attributes):
            values = (definition.properties, definition.metadata, definition.update_policy)
            for key, value in zip(self.keys, values, strict=True):
                self._attributes(value, (*base, key))
        self._properties(definition, schema, (*base, self.keys[0]))
        if definition.update_policy:
            self._update_policy(definition, schema, (*base, self.keys[2]))

    def _properties(self, definition: Definition, schema: TypeSchema, path: Path) -> None:
        values = definition.properties
        if type(values) is DynMap:
            values = self._resolved(values, path, definition.name)
        elif isinstance(values, Function):
            whole = self._value(values, path, definition.name)
            if not isinstance(whole, dict):
                return
            values = whole
        for wrong in check_properties(schema, values, self.custom):
            at = (*path, *wrong.path)
            text = f"Property error: : {dotted(at)}: : {wrong.message}"
            self._note("KT405", text, (*path, *wrong.place), hint=wrong.hint)

    def _update_policy(self, definition: Definition, schema: TypeSchema, path: Path) -> None:
        policy = self._value(definition.update_policy, path, definition.name)
        if schema.any_properties or not isinstance(policy, Mapping):
            return
        for wrong in check_all(schema.update_policy, policy, self.custom):
            text = f"Property error: : {dotted((*path, *wrong.path))}: : {wrong.message}"
            self._note("KT405", text, (*path, *wrong.place), hint=wrong.hint)

    def _attributes(self, value: Any, path: Path) -> None:
        for call, at, _ in _placed_calls(value, path, ""):
            if isinstance(call, GetAttr):
                self._attribute(call, (*at, call.name))

    def _attribute(self, call: GetAttr, path: Path) -> None:
        target = call.target(self.scope)
        if target is None or self._has_attribute(*target):
            return
        resource, attribute = target[0], target[1][0]
        schema = self.schemas[resource]
        self._note(
            "KT407",
            f"{dotted(path)}: : The Referenced Attribute ({resource} {attribute}) is incorrect.",
            path,
            hint=did_you_mean(str(attribute), schema.attributes if schema is not None else ()),
        )

    def _has_attribute(self, resource: str, path: tuple[Any, ...]) -> bool:
        """False when the resource's type is known to have no attribute of that name."""
        schema = self.schemas.get(resource)
        if schema is None or schema.any_attributes or not path or path == (None,):
            return True
        attribute = path[0]
        if isinstance(attribute, str):
            return attribute in schema.attributes or attribute == "show"
        return attribute is UNKNOWN

    # outputs

    def _missing(self, name: str) -> bool:
        return name not in self.definitions and "resources" not in self.template.parts.unread

    def _output(self, output: Output) -> None:
        """As Heat: an attribute of nothing is refused; what else refers to nothing is the output's error once it is read."""
        for call, at, _ in _placed_calls(output.value, output.path, ""):
            path = (*at, call.name)
            if isinstance(call, GetAttr):
                target = call.target(self.scope)
                if target is not None and self._missing(target[0]):
                    self._note(
                        "KT408",
                        f'{dotted(path)}: : The specified reference "{target[0]}" (in unknown) is incorrect.',
                        path,
                        hint=did_you_mean(target[0], self.definitions),
                    )
                else:
                    self._attribute(call, path)
            elif isinstance(call, GetResource):
                name = call.target(self.scope)
                if name is not None and self._missing(name):
                    known = name in self.template.resources
                    self._note(
                        "KT408",
                        f'{dotted(path)}: : The specified reference "{name}" (in unknown) is incorrect.',
                        path,
                        severity="warning",
                        hint="its condition is false" if known else did_you_mean(name, self.definitions),
                    )
            elif (
                isinstance(call, GetParam)
                and call.parameter is not None
                and call.parameter not in self.scope.parameters
            ):
                self._note(
                    "KT409",
                    f"{dotted(path)}: : The Parameter ({call.parameter}) was not provided.",
                    path,
                    severity="warning",
                    hint=did_you_mean(call.parameter, self.scope.parameters),
                )


def _anything(name: str) -> TypeSchema:
    """A type that takes and gives everything: one that is not known, of which nothing can be said."""
    return TypeSchema(name, any_properties=True, any_attributes=True)


def _placed_calls(value: Any, path: Path, place: str) -> Iterator[tuple[Function, Path, str]]:
    """Every call with the path to it, and the place as Heat writes it (which leaves the functions' names out)."""
    kind = type(value)
    if kind is DynMap:
        for key, item in value.items():
            if not is_constant(item):
                yield from _placed_calls(item, (*path, key), f"{place}.{key}")
    elif kind is DynList:
        for index, item in enumerate(value):
            if not is_constant(item):
                yield from _placed_calls(item, (*path, index), f"{place}[{index}]")
    elif isinstance(value, Function):
        yield value, path, place
        if isinstance(value, If):
            for branch in value.args[1:]:
                yield from _placed_calls(branch, (*path, value.name), f"{place}.{value.name}")
        else:
            yield from _placed_calls(value.args, (*path, value.name), f"{place}.{value.name}")


def _parts(value: Any) -> Iterator[tuple[str | int, Any]]:
    """What is directly inside a compiled value and not constant, with the step to it; a call's arguments are under its name."""
    kind = type(value)
    if kind is DynMap:
        items: Any = value.items()
    elif kind is DynList:
        items = enumerate(value)
    elif isinstance(value, Function):
        items = ((value.name, item) for item in value.children())
    else:
        return
    yield from ((key, item) for key, item in items if not is_constant(item))


def _targets(call: Function, scope: ParameterScope) -> Iterator[str]:
    """The resources that a call names."""
    if isinstance(call, GetAttr):
        target = call.target(scope)
        if target is not None:
            yield target[0]
    elif isinstance(call, GetResource):
        name = call.target(scope)
        if name is not None:
            yield name
        elif not isinstance(call, Ref) and not isinstance(call.args, Function | str):
            yield str(call.args)
