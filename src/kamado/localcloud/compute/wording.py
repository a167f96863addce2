"""Nova's words for bad input: the reasons of JSON schema with the field and the value before them.

Called by every module of `compute`. The trap: these return a `Refusal`; the caller raises it.
"""

from collections.abc import Callable
from typing import Any

from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj

BOOLEANS = (
    True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes",
    False, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no",
)  # fmt: skip
TRUTHS = BOOLEANS[:11]


def wrong(name: str, value: Any, reason: str) -> Refusal:
    """A value that the schema does not allow."""
    return Refusal(400, f"Invalid input for field/attribute {name}. Value: {value}. {reason}")


def missing(name: str, value: Any, key: str) -> Refusal:
    """A key that must be there."""
    return wrong(name, value, f"{key!r} is a required property")


def extra(name: str, value: Any, keys: list[str]) -> Refusal:
    """Keys that may not be there."""
    shown, were = ", ".join(f"'{k}'" for k in keys), "was" if len(keys) == 1 else "were"
    return wrong(name, value, f"Additional properties are not allowed ({shown} {were} unexpected)")


def check(name: str, value: Any, kind: Callable[[Any], Any]) -> Any:
    """The value as its type converts it."""
    try:
        return kind(value)
    except ValueError as error:
        raise wrong(name, value, str(error)) from None


def truth(value: Any) -> bool:
    """A boolean in any of Nova's spellings."""
    if isinstance(value, bool | str) and value in BOOLEANS:
        return value in TRUTHS
    raise ValueError(f"{value!r} is not one of {list(BOOLEANS)}")


def count(least: int) -> Callable[[Any], int]:
    """A whole number, or a string of digits, of at least `least`."""

    def convert(value: Any) -> int:
        if isinstance(value, str):
            if not value.isdigit():
                raise ValueError(f"{value!r} does not match '^[0-9]+$'")
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{value!r} is not of type 'integer', 'string'")
        if value < least:
            raise ValueError(f"{value} is less than the minimum of {least}")
        return value

    return convert


def label(value: Any) -> str:
    """A name: text of 1 to 255 characters without blanks at its ends."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not of type 'string'")
    if not value:
        raise ValueError("'' should be non-empty")
    if len(value) > 255:
        raise ValueError(f"{value!r} is too long")
    if value != value.strip():
        raise ValueError(f"{value!r} does not match the format 'name_with_leading_trailing_spaces'")
    return value


def admin_only(call: Call, rule: str) -> None:
    """403 for everybody but administrators."""
    if not call.who.is_admin:
        raise call.service.dialect.forbidden(f"os_compute_api:{rule}")


def inside(call: Call, name: str) -> Obj:
    """The object in the body under its name."""
    body = call.json
    if not isinstance(body, dict):
        raise Refusal(400, "Malformed request body")
    if name not in body:
        raise Refusal(400, f"'{name}' is a required property")
    given = body[name]
    if not isinstance(given, dict):
        raise wrong(name, given, f"{given!r} is not of type 'object'")
    return given
