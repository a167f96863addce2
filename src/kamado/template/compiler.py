"""From plain template values to compiled ones: every call becomes a node, everything constant stays as it is.

One `Compiler` per template, used by the loader. Branches of `if` keep their problems to themselves until the branch is chosen: Heat never
looks at the other one. The trap: `compile` returns the very same object when there is no call inside, which is what makes large
plain templates cheap; never copy there.
"""

from __future__ import annotations

from typing import Any

from kamado.template.conditions import NamedCondition, Truth
from kamado.template.dialect import Calls, Dialect
from kamado.template.functions.core import CallContext, CallInvalid, DynList, DynMap, Function, Unread
from kamado.template.functions.logic import ConditionCall, Contains, Equals
from kamado.template.functions.references import If
from kamado.template.problems import Path, Problem, did_you_mean, dotted
from kamado.template.source import Source
from kamado.template.unknown import SCALARS, UNKNOWN

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
        return self._compile(value, path, self.dialect.calls)

    def _compile(self, value: Any, path: Path, known: Calls) -> Any:
        kind = type(value)
        if kind is dict:
            if len(value) == 1:
                (name,) = value
                if name in known:
                    return self._call(known[name], name, value[name], (*path, name), known)
            items = value.items()
        elif kind is list:
            items = enumerate(value)
        else:
            return value
        changed: Any = None
        for key, item in items:
            if type(item) in SCALARS:
                continue
            compiled = self._compile(item, (*path, key), known)
            if compiled is not item:
                if changed is None:
                    changed = DynMap(value) if kind is dict else DynList(value)
                changed[key] = compiled
        return value if changed is None else changed

    def _call(self, made: type[Function] | None, name: str, args: Any, path: Path, known: Calls) -> Any:
        if made is None:
            return self._refused(name, path)
        if not made.macro and type(args) not in SCALARS:
            args = self._compile(args, path, known)
        try:
            node = self._macro(made, name, args, path) if made.macro else made(name, args, path, self.context)
        except CallInvalid as refused:
            self.problem("KT110", f"{dotted(path)}: : {refused}", path)
            return Unread(name, args, path, self.context)
        if made.decides:
            self._made.append(node)
        return node

    def _macro(self, made: type[Function], name: str, args: Any, path: Path) -> Any:
        if issubclass(made, If):
            return self._branching(made, name, args, path)
        assert issubclass(made, ConditionCall)
        return self._combined(made, name, args, path)

    def _refused(self, name: str, path: Path) -> Unread:
        text = f'The function "{name}" is invalid in this context'
        if name in self.dialect.removed:
            text = removed_function(name)
        self.problem("KT111", f"{dotted(path)}: : {text}", path)
        return Unread(name, None, path, self.context)

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
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in self.dialect.condition_calls:
            return self._compile(value, path, self.dialect.condition_calls)
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
