"""Query strings, read strictly and refused in Heat's words.

Called by handlers. The trap: Heat is lenient about unknown keys on most routes and strict on `resources`.
"""

from __future__ import annotations

from collections.abc import Iterable

from falcon import Request

from kamado.api.errors import BadRequest
from kamado.orchestrator.errors import Refused


def truth(value: object, name: str) -> bool:
    """A boolean from a query or body: true or false in any case, nothing else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise BadRequest(f'Unrecognized value "{value}" for "{name}", acceptable values are: true, false.')


def whole(value: object, name: str) -> int:
    """A non-negative integer, as number or text."""
    if isinstance(value, (bool, float)):
        raise BadRequest(f"Only integer is acceptable by '{name}'.")
    try:
        number = int(str(value))
    except ValueError as error:
        raise BadRequest(f"Only integer is acceptable by '{name}'.") from error
    if number < 0:
        raise BadRequest(f"Value '{value}' is invalid for '{name}' which only accepts non-negative integer.")
    return number


def values(req: Request, *names: str) -> tuple[str, ...]:
    """All values of the named keys, in order; a key may be repeated."""
    found: list[str] = []
    for name in names:
        value = req.params.get(name)
        if isinstance(value, list):
            found.extend(value)
        elif value is not None:
            found.append(value)
    return tuple(found)


def one(req: Request, name: str) -> str | None:
    """The last value of a key."""
    found = values(req, name)
    return found[-1] if found else None


def flag(req: Request, name: str, default: bool = False) -> bool:
    """A boolean key."""
    value = one(req, name)
    return default if value is None else truth(value, name)


def number(req: Request, name: str) -> int | None:
    """An integer key; None when absent."""
    value = one(req, name)
    return None if value is None else whole(value, name)


def listed(req: Request, name: str) -> tuple[str, ...]:
    """A comma list."""
    value = one(req, name)
    return tuple(part for part in value.split(",") if part) if value else ()


def every(req: Request, name: str) -> tuple[str, ...]:
    """All that the comma lists under a key of our own name, which may be repeated: nothing that was named may be overlooked."""
    return tuple(part for value in values(req, name) for part in value.split(",") if part)


def direction(req: Request) -> str | None:
    """`sort_dir`: asc, desc, or None for the default."""
    value = one(req, "sort_dir")
    if value is None or value in ("asc", "desc"):
        return value
    raise Refused("ValueError", "sort_dir should be one of: asc, desc.")


def only(req: Request, allowed: Iterable[str]) -> None:
    """Refuse keys that a strict route does not know."""
    unknown = sorted(set(req.params) - set(allowed))
    if unknown:
        raise BadRequest(f"Invalid filter parameters {unknown}")
