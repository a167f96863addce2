"""Regular expressions from templates, matched in bounded time.

Called for `allowed_pattern`. Python's matcher backtracks, so `(a+)+$` against thirty letters never ends and
cannot be interrupted; here only patterns that cannot run away go to it. The others are matched by following all
alternatives at once, in time that grows with the product of the sizes of pattern and text. The trap: what neither
way can do (nested repeats together with look-around or back-references) is refused, with words that say so.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parse  # type: ignore[attr-defined]
from typing import Any

MAX_PATTERN = 10_000
MAX_STATES = 20_000
MAX_COUNT = 65_535
MAX_STEPS = 20_000_000


class PatternRefused(ValueError):
    """The pattern is not a regular expression, or could run away."""


def full_match(pattern: str, text: str) -> bool:
    """Whether the whole text matches; raises PatternRefused."""
    compiled, choices, nested = _compiled(pattern)
    if not nested and (choices <= 1 or (len(text) + 2) ** choices <= MAX_STEPS):
        return _whole(compiled, text)
    machine = _machine(pattern)
    if machine is None:
        raise PatternRefused(f'The pattern "{pattern}" could take forever to match')
    return machine.matches(text)


def check_pattern(pattern: str) -> str | None:
    """What is wrong with a pattern, or None."""
    try:
        _, _, nested = _compiled(pattern)
        if nested and _machine(pattern) is None:
            return f'The pattern "{pattern}" could take forever to match'
    except PatternRefused as refused:
        return str(refused)
    return None


def is_quick(pattern: str) -> bool:
    """Whether Python's own matcher can be trusted with the pattern on any text of moderate length."""
    try:
        _, _, nested = _compiled(pattern)
    except PatternRefused:
        return False
    if nested:
        return False
    items = _flat(sre_parse.parse(pattern))
    loose = 0
    for index, (operator, argument) in enumerate(items):
        if operator is sre.BRANCH:
            loose += sum(1 for branch in argument[1] if _choices(branch)[0])
        if operator in _REPEATS and argument[1] > MAX_LOOSE:
            following = items[index + 1] if index + 1 < len(items) else (None, None)
            loose += 0 if _ends_before(argument[2], following) else 1
    return loose <= 2


MAX_LOOSE = 16
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)


def _flat(tree: Any) -> list[tuple[Any, Any]]:
    items: list[tuple[Any, Any]] = []
    for operator, argument in tree:
        if operator is sre.SUBPATTERN:
            items.extend(_flat(argument[-1]))
        else:
            items.append((operator, argument))
    return items


def _ends_before(body: Any, following: tuple[Any, Any]) -> bool:
    """Whether a repeat of one character class must stop where a literal follows, so that there is nothing to try again."""
    inner = _flat(body)
    if following[0] is not sre.LITERAL or len(inner) != 1:
        return False
    operator, argument = inner[0]
    if operator not in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
        return False
    return not _matcher(operator, argument, 0)(chr(following[1]))


def _whole(compiled: re.Pattern[str], text: str) -> bool:
    found = compiled.match(text)
    return found is not None and found.end() == len(text)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> tuple[re.Pattern[str], int, bool]:
    if len(pattern) > MAX_PATTERN:
        raise PatternRefused(f"The pattern is longer than {MAX_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(pattern)
            tree = sre_parse.parse(pattern)
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        raise PatternRefused(f"Invalid regular expression: {error}") from None
    if _most(tree) > MAX_COUNT:
        raise PatternRefused(f"A repeat counts to more than {MAX_COUNT}")
    choices, depth = _choices(tree)
    return compiled, choices, depth > 0


def _most(tree: Any) -> int:
    """The largest number that a repeat counts to, repeats in repeats multiplied."""
    most = 0
    for operator, argument in tree:
        inner = max((_most(branch) for branch, _ in _children(operator, argument)), default=0)
        if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            low, high, _ = argument
            inner = max(inner, 1) * max(low, 1 if high is sre.MAXREPEAT else high)
        most = max(most, inner)
    return most


def _choices(tree: Any) -> tuple[int, int]:
    """How many choices (alternatives, repeats of varying length) there are, and how many repeats lie around one at most."""
    count = depth = 0
    for operator, argument in tree:
        for branch, weight in _children(operator, argument):
            inner, inner_depth = _choices(branch)
            count += inner
            depth = max(depth, inner_depth + weight if inner else 0)
        if operator is sre.BRANCH:
            count += len(argument[1]) - 1
        if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT) and argument[0] != argument[1]:
            count += 1
    return count, depth


def _children(operator: Any, argument: Any) -> list[tuple[Any, int]]:
    if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        _, high, body = argument
        return [(body, int(high > 1))]
    if operator is sre.SUBPATTERN:
        return [(argument[-1], 0)]
    if operator is sre.BRANCH:
        return [(branch, 0) for branch in argument[1]]
    if operator in (sre.ASSERT, sre.ASSERT_NOT):
        return [(argument[1], 0)]
    if operator is sre.ATOMIC_GROUP:
        return [(argument, 0)]
    if operator is sre.GROUPREF_EXISTS:
        return [(branch, 0) for branch in argument[1:] if branch is not None]
    return []


class _Unsupported(Exception):
    pass


class _Machine:
    """A nondeterministic automaton whose state 0 accepts.

    A state is ("one", test, next), ("any", nexts) or ("at", kind, next).
    """

    def __init__(self, tree: Any, flags: int) -> None:
        if flags & re.MULTILINE:
            raise _Unsupported
        self.flags = flags
        self.states: list[tuple[Any, ...]] = [("accept",)]
        self.start = self._sequence(list(tree), 0)

    def _add(self, state: tuple[Any, ...]) -> int:
        if len(self.states) >= MAX_STATES:
            raise _Unsupported
        self.states.append(state)
        return len(self.states) - 1

    def _sequence(self, items: list[Any], after: int) -> int:
        for operator, argument in reversed(items):
            after = self._one(operator, argument, after)
        return after

    def _one(self, operator: Any, argument: Any, after: int) -> int:
        if operator in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
            return self._add(("one", _matcher(operator, argument, self.flags), after))
        if operator is sre.SUBPATTERN:
            _, add, drop, body = argument
            if add or drop:
                raise _Unsupported
            return self._sequence(list(body), after)
        if operator is sre.BRANCH:
            return self._add(("any", tuple(self._sequence(list(branch), after) for branch in argument[1])))
        if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self._repeat(argument, after)
        if operator is sre.AT:
            return self._add(("at", argument, after))
        raise _Unsupported

    def _repeat(self, argument: Any, after: int) -> int:
        low, high, body = argument
        items = list(body)
        if high is sre.MAXREPEAT:
            loop = self._add(("any", ()))
            self.states[loop] = ("any", (self._sequence(items, loop), after))
            entry = loop
        else:
            entry = after
            for _ in range(high - low):
                entry = self._add(("any", (self._sequence(items, entry), after)))
        for _ in range(low):
            entry = self._sequence(items, entry)
        return entry

    def _follow(self, seeds: set[int], position: int, text: str) -> set[int]:
        reached: set[int] = set()
        stack = list(seeds)
        while stack:
            number = stack.pop()
            if number in reached:
                continue
            reached.add(number)
            state = self.states[number]
            if state[0] == "any":
                stack.extend(state[1])
            elif state[0] == "at" and _holds(state[1], position, text):
                stack.append(state[2])
        return reached

    def matches(self, text: str) -> bool:
        """Whether the whole text leads from the start to the accepting state."""
        if len(self.states) * (len(text) + 1) > MAX_STEPS:
            raise PatternRefused("The text is too long for its pattern")
        current = self._follow({self.start}, 0, text)
        for position, character in enumerate(text):
            step = set()
            for number in current:
                state = self.states[number]
                if state[0] == "one" and state[1](character):
                    step.add(state[2])
            if not step:
                return False
            current = self._follow(step, position + 1, text)
        return 0 in current


def _holds(kind: Any, position: int, text: str) -> bool:
    if kind in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
        return position == 0
    if kind is sre.AT_END_STRING:
        return position == len(text)
    if kind is sre.AT_END:
        return position == len(text) or (position == len(text) - 1 and text[-1] == "\n")
    before = position > 0 and _word(text[position - 1])
    behind = position < len(text) and _word(text[position])
    return (before != behind) if kind is sre.AT_BOUNDARY else (before == behind)


def _word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _matcher(operator: Any, argument: Any, flags: int) -> Any:
    single = sre_parse.SubPattern(sre_parse.State())
    single.state.flags = flags
    single.append((operator, argument))
    compiled = _compile_tree(single)
    return lambda character: compiled.match(character) is not None


def _compile_tree(tree: Any) -> re.Pattern[str]:
    from re import _compiler  # type: ignore[attr-defined]

    compiled: re.Pattern[str] = _compiler.compile(tree)
    return compiled


@lru_cache(maxsize=64)
def _machine(pattern: str) -> _Machine | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = sre_parse.parse(pattern)
        return _Machine(tree, tree.state.flags)
    except (_Unsupported, RecursionError):
        return None
