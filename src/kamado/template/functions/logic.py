"""Conditions: equals, not, and, or, contains. They stand in the `conditions` section and where a condition is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.template.functions.core import CallInvalid, Function, ResolveError, Scope, resolve_inside
from kamado.template.unknown import UNKNOWN


class Equals(Function):
    """`equals: [value, value]`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """Two items."""
        if not isinstance(args, list) or len(args) != 2:
            raise CallInvalid(f'Arguments to "{self.name}" must be of the form: [value_1, value_2]')

    def evaluate(self, args: Any) -> Any:
        """Whether they are the same."""
        self.check(args)
        return bool(args[0] == args[1])


class ConditionCall(Function):
    """A function whose arguments are conditions; the loader hands it compiled ones."""

    __slots__ = ()
    macro = True

    def conditions(self) -> list[Any]:
        """The arguments that are conditions."""
        return self.args if isinstance(self.args, list) else [self.args]

    def decide(self, scope: Scope) -> list[Any]:
        """The truth of each condition, UNKNOWN where it is not known."""
        found = []
        for item in self.conditions():
            value = resolve_inside(item, scope)
            if value is not UNKNOWN and not isinstance(value, bool):
                raise ResolveError(f"The condition value should be boolean, after resolved the value is: {value}")
            found.append(value)
        return found


class And(ConditionCall):
    """`and: [condition, condition, …]`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """At least two."""
        if not isinstance(args, list):
            raise CallInvalid(
                f'Arguments to "{self.name}" must be of the form: [{{condition_1}}, {{...}}, {{condition_n}}]'
            )
        if len(args) < 2:
            raise CallInvalid(f'The minimum number of condition arguments to "{self.name}" is 2.')

    def resolve(self, scope: Scope) -> Any:
        """True when all are; false at once when one is false, whatever the others."""
        found = self.decide(scope)
        if any(value is False for value in found):
            return False
        return UNKNOWN if any(value is UNKNOWN for value in found) else True


class Or(And):
    """`or: [condition, condition, …]`."""

    __slots__ = ()

    def resolve(self, scope: Scope) -> Any:
        """True when one is, whatever the others."""
        found = self.decide(scope)
        if any(value is True for value in found):
            return True
        return UNKNOWN if any(value is UNKNOWN for value in found) else False


class Not(ConditionCall):
    """`not: condition`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """One condition."""
        if args is None or args == "" or args == {} or args == []:
            raise CallInvalid(f'Argument to "{self.name}" must be a condition')

    def resolve(self, scope: Scope) -> Any:
        """The opposite."""
        value = self.decide(scope)[0]
        return UNKNOWN if value is UNKNOWN else not value


class CfnNot(Not):
    """`Fn::Not: [condition]`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """A list of one."""
        if not isinstance(args, list) or len(args) != 1:
            raise CallInvalid(f'Arguments to "{self.name}" must be of the form: [condition]')


class Contains(Function):
    """`contains: [value, list or text]`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """Two items."""
        if not args or not isinstance(args, list):
            example = f'"{self.name}" : [ "value1", [ "value1", "value2"]]'
            raise CallInvalid(f'Incorrect arguments to "{self.name}" should be: {example}')
        if len(args) != 2:
            raise CallInvalid(f'Arguments to "{self.name}" must be of the form: [value1, [value1, value2]]')

    def evaluate(self, args: Any) -> Any:
        """Whether it is in there."""
        self.check(args)
        value, items = args
        if not isinstance(items, list | tuple | str) or isinstance(items, Mapping):
            raise ResolveError(f'Second argument to "{self.name}" should be a sequence.')
        if isinstance(items, str) and not isinstance(value, str):
            raise ResolveError(f"'in <string>' requires string as left operand, not {type(value).__name__}")
        return value in items
