"""How values look inside columns, equal on all three databases.

JSON is ASCII text, times are integer microseconds since the epoch in UTC, text has no NUL and no lone surrogate (PostgreSQL
and MariaDB refuse them). Written for speed: these functions run for every value of every row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

encode_json: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""Compact ASCII JSON; raises TypeError for what is not JSON."""

_canonical: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
_decoder: Any = json.JSONDecoder()
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once


def canonical_json(value: Any) -> str:
    """JSON text that is the same for equal values: keys sorted, no white space."""
    return _canonical(value)


def decode_json(text: str) -> Any:
    """The value of a text that `encode_json` or `canonical_json` made (no leading white space)."""
    return _scan(text, 0)[0]


def encode_map(value: Mapping[str, Any] | None) -> str | None:
    """A map as JSON text; None stays None."""
    if value is None:
        return None
    if not value:
        return "{}"
    return encode_json(value if type(value) is dict else dict(value))


def encode_list(value: tuple[str, ...] | list[str]) -> str:
    """A sequence of texts as JSON text."""
    return encode_json(list(value)) if value else "[]"


def decode_list(text: str) -> tuple[str, ...]:
    """The reverse of `encode_list`."""
    return () if text == "[]" else tuple(decode_json(text))


def encode_time(value: datetime | None) -> int | None:
    """Microseconds since the epoch; an aware datetime is expected."""
    return None if value is None else (value - EPOCH) // _MICROSECOND


def decode_time(value: int | None) -> datetime | None:
    """The reverse of `encode_time`."""
    return None if value is None else EPOCH + timedelta(microseconds=value)


def at(value: int) -> datetime:
    """`decode_time` for columns that are never null."""
    return EPOCH + timedelta(microseconds=value)


def clean(text: str) -> str:
    """``text`` without what PostgreSQL or MariaDB would refuse: NULs go, lone surrogates become ``?``."""
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text


def clean_optional(text: str | None) -> str | None:
    """`clean` that lets None through."""
    return None if text is None else clean(text)
