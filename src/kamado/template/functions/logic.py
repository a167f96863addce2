"""Conditions: equals, not, and, or, contains. They stand in the `conditions` section and where a condition is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

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
    listed: ClassVar[bool] = True
    """Whether the conditions come in a list."""

    def conditions(self) -> list[Any]:
        """The arguments that are conditions."""
        return self.args if isinstance(self.args, list) else [self.args]

    def decide(self, scope: Scope) -> Iterator[Any]:
        """The truth of each condition, UNKNOWN where it is not known; one that nobody asks for may be broken."""
        for item in self.conditions():
            value = resolve_inside(item, scope)
            if value is not UNKNOWN and not isinstance(value, bool):
                raise ResolveError(f"The condition value should be boolean, after resolved the value is: {value}")
            yield value


class And(ConditionCall):
    """`and: [condition, condition, …]`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """At least two."""
        if not isinstance(args, list):
            raise CallInvalid(f'Arguments to "{self.name}" must be a list of conditions')
        if len(args) < 2:
            raise CallInvalid(f'The minimum number of condition arguments to "{self.name}" is 2.')

    def resolve(self, scope: Scope) -> Any:
        """True when all are; false at once when one is false, whatever comes after it."""
        return _first(False, self.decide(scope))


class Or(And):
    """`or: [condition, condition, …]`."""

    __slots__ = ()

    def resolve(self, scope: Scope) -> Any:
        """True at once when one is, whatever comes after it."""
        return _first(True, self.decide(scope))


def _first(wanted: bool, found: Iterator[Any]) -> Any:
    """``wanted`` as soon as it is found; else UNKNOWN when anything is not known, else the opposite."""
    known = True
    for value in found:
        if value is wanted:
            return wanted
        known = known and value is not UNKNOWN
    return not wanted if known else UNKNOWN


class Not(ConditionCall):
    """`not: condition`."""

    __slots__ = ()
    listed = False

    def check(self, args: Any) -> None:
        """One condition."""
        if args is None or args == "" or args == {} or args == []:
            raise CallInvalid(f'Argument to "{self.name}" must be a condition')

    def resolve(self, scope: Scope) -> Any:
        """The opposite."""
        value = next(self.decide(scope))
        return UNKNOWN if value is UNKNOWN else not value


class CfnNot(Not):
    """`Fn::Not: [condition]`."""

    __slots__ = ()
    listed = True

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
