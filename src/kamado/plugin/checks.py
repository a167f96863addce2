"""Custom constraints that need no cloud: texts of a certain form, with Heat's words for what is wrong.

Looked up by `kamado.plugin.finders.check`.
"""

from __future__ import annotations

import ipaddress
import json
import re
import time
import zoneinfo
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Check = Callable[[Any], str | None]

_MAC = re.compile(
    r"([0-9a-fA-F]{1,2}[:-]){5}[0-9a-fA-F]{1,2}\Z|[0-9a-fA-F]{12}\Z|([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}\Z"
)
_LABEL = re.compile(r"(?!-)[a-zA-Z0-9-]{1,63}(?<!-)\Z")
_TLD_NUMERIC = re.compile(r"[0-9]+\Z")
_LONGEST_NAME = 255
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_CRON_WORDS = {
    word: str(number)
    for words, first in (
        (("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1),
        (("sun", "mon", "tue", "wed", "thu", "fri", "sat"), 0),
    )
    for number, word in enumerate(words, first)
}


def ip_address(value: Any) -> str | None:
    """An IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(str(value))
    except ValueError:
        return "Invalid IP address"
    return None


def mac_address(value: Any) -> str | None:
    """A MAC address in one of its usual spellings."""
    return None if _MAC.match(str(value)) else "Invalid MAC address."


def cidr(value: Any) -> str | None:
    """A network with its prefix length; bits of the host may be set."""
    text = str(value)
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return f"Invalid net cidr invalid IPNetwork {text} "
    if "/" not in text:
        return f"'{text}' is not a valid IP subnet"
    return None


def address_or_cidr(value: Any) -> str | None:
    """Either of the two."""
    if ip_address(value) is None or cidr(value) is None:
        return None
    return f"'{value}' is not a valid IP address"


def dns_name(value: Any) -> str | None:
    """A host name, relative or fully qualified."""
    text = str(value)
    if not text:
        return None
    reason = _wrong_name(text)
    return None if reason is None else f"'{text}' not in valid format. Reason: {reason}"


def _wrong_name(text: str) -> str | None:
    if len(text) > _LONGEST_NAME:
        return f"'{text}' exceeds the {_LONGEST_NAME} character FQDN limit"
    labels = text.rstrip(".").split(".") if text.endswith(".") else text.split(".")
    for label in labels:
        if not label:
            return "Encountered an empty component"
        if label.startswith("-") or label.endswith("-"):
            return f"Name '{label}' must not start or end with a hyphen."
        if not _LABEL.match(label):
            return f"Name '{label}' must be 1-63 characters long, each of which can only be alphanumeric or a hyphen"
    if len(labels) > 1 and _TLD_NUMERIC.match(labels[-1]):
        return f"TLD '{labels[-1]}' must not be all numeric"
    return None


def relative_dns_name(value: Any) -> str | None:
    """A host name that is not fully qualified."""
    if str(value).endswith("."):
        return f"'{value}' is a FQDN. It should be a relative domain name."
    if len(str(value)) > _LONGEST_NAME - 3:
        return (
            f"'{value}' contains '{len(str(value))}' characters. Adding a domain name will cause it to exceed the "
            f"maximum length of a FQDN of '{_LONGEST_NAME}'."
        )
    return dns_name(value)


def dns_domain(value: Any) -> str | None:
    """A fully qualified domain, with its dot at the end."""
    if not value:
        return None
    wrong = dns_name(value)
    if wrong is not None:
        return wrong
    text = str(value)
    if not text.endswith("."):
        return f"'{text}' must end with '.'."
    if len(text) > _LONGEST_NAME:
        return f"'{text}' must not exceed {_LONGEST_NAME} characters."
    if len(text.split(".")) < 3:
        return f"'{text}' must have more than one component."
    return None


def iso_8601(value: Any) -> str | None:
    """A time in ISO 8601."""
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return f"Could not parse {value}. ISO 8601 format expected."
    return None


def expiration(value: Any) -> str | None:
    """A time to come, in ISO 8601."""
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        return f"Expiration {value} is invalid: {error}"
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None if moment > datetime.now(UTC) else f"Expiration {value} is invalid: Expiration time is out of date."


def json_text(value: Any) -> str | None:
    """A text that is JSON."""
    try:
        json.loads(str(value))
    except ValueError as error:
        return f"JSON string is invalid: {error}"
    return None


def time_zone(value: Any) -> str | None:
    """A time zone of the IANA database."""
    if not value:
        return None
    try:
        zoneinfo.ZoneInfo(str(value))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return f"Invalid timezone: '{value}'"
    return None


def cron(value: Any) -> str | None:
    """A cron expression of five fields (six with seconds at the end)."""
    if not value:
        return None
    text = str(value)
    parts = text.split()
    if not 5 <= len(parts) <= 6:
        return "Invalid CRON expression: Exactly 5 or 6 columns has to be specified for iterator expression."
    ranges = (*_CRON_RANGES, (0, 59))
    for part, (low, high) in zip(parts, ranges, strict=False):
        if not all(_cron_item(item, low, high) for item in part.lower().split(",")):
            return f"Invalid CRON expression: [{text}] is not acceptable, out of range"
    return None


def _cron_item(item: str, low: int, high: int) -> bool:
    span, _, step = item.partition("/")
    if step and not (step.isdigit() and int(step) > 0):
        return False
    if span in ("*", "?") or (span == "l" and high == 31):
        return True
    ends = [_CRON_WORDS.get(end, end) for end in span.split("-")]
    return 1 <= len(ends) <= 2 and all(end.isdigit() and low <= int(end) <= high for end in ends)


def slow(value: Any) -> str | None:
    """Takes as many seconds as the value says: for tests."""
    time.sleep(min(float(value), 60.0))
    return None


CHECKS: Mapping[str, Check] = {
    "ip_addr": ip_address,
    "mac_addr": mac_address,
    "net_cidr": cidr,
    "ip_or_cidr": address_or_cidr,
    "dns_name": dns_name,
    "rel_dns_name": relative_dns_name,
    "dns_domain": dns_domain,
    "iso_8601": iso_8601,
    "expiration": expiration,
    "json_string": json_text,
    "timezone": time_zone,
    "cron_expression": cron,
    "test_constr": slow,
}
