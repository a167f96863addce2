"""What a function is: compiled once at load, resolved as often as asked.

Every function module builds on `Function`; the loaders compile template values into plain data with `Function` nodes inside. A map or
list that holds a function somewhere below is a `DynMap` or `DynList`; a plain dict or list is constant, so that `resolve` hands it out
without looking inside. The trap: constants are shared, nobody may change what `resolve` returned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from kamado.template.limits import Limits
from kamado.template.problems import Path
from kamado.template.unknown import SCALARS, UNKNOWN, contains_unknown


class DynMap(dict[str, Any]):
    """A map with a function somewhere inside."""

    __slots__ = ()


class DynList(list[Any]):
    """A list with a function somewhere inside."""

    __slots__ = ()


CONSTANT = SCALARS | {dict, list}
"""The types of compiled values without a call inside."""


class Absent:
    """The type of ABSENT: what an `if` without a third argument leaves behind; the key or item around it vanishes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<absent>"


ABSENT = Absent()


class ResolveError(ValueError):
    """A value cannot be resolved; the message is in Heat's words, `error_type` names Heat's exception."""

    def __init__(self, message: str, error_type: str = "StackValidationFailed") -> None:
        super().__init__(message)
        self.message = message
        self.error_type = error_type


class CallInvalid(ValueError):
    """The arguments of a call have a shape that can never work; found at load."""


def several(args: Any, count: int, sentence: str) -> list[Any]:
    """``args`` when it is a list of ``count`` items; else CallInvalid: ``sentence``, or Heat's words on what has no items at all."""
    if args is None or isinstance(args, int | float):
        raise CallInvalid(f"cannot unpack non-iterable {type(args).__name__} object")
    if not isinstance(args, list) or len(args) != count:
        raise CallInvalid(sentence)
    return args


class Scope(Protocol):
    """Where values come from while a compiled value is resolved. Each may answer UNKNOWN."""

    def parameter(self, name: str) -> Any:
        """The value of a parameter; raises KeyError when there is none of that name."""

    def reference(self, resource: str) -> Any:
        """What `get_resource` gives for a resource."""

    def attribute(self, resource: str, path: tuple[Any, ...]) -> Any:
        """What `get_attr` gives: path[0] is the attribute, the rest walks into it (see `walk`); () means all of them."""

    def facade(self, key: str) -> Any:
        """A field ("metadata", "deletion_policy", "update_policy") of the resource in the parent stack."""


@dataclass
class CallContext:
    """What a call may need to know of its template while it is compiled."""

    files: Mapping[str, str] = field(default_factory=dict)
    resources: Collection[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    mappings: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    condition: Callable[[Any, Path], Any] | None = None
    """Compiles a condition; given where conditions may stand inside values."""


class Found:
    """What calls refer to, gathered from one after the other; see `Function.tell`."""

    __slots__ = ("attributes", "parameters", "parent", "resources")

    def __init__(self) -> None:
        self.resources: set[str] = set()
        self.attributes: set[tuple[str, tuple[Any, ...]]] = set()
        self.parameters: set[str] = set()
        self.parent = False
        """Whether anything is asked of the resource in the parent's template."""


class Function:
    """One call in a template.

    Subclasses override `check` (static shape, when the arguments are not themselves a call; raises CallInvalid) and `evaluate`
    (arguments fully resolved). A `macro` gets its arguments uncompiled.
    """

    __slots__ = ("args", "context", "name", "path")
    macro: ClassVar[bool] = False
    partial: ClassVar[bool] = False
    """Whether `evaluate` can work with unknown values inside its arguments."""
    literal: ClassVar[bool] = False
    """Whether its argument has to be written out, so that a call in its place is for `check` to refuse."""
    decides: ClassVar[bool] = False
    """Whether what a definition depends on is asked of it: it reads something, or picks what is read."""

    def __init__(self, name: str, args: Any, path: Path, context: CallContext) -> None:
        self.name = name
        self.args = args
        self.path = path
        self.context = context
        if type(args) in CONSTANT or self.literal or not isinstance(args, Function):
            self.check(args)

    def __repr__(self) -> str:
        return repr({self.name: self.args})

    def check(self, args: Any) -> None:
        """Raise CallInvalid when these arguments can never work."""

    def resolve(self, scope: Scope) -> Any:
        """The value of the call; UNKNOWN when it depends on what is not yet known."""
        args = self.args
        if type(args) not in CONSTANT:
            args = resolve_inside(args, scope)
            if args is UNKNOWN or (not self.partial and contains_unknown(args)):
                return UNKNOWN
        return self.evaluate(args)

    def evaluate(self, args: Any) -> Any:
        """The value for resolved arguments; raises ValueError, TypeError or ResolveError in Heat's words."""
        return args

    @property
    def undecided(self) -> bool:
        """Whether what it reads hangs on the parameters: it picks a branch, or computes a name."""
        return False

    def tell(self, found: Found, scope: Scope | None) -> None:
        """Add what the call itself refers to; a name that is computed needs a scope."""

    def children(self) -> Iterator[Any]:
        """Compiled values inside the call."""
        yield self.args

    def bounded(self, size: int) -> None:
        """Refuse a result of more than the allowed size."""
        if size > self.context.limits.max_result:
            raise ResolveError(f'The result of "{self.name}" is larger than allowed', "RequestLimitExceeded")


class Unread(Function):
    """A call that is refused, in the place of its value: that is never known, what it would have read is."""

    __slots__ = ()

    def resolve(self, scope: Scope) -> Any:  # noqa: ARG002
        """Not known."""
        return UNKNOWN


def resolve_inside(value: Any, scope: Scope) -> Any:
    """As `resolve`, but ABSENT comes through, for the containers to drop."""
    kind = type(value)
    if kind is DynMap:
        made = {}
        for key, item in value.items():
            if type(item) not in CONSTANT:
                item = resolve_inside(item, scope)
                if item is ABSENT:
                    continue
            made[key] = item
        return made
    if kind is DynList:
        items = [item if type(item) in CONSTANT else resolve_inside(item, scope) for item in value]
        return [item for item in items if item is not ABSENT] if ABSENT in items else items
    if not isinstance(value, Function):
        return value
    try:
        return value.resolve(scope)
    except ResolveError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ResolveError(str(error)) from error


def resolve(value: Any, scope: Scope) -> Any:
    """The value of a compiled template value in a scope.

    Constants come back as they are (shared: do not change them). What depends on something not yet known becomes UNKNOWN, as deep
    inside as it is. Raises ResolveError, in Heat's words.
    """
    result = resolve_inside(value, scope)
    return None if result is ABSENT else result


def calls(value: Any) -> Iterator[Function]:
    """Every call inside a compiled value, outermost first."""
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is DynMap:
            stack.extend(reversed(list(item.values())))
        elif kind is DynList:
            stack.extend(reversed(item))
        elif isinstance(item, Function):
            yield item
            stack.extend(item.children())


def is_constant(value: Any) -> bool:
    """Whether a compiled value holds no call."""
    return type(value) in CONSTANT or not isinstance(value, (DynMap, DynList, Function))


def rebuild(value: Any, change: Callable[[Function], Any]) -> Any:
    """A compiled value in which `change` has replaced calls; it is asked for the outermost calls only."""
    kind = type(value)
    if kind is DynMap:
        made = {key: rebuild(item, change) for key, item in value.items()}
        kept = {key: item for key, item in made.items() if item is not ABSENT}
        return kept if all(is_constant(item) for item in kept.values()) else DynMap(kept)
    if kind is DynList:
        items = [item for item in (rebuild(item, change) for item in value) if item is not ABSENT]
        return items if all(is_constant(item) for item in items) else DynList(items)
    if isinstance(value, Function):
        return change(value)
    return value


def dump(value: Any) -> Any:
    """A compiled value as plain data, calls written as in the template; for digests and for showing."""
    kind = type(value)
    if kind is DynMap:
        return {key: dump(item) for key, item in value.items()}
    if kind is DynList:
        return [dump(item) for item in value]
    if isinstance(value, Function):
        return {value.name: dump(value.args)}
    return value


def walk(value: Any, path: tuple[Any, ...]) -> Any:
    """Follow keys and positions into a value as `get_attr` does; a miss gives None, UNKNOWN stays UNKNOWN."""
    for key in path:
        if value is UNKNOWN:
            return UNKNOWN
        if key is UNKNOWN:
            return UNKNOWN
        try:
            if isinstance(value, Mapping):
                value = value[key] if key in value else value.get(str(key))
            elif isinstance(value, str | list | tuple) and isinstance(key, int):
                value = value[key]
            else:
                return None
        except (KeyError, IndexError, TypeError):
            return None
    return value


Table = Mapping[str, type[Function]]
