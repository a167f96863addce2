"""`yaql`: expressions over data, behind one module, with limits.

The engine (and the library behind it) is imported at the first call: it takes longer to import than all of this package. Expressions
are parsed once and kept. The trap: the library bounds iterators and memory, not time, so a clock is looked at on every iteration.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from kamado.template.functions.core import CallInvalid, Function, ResolveError, Scope, resolve_inside
from kamado.template.unknown import UNKNOWN, contains_unknown

MEMORY_QUOTA = 10_000
ITERATORS = 200
SECONDS = 2.0

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
    return yaql.YaqlFactory().create(options=options), yaql.create_context(convention=None)


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


class _OutOfTime(ResolveError):
    pass


def evaluate(expression: Any, data: Any) -> Any:
    """Run a parsed expression over data, under the deadline."""
    from yaql.language.exceptions import YaqlException

    context = _engine()[1].create_child_context()
    deadline = time.monotonic() + float(_state["seconds"])
    try:
        return _plain(expression.evaluate(data={"data": data}, context=context), deadline)
    except ResolveError:
        raise
    except YaqlException as error:
        raise ResolveError(str(error)) from error
    except KeyError as error:
        raise ResolveError(str(error)) from error
    except RecursionError:
        raise ResolveError("The expression is nested too deeply") from None
    except Exception as error:
        raise ResolveError(str(error)) from error


def _plain(value: Any, deadline: float) -> Any:
    if time.monotonic() > deadline:
        raise _OutOfTime("The expression takes too long")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item, deadline) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | Iterator):
        return [_plain(item, deadline) for item in value]
    moment = getattr(value, "strftime", None)
    if moment is not None:
        return str(moment("%Y-%m-%dT%H:%M:%S.%f"))
    return str(value)


def known(args: Any, scope: Scope) -> bool:
    """Whether the arguments hold nothing unknown in this scope."""
    return not contains_unknown(resolve_inside(args, scope))
