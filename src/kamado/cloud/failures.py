"""What an answer of the cloud, or its absence, means: one classification for all services.

`kamado.cloud.rest` raises `CloudError`, `kamado.plugin` turns it into outcomes. The trap: `LOST` and `UNREACHABLE`
look the same to a user but not to us: after `LOST` the cloud may have done the work, after `UNREACHABLE` it never
heard of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any


class FailureKind(StrEnum):
    """The kinds of failure that anything above may tell apart."""

    NOT_FOUND = "not found"
    CONFLICT = "conflict"
    OVER_LIMIT = "over limit"
    BAD_REQUEST = "bad request"
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    UNAVAILABLE = "unavailable"
    SERVER_ERROR = "server error"
    LOST = "lost"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    """Its certificate is none that we trust: only who configured that can help."""


_KINDS: Mapping[int, FailureKind] = {
    401: FailureKind.UNAUTHORIZED,
    403: FailureKind.FORBIDDEN,
    404: FailureKind.NOT_FOUND,
    409: FailureKind.CONFLICT,
    410: FailureKind.NOT_FOUND,
    413: FailureKind.OVER_LIMIT,
    429: FailureKind.UNAVAILABLE,
    502: FailureKind.UNAVAILABLE,
    503: FailureKind.UNAVAILABLE,
    504: FailureKind.UNAVAILABLE,
}

_PASSING = frozenset({FailureKind.UNAVAILABLE, FailureKind.LOST, FailureKind.UNREACHABLE})

_NEUTRON_CLASSES = frozenset(
    {
        "NetworkNotFound", "PortNotFound", "StateInvalid", "NetworkInUse", "PortInUse", "IpAddressInUse",
        "IpAddressAlreadyAllocated", "InvalidIpForNetwork", "InvalidIpForSubnet", "OverQuota", "IpAddressGenerationFailure",
        "MacAddressInUse", "HostNotCompatibleWithFixedIps", "ExternalIpAddressExhausted",
    }
)  # fmt: skip
"""Neutron's error types that Heat's users see as a class of its own (``OverQuotaClient``).

Others go by their status.
"""

_WITH_STATUS = frozenset({"compute", "volume", "volumev3", "block-storage", "identity"})


class CloudError(Exception):
    """A call to the cloud failed.

    ``message`` is the cloud's own text; ``status`` is None when there was no answer; ``retry_after`` is in seconds,
    as the server asked; ``error_class`` is the name that Heat shows for it when the status alone does not tell.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        status: int | None = None,
        service: str = "",
        method: str = "",
        url: str = "",
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.service = service
        self.method = method
        self.url = url
        self.retry_after = retry_after
        self.request_id = request_id
        self.error_class = ""

    def __str__(self) -> str:
        """The text that Heat's users know.

        The cloud's words, with what the client library of the service adds to them.
        """
        if self.status is None or not self.request_id:
            return self.message
        if self.service in _WITH_STATUS:
            return f"{self.message} (HTTP {self.status}) (Request-ID: {self.request_id})"
        if self.service == "image":
            return f"HTTP {self.status} {_phrase(self.status)}: {self.message}"
        if self.service == "network":
            return f"{self.message}\nNeutron server returns request_ids: ['{self.request_id}']"
        return self.message

    @property
    def passing(self) -> bool:
        """Whether the same call may well work a little later."""
        return self.kind in _PASSING

    @property
    def not_found(self) -> bool:
        """Whether the thing is not there."""
        return self.kind is FailureKind.NOT_FOUND

    @property
    def conflict(self) -> bool:
        """Whether the thing's present state forbids the call."""
        return self.kind is FailureKind.CONFLICT


def kind_of(status: int) -> FailureKind:
    """The kind of an answer by its status (400 or above)."""
    if status in _KINDS:
        return _KINDS[status]
    return FailureKind.SERVER_ERROR if status >= 500 else FailureKind.BAD_REQUEST


def classify(
    status: int, body: str | bytes, *, headers: Mapping[str, str], service: str = "", method: str = "", url: str = ""
) -> CloudError:
    """The error that an answer with a status of 400 or above stands for."""
    text, error_type = _words(body)
    error = CloudError(
        kind_of(status),
        text or f"{method} {url}: HTTP {status}",
        status=status,
        service=service,
        method=method,
        url=url,
        retry_after=retry_after(headers, datetime.now(UTC)),
        request_id=headers.get("X-Openstack-Request-Id", ""),
    )
    if error_type in _NEUTRON_CLASSES:
        error.error_class = f"{error_type}Client"
    elif status == 413 and service == "compute":
        error.error_class = "OverLimit"
    elif service == "image":
        error.error_class = f"HTTP{_phrase(status).replace(' ', '')}"
    return error


def _phrase(status: int) -> str:
    """What a status is called."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a server asks to be left alone (Retry-After: a number, or a date by the server's own clock); None without a wish."""
    value = headers.get("Retry-After")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        until, sent = _date(value), _date(headers.get("Date", ""))
        return None if until is None else max(0.0, (until - (sent or now)).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _words(body: str | bytes) -> tuple[str, str]:
    """The message, and the error's type where there is one, of the many shapes of error bodies in OpenStack."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        parsed = json.loads(text)
    except ValueError:
        return ("" if text.lstrip().startswith("<") else text.strip()[:1000]), ""
    if isinstance(parsed, str):
        return parsed, ""
    if not isinstance(parsed, dict):
        return text[:1000], ""
    return _dig(parsed)


def _dig(parsed: Mapping[str, Any]) -> tuple[str, str]:
    for key in ("message", "faultstring", "error_message", "detail", "description"):
        value = parsed.get(key)
        if isinstance(value, str) and value:
            value = value.partition("<br />")[0].rstrip()  # Glance says it for a browser
            extra = parsed.get("detail") if key == "message" else None
            message = f"{value}\n{extra}" if isinstance(extra, str) and extra and extra != value else value
            return message, str(parsed.get("type") or "")
    for value in parsed.values():
        if isinstance(value, Mapping):
            return _dig(value)
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            return _dig(value[0])
    # A title is what is left when nobody says more.
    return next((value for key in ("title", *parsed) if isinstance(value := parsed.get(key), str) and value), ""), ""
