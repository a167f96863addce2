"""Which resources, outputs and branches a stack's parameters let through: the conditions of one template, decided.

`Template.definitions` and `Template.active_outputs` are made here. The trap: definitions that no parameter can change are made once per
template and shared; only those with an `if` or a computed name are made anew for each set of parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any

from kamado.template.conditions import ConditionBroken, ParameterScope, decide
from kamado.template.definition import Definition, Output, gather, reads
from kamado.template.functions.core import ABSENT, Function, ResolveError, rebuild, resolve
from kamado.template.functions.references import If
from kamado.template.loader import Resource
from kamado.template.problems import Problem, did_you_mean, dotted
from kamado.template.source import Source
from kamado.template.unknown import UNKNOWN


class Decider:
    """Decides for one template; immutable but for what it remembers."""

    def __init__(
        self, source: Source, flavour: str, resources: Mapping[str, Resource], declared: Mapping[str, Output]
    ) -> None:
        self.source = source
        self.flavour = flavour
        self.resources = resources
        self.declared = declared

    def definitions(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Definition], list[Problem]]:
        """All resources that the conditions let through, in template order, and what cannot be decided."""
        scope = ParameterScope(parameters)
        problems: list[Problem] = []
        made: dict[str, Definition] = {}
        for name, resource in self.resources.items():
            condition = resource.condition
            if (
                condition is not True
                and self._decide(condition, scope, (*self._section("resources"), name), problems) is False
            ):
                continue
            made[name] = (
                self._decided(resource.definition, scope, problems) if resource.undecided else resource.definition
            )
        if len(made) < len(self.resources):
            self._forget_left_out(made)
        return made, problems

    def _forget_left_out(self, made: dict[str, Definition]) -> None:
        """Drop explicit dependencies on resources whose condition is false; Heat takes them for nothing."""
        for name, definition in made.items():
            if any(other not in made and other in self.resources for other in definition.depends_on):
                kept = tuple(o for o in definition.depends_on if o in made or o not in self.resources)
                gone = set(definition.depends_on) - set(kept)
                gone -= reads(None, definition.properties, definition.metadata, definition.update_policy).resources
                made[name] = replace(definition, depends_on=kept, requires=definition.requires - gone)

    def outputs(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Output], list[Problem]]:
        """All outputs, with their values decided (null where the condition is false, as in Heat), and what cannot be decided."""
        scope = ParameterScope(parameters)
        problems: list[Problem] = []
        made: dict[str, Output] = {}
        for name, output in self.declared.items():
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
                output.path,
            )
        return made, problems

    def _section(self, name: str) -> tuple[str, ...]:
        return (name if self.flavour == "hot" else name.capitalize(),)

    def _decide(self, condition: Any, scope: ParameterScope, path: tuple[Any, ...], problems: list[Problem]) -> Any:
        try:
            return decide(condition, scope)
        except ResolveError as refused:
            key = "condition" if self.flavour == "hot" else "Condition"
            problems.append(self._undecidable(refused, (*path, key)))
            return UNKNOWN

    def _undecidable(self, refused: ResolveError, path: tuple[Any, ...]) -> Problem:
        if isinstance(refused, ConditionBroken):
            at = (*self._section("conditions"), refused.condition)
            return self.source.problem("KT122", f"Condition validation error: : {refused}", at, hint=refused.hint)
        return self.source.problem("KT122", f"{dotted(path)}: : {refused}", path)

    def _decided(self, drawn: Definition, scope: ParameterScope, problems: list[Problem]) -> Definition:
        path = (*self._section("resources"), drawn.name)

        def value(field: Any) -> Any:
            return self._branches(field, scope, problems)

        def known(field: Any, name: str) -> Any:
            field = self._branches(field, scope, problems)
            try:
                return resolve(field, scope)
            except ResolveError as refused:
                problems.append(self.source.problem("KT123", f"{dotted(path)}.{name}: : {refused}", (*path, name)))
                return None

        policy: Any = drawn.deletion_policy
        if not isinstance(policy, str):
            policy = self._policy(known(policy, "deletion_policy"), path, problems)
        properties = value(drawn.properties)
        made = replace(
            drawn,
            properties={} if properties is None or properties is ABSENT else properties,
            metadata=value(drawn.metadata),
            deletion_policy=policy,
            update_policy=value(drawn.update_policy),
            external_id=known(drawn.external_id, "external_id"),
        )
        made.refer(gather(scope, made.properties, made.metadata, made.update_policy, made.external_id))
        return made

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
            made = copy(call)
            made.args = None if inside is ABSENT else inside
            return made

        changed = rebuild(value, change)
        return None if changed is ABSENT else changed

    def _branch(self, call: If, scope: ParameterScope, problems: list[Problem], change: Any) -> Any:
        try:
            decision = decide(call.condition, scope)
        except ResolveError as refused:
            problems.append(self._undecidable(refused, call.path))
            return call
        if decision is UNKNOWN:
            return call
        problems.extend(call.problems_of(decision))
        return rebuild(call.branch(decision), change)
