"""Where in the values of a resource there is something that must not be shown, and the values with that masked.

Made of what a template has written, before anything is resolved; used by plans, previews, history and groups. The trap: only maps that are
written down key by key can be looked into. The places in a list move when an item comes to nothing, and what a function comes to has any
shape, so those are hidden as wholes; and where a value turns out to be no map, what was to be hidden inside it hides all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from kamado.template.functions.core import is_constant

Hidden: TypeAlias = "Mapping[str, Hidden | None]"
"""Keys under which there is something to hide: None is the value as a whole, a map tells where in it."""

NOTHING: Hidden = {}


def hidden_places(values: Mapping[str, Any], is_secret: Callable[[Any], bool]) -> Hidden:
    """The places in compiled ``values`` into which something secret goes; ``is_secret`` says that of one compiled value."""
    return dict(_places(values, is_secret))


def _places(values: Mapping[str, Any], is_secret: Callable[[Any], bool]) -> Iterator[tuple[str, Hidden | None]]:
    for name, value in values.items():
        if is_constant(value) or not is_secret(value):
            continue
        yield name, dict(_places(value, is_secret)) if isinstance(value, Mapping) else None


def all_of(values: Mapping[str, Any]) -> Hidden:
    """Everything."""
    return dict.fromkeys(values)


def both(one: Hidden, other: Hidden) -> Hidden:
    """What either hides."""
    found = {**one, **other}
    for name in one.keys() & other.keys():
        left, right = one[name], other[name]
        found[name] = None if left is None or right is None else both(left, right)
    return found


def inside(hidden: Hidden | None, path: Sequence[Any]) -> Hidden | None:
    """What is hidden of the value at ``path``; None when all of it is."""
    for key in path:
        if hidden is None:
            return None
        hidden = hidden.get(key, NOTHING)
    return hidden


def masked(value: Any, hidden: Hidden | None, mask: str) -> Any:
    """``value`` with ``mask`` for what is hidden of it; what is not there (null) stays."""
    if value is None or hidden == NOTHING:
        return value
    if hidden is None or not isinstance(value, Mapping):
        return mask
    return {key: masked(one, hidden[key], mask) if key in hidden else one for key, one in value.items()}
