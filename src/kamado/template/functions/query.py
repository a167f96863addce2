"""`yaql`: expressions over data, behind one module, with limits.

The engine (and the library behind it) is imported at the first call: it takes longer to import than all of this
package. Expressions are parsed once and kept. The trap: the library bounds iterators and memory, not time. A clock
throws an exception into the evaluating thread, which works between two steps of Python only; what could spend minutes
inside one step (powers, regular expressions) is replaced.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from kamado.template.functions.core import CallInvalid, Function, ResolveError
from kamado.template.patterns import is_quick
from kamado.template.unknown import UNKNOWN

MEMORY_QUOTA = 10_000
ITERATORS = 200
SECONDS = 1.0
MAX_BITS = 65536
MAX_ITEMS = 1_000_000

_state: dict[str, Any] = {"limit_iterators": ITERATORS, "memory_quota": MEMORY_QUOTA, "seconds": SECONDS}
_lock = threading.Lock()


def configure(*, limit_iterators: int = ITERATORS, memory_quota: int = MEMORY_QUOTA, seconds: float = SECONDS) -> None:
    """Set the bounds: items an iterator may give, bytes a value may take, seconds an evaluation may last."""
    with _lock:
        _state.update(limit_iterators=limit_iterators, memory_quota=memory_quota, seconds=seconds)
        _engine.cache_clear()
        _parsed.cache_clear()


@lru_cache(maxsize=1)
def _engine() -> tuple[Any, Any]:
    import yaql

    options = {
        "yaql.limitIterators": _state["limit_iterators"],
        "yaql.memoryQuota": _state["memory_quota"],
        "yaql.convertTuplesToLists": True,
        "yaql.convertSetsToLists": True,
    }
    return yaql.YaqlFactory().create(options=options), _guarded(yaql.create_context(convention=None))


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int) and abs(b) * max(a.bit_length(), 1) > MAX_BITS:
        raise ValueError("The number is too large")
    return a**b


def _times(left: int, right: int) -> int:
    if left.bit_length() + right.bit_length() > MAX_BITS:
        raise ValueError("The number is too large")
    return left * right


def _repeated(left: Any, right: int) -> Any:
    if len(left) * right > MAX_ITEMS:
        raise ValueError("The result is too large")
    return left * right


def _repeated_by(left: int, right: Any) -> Any:
    return _repeated(right, left)


def _checked(pattern: str) -> str:
    if not is_quick(pattern):
        raise ValueError(f'The pattern "{pattern}" could take forever to match')
    return pattern


def _regex(pattern: str, ignore_case: bool = False, multi_line: bool = False, dot_all: bool = False) -> Any:
    flags = re.I * bool(ignore_case) | re.M * bool(multi_line) | re.S * bool(dot_all)
    return re.compile(_checked(pattern), flags | re.U)


def _matches(string: str, regexp: str) -> bool:
    return re.search(_checked(regexp), string) is not None


def _not_matches(string: str, regexp: str) -> bool:
    return not _matches(string, regexp)


def _guarded(standard: Any) -> Any:
    """The standard functions, with those replaced that can spend any amount of time in one step the clock cannot stop."""
    from yaql.language import specs, yaqltypes

    text, number, integer = yaqltypes.String(), yaqltypes.Number(), yaqltypes.Integer()
    sequence = yaqltypes.Sequence()
    searched = {"string": text, "regexp": text}
    context = standard.create_child_context()
    for name, function, types, as_method in (
        ("pow", _power, {"a": number, "b": number}, False),
        ("#operator_*", _times, {"left": integer, "right": integer}, False),
        ("#operator_*", _repeated, {"left": text, "right": integer}, False),
        ("#operator_*", _repeated_by, {"left": integer, "right": text}, False),
        ("#operator_*", _repeated, {"left": sequence, "right": integer}, False),
        ("#operator_*", _repeated_by, {"left": integer, "right": sequence}, False),
        ("regex", _regex, {"pattern": text}, False),
        ("matches", _matches, searched, True),
        ("#operator_=~", _matches, searched, False),
        ("#operator_!~", _not_matches, searched, False),
    ):
        definition = specs.get_function_definition(function, name=name, method=as_method, function=not as_method)
        for parameter, kind in types.items():
            definition.set_parameter(parameter, kind, overwrite=True)
        context.register_function(definition)
    return context


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> Any:
    return _engine()[0](expression)


class Yaql(Function):
    """`yaql: {expression, data}`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """An expression that parses, and data."""
        if not isinstance(args, Mapping):
            raise CallInvalid(f'Arguments to "{self.name}" must be a map.')
        if "expression" not in args or set(args) - {"expression", "data"}:
            example = (
                f"{self.name}:\n              expression: $.data.var1.sum()\n              data:\n"
                "                var1: [3, 2, 1]"
            )
            raise CallInvalid(repr(f'"{self.name}" syntax should be {example}'))
        expression = args["expression"]
        if isinstance(expression, Function) or expression is UNKNOWN:
            return
        if not isinstance(expression, str):
            raise CallInvalid('The "expression" argument to yaql must contain a string.')
        self._parse(expression)

    def _parse(self, expression: str) -> Any:
        from yaql.language.exceptions import YaqlException

        try:
            return _parsed(expression)
        except (YaqlException, ValueError, RecursionError) as error:
            raise CallInvalid(f"Bad expression {error}.".replace("..", ".")) from None

    def evaluate(self, args: Any) -> Any:
        """The value of the expression."""
        self.check(args)
        return evaluate(self._parse(args["expression"]), args.get("data"))


class OutOfTime(ResolveError):
    """The deadline has passed."""

    def __init__(self) -> None:
        super().__init__("The expression takes too long", "RequestLimitExceeded")


class _Stop(BaseException):
    """What the clock throws into the thread that evaluates."""


class _Clock:
    """Interrupts the thread that started it after so many seconds, again and again until it is closed; never after that."""

    def __init__(self, seconds: float) -> None:
        self.lock = threading.Lock()
        self.thread = ctypes.c_ulong(threading.get_ident())
        self.open = True
        self._wind(seconds)

    def _wind(self, seconds: float) -> None:
        self.timer = threading.Timer(seconds, self._strike)
        self.timer.daemon = True
        self.timer.start()

    def _strike(self) -> None:
        with self.lock:
            if self.open:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(self.thread, ctypes.py_object(_Stop))
                self._wind(0.2)  # a blow may be lost in a destructor, where Python drops exceptions

    def close(self) -> None:
        """Stop the clock and take back a blow that has not landed yet."""
        while self.open:
            with contextlib.suppress(_Stop), self.lock:
                self.open = False
        self.timer.cancel()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(self.thread, None)


def evaluate(expression: Any, data: Any) -> Any:
    """Run a parsed expression over data, under the deadline."""
    context = _engine()[1].create_child_context()
    clock = _Clock(float(_state["seconds"]))
    try:
        try:
            return _plain(expression.evaluate(data={"data": data}, context=context))
        except RecursionError:
            raise ResolveError("The expression is nested too deeply") from None
        except Exception as error:
            raise ResolveError(str(error)) from error
        finally:
            clock.close()
    except _Stop:
        clock.close()
        raise OutOfTime from None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | Iterator):
        return [_plain(item) for item in value]
    moment = getattr(value, "strftime", None)
    if moment is not None:
        return str(moment("%Y-%m-%dT%H:%M:%S.%f"))
    return str(value)
