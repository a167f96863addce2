"""UNKNOWN: the value of something that is only known once the cloud has answered.

Put into scopes by the planner, carried through functions by `resolve`, passed unchecked by `schema.coerce`.
The trap: it may sit deep inside a list or map; `is_unknown` looks at the value itself, `contains_unknown` inside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final


class Unknown:
    """The type of the one `UNKNOWN` value; never true nor false, so that no code decides on it by accident."""

    __slots__ = ()
    _instance: Unknown | None = None

    def __new__(cls) -> Unknown:
        """Always the same object."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "<unknown>"

    def __bool__(self) -> bool:
        raise TypeError("a value that is not yet known is neither true nor false; use is_unknown()")

    def __reduce__(self) -> str:
        return "UNKNOWN"

    def __copy__(self) -> Unknown:
        return self

    def __deepcopy__(self, memo: Any) -> Unknown:
        return self


UNKNOWN: Final = Unknown()
SCALARS: Final = frozenset({str, int, float, bool, type(None)})
"""The types of values with nothing inside; asked for by the exact type, which is what nearly all values of a template have."""
MAPS: Final = (dict, Mapping)
"""What counts as a map, for isinstance(): a dict is found to be one a good deal sooner than a Mapping is."""


class Everything(Collection[str]):
    """The names in a section that could not be read: any may be among them, and none can be told."""

    __slots__ = ()

    def __contains__(self, _name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


EVERYTHING: Final = Everything()


class Partly(dict[str, Any]):
    """Names and values of which not all could be read: what it does not hold is UNKNOWN and counts as in it."""

    def __missing__(self, name: str) -> Any:
        return UNKNOWN

    def __contains__(self, _name: object) -> bool:
        return True


def with_unread(known: dict[str, Any], unread: Collection[str]) -> dict[str, Any]:
    """Names and values together with the names whose values could not be read."""
    return Partly(known) if unread is EVERYTHING else {**dict.fromkeys(unread, UNKNOWN), **known}


def is_unknown(value: object) -> bool:
    """Whether the value itself is not yet known."""
    return value is UNKNOWN


def contains_unknown(value: object) -> bool:
    """Whether the value, or anything inside it, is not yet known."""
    if type(value) in SCALARS:
        return False
    left: list[object] = [value]
    for item in left:  # which grows meanwhile
        if item is UNKNOWN:
            return True
        if isinstance(item, dict):
            left += [inside for inside in item.values() if type(inside) not in SCALARS]
        elif isinstance(item, (list, tuple)):
            left += [inside for inside in item if type(inside) not in SCALARS]
    return False
