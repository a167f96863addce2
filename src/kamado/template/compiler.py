"""From plain template values to compiled ones: every call becomes a node, everything constant stays as it is.

One `Compiler` per template, used by the loader. Branches of `if` keep their problems to themselves until the branch is chosen: Heat never
looks at the other one. The trap: `compile` returns the very same object when there is no call inside, which is what makes large
plain templates cheap; never copy there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.template.conditions import NamedCondition, Truth
from kamado.template.dialect import Dialect
from kamado.template.functions.core import CallContext, CallInvalid, DynList, DynMap, Function, Unread
from kamado.template.functions.logic import ConditionCall, Contains, Equals
from kamado.template.functions.references import If
from kamado.template.problems import Path, Problem, did_you_mean, dotted
from kamado.template.source import Source
from kamado.template.unknown import UNKNOWN

_TRUTHS = (NamedCondition, ConditionCall, Contains, Equals)
"""What gives true or false and nothing else."""


class Compiler:
    """Compiles the values of one template; `problems` collects what is wrong, `warnings` what is when it is looked at."""

    def __init__(self, dialect: Dialect, context: CallContext, source: Source) -> None:
        self.dialect = dialect
        self.context = context
        self.source = source
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.condition_table: dict[str, Any] = {}
        self._made: list[Function] = []

    def taken(self) -> list[Function]:
        """The calls that decide (`Function.decides`) among those compiled since this was last asked, in no order that counts."""
        made, self._made = self._made, []
        return made

    def compile(self, value: Any, path: Path) -> Any:
        """The compiled value; the same object when it is constant."""
        return self._compile(value, path, self.dialect.functions, self.dialect.removed)

    def _compile(self, value: Any, path: Path, functions: Mapping[str, type[Function]], removed: frozenset[str]) -> Any:
        kind = type(value)
        if kind is dict:
            if len(value) == 1:
                name = next(iter(value))
                made = functions.get(name)
                if made is not None:
                    return self._call(made, name, value[name], path, functions, removed)
                if name in removed:
                    return self._refuse_call(name, path, removed_function(name))
                if functions is self.dialect.condition_functions and name in self.dialect.functions:
                    return self._refuse_call(name, path, f'The function "{name}" is invalid in this context')
            changed: DynMap | None = None
            for key, item in value.items():
                item_kind = type(item)
                if item_kind is dict or item_kind is list:
                    compiled = self._compile(item, (*path, key), functions, removed)
                    if compiled is not item:
                        if changed is None:
                            changed = DynMap(value)
                        changed[key] = compiled
            return value if changed is None else changed
        if kind is list:
            return self._list(value, path, functions, removed)
        if isinstance(value, Mapping):
            return self._compile(dict(value), path, functions, removed)
        if isinstance(value, tuple):
            return self._list(list(value), path, functions, removed)
        return value

    def _list(
        self, value: list[Any], path: Path, functions: Mapping[str, type[Function]], removed: frozenset[str]
    ) -> Any:
        changed: DynList | None = None
        for index, item in enumerate(value):
            item_kind = type(item)
            if item_kind is dict or item_kind is list:
                compiled = self._compile(item, (*path, index), functions, removed)
                if compiled is not item:
                    if changed is None:
                        changed = DynList(value)
                    changed[index] = compiled
        return value if changed is None else changed

    def _call(
        self,
        made: type[Function],
        name: str,
        args: Any,
        path: Path,
        functions: Mapping[str, type[Function]],
        removed: frozenset[str],
    ) -> Any:
        inside = (*path, name)
        if not made.macro:
            args = self._compile(args, inside, functions, removed)
        try:
            node = self._macro(made, name, args, inside) if made.macro else made(name, args, inside, self.context)
        except CallInvalid as refused:
            self.problem("KT110", f"{dotted(inside)}: : {refused}", inside)
            return Unread(name, args, inside, self.context)
        if made.decides:
            self._made.append(node)
        return node

    def _macro(self, made: type[Function], name: str, args: Any, path: Path) -> Any:
        if issubclass(made, If):
            return self._branching(made, name, args, path)
        assert issubclass(made, ConditionCall)
        return self._combined(made, name, args, path)

    def _refuse_call(self, name: str, path: Path, text: str) -> Unread:
        inside = (*path, name)
        self.problem("KT111", f"{dotted(inside)}: : {text}", inside)
        return Unread(name, None, inside, self.context)

    def _combined(self, made: type[ConditionCall], name: str, args: Any, path: Path) -> Any:
        node = made(name, args, path, self.context)
        if isinstance(args, list) and made.listed:
            node.args = DynList([self.condition(item, (*path, index), None) for index, item in enumerate(args)])
        else:
            node.args = self.condition(args, path, None)
        return node

    def _branching(self, made: type[If], name: str, args: Any, path: Path) -> Any:
        node = made(name, args, path, self.context)
        condition = self.condition(args[0], path, path)
        outer, branches, found = self.problems, [], []
        for index, branch in enumerate(args[1:], 1):
            self.problems = []
            branches.append(self.compile(branch, (*path, index)))
            found.append(tuple(self.problems))
        self.problems = outer
        node.args = [args[0], *branches]
        node.condition = condition
        node.branch_problems = tuple(found)
        return node

    def condition(self, value: Any, path: Path, place: Path | None) -> Any:
        """A compiled condition where one is asked for: `definition`, of which whatever it comes to is a truth."""
        made = self.definition(value, path, place)
        if not isinstance(made, Function) or isinstance(made, _TRUTHS):
            return made
        return Truth(made, self.condition_table)

    def definition(self, value: Any, path: Path, place: Path | None) -> Any:
        """A condition as the section defines it: a boolean, a name or a condition function.

        `place`: where to report what is no condition (None: found when that is decided). What is refused is UNKNOWN.
        """
        if value is None or isinstance(value, bool):
            return True if value is None else value
        if isinstance(value, str):
            if place is not None and value not in self.condition_table:
                hint = did_you_mean(value, self.condition_table)
                self.problem("KT112", f'{dotted(place)}: : Invalid condition "{value}"', place, hint=hint)
                return UNKNOWN
            return NamedCondition(value, path, self.condition_table)
        if isinstance(value, dict) and len(value) == 1:
            name = next(iter(value))
            if (
                name in self.dialect.condition_functions
                or name in self.dialect.functions
                or name in self.dialect.removed
            ):
                return self._compile(value, path, self.dialect.condition_functions, self.dialect.removed)
        if place is None:  # Heat does not look at it before it counts
            text = f'{dotted(path)}: : Invalid condition "{value}"'
            self.warnings.append(self.source.problem("KT112", text, path, severity="warning"))
            return NamedCondition(str(value), path, self.condition_table)
        self.problem("KT112", f'{dotted(place)}: : Invalid condition "{value}"', place)
        return UNKNOWN

    def problem(self, code: str, message: str, path: Path, **more: Any) -> None:
        """Note something wrong."""
        self.problems.append(self.source.problem(code, message, path, **more))


def removed_function(name: object) -> str:
    """What Heat says to a function that earlier versions had."""
    return f"The template version is invalid: The function {name} is not supported in this version of HOT."
