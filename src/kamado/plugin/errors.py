"""What may go wrong in a handler: temporary or permanent, and how Heat's clients read it.

Raised by resource types, turned into outcomes by `kamado.plugin.lifecycle`. The trap: the class name that users see
in ``resource_status_reason`` is part of the interface (scripts look for ``ResourceInError``), so it is `heat_name`,
not the Python name.
"""

from __future__ import annotations

import re

from kamado.cloud.failures import CloudError, FailureKind
from kamado.template.problems import dotted

_STACK_REASON = re.compile(
    r"Resource \w+ failed: (?P<name>\w+): (?P<place>resources[.\[][^:]+): (?P<words>.*)", re.DOTALL
)

_BY_KIND: dict[FailureKind, str] = {
    FailureKind.NOT_FOUND: "NotFound",
    FailureKind.CONFLICT: "Conflict",
    FailureKind.OVER_LIMIT: "OverLimit",
    FailureKind.BAD_REQUEST: "BadRequest",
    FailureKind.FORBIDDEN: "Forbidden",
    FailureKind.UNAUTHORIZED: "Unauthorized",
    FailureKind.UNAVAILABLE: "ServiceUnavailable",
    FailureKind.SERVER_ERROR: "InternalServerError",
    FailureKind.LOST: "ConnectionFailed",
    FailureKind.UNREACHABLE: "ConnectionFailed",
    FailureKind.UNTRUSTED: "ConnectionFailed",
}


class PluginError(Exception):
    """The base of what a resource type raises on purpose."""

    heat_name = "Error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TemporaryError(PluginError):
    """Not now: call the handler again.

    ``after`` is the least wait in seconds, None for the engine's own growing wait. ``unknown``: a create may have
    happened without an answer, so look the thing up (`Resource.find_existing`) before it is made again.
    """

    def __init__(self, message: str, after: float | None = None, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.unknown = unknown


class PermanentError(PluginError):
    """Not ever: the action fails with this message. ``heat_name`` is the class name shown to the user."""

    def __init__(self, message: str, heat_name: str = "") -> None:
        super().__init__(message)
        if heat_name:
            self.heat_name = heat_name


class ChildFailed(PermanentError):
    """A child stack failed; ``place`` is where in it, ``heat_name`` empty when it was not a resource that failed."""

    heat_name = ""

    def __init__(self, message: str, heat_name: str = "", place: str = "") -> None:
        super().__init__(message, heat_name)
        self.place = place

    @classmethod
    def of(cls, reason: str) -> ChildFailed:
        """From the reason of the child stack's state, such as ``Resource CREATE failed: Error: resources.one: words``."""
        found = _STACK_REASON.fullmatch(reason)
        return cls(reason) if found is None else cls(found["words"], found["name"], found["place"])


class ResourceInError(PermanentError):
    """The cloud says that the thing is broken: its status, and the cloud's own reason for it."""

    heat_name = "ResourceInError"

    def __init__(self, status: str, reason: str = "") -> None:
        super().__init__(f'Went to status {status} due to "{reason or "Unknown"}"')
        self.status = status


class ResourceUnknownStatus(PermanentError):
    """The thing has a status that its type does not know; ``result`` says what that means for the action."""

    heat_name = "ResourceUnknownStatus"

    def __init__(self, status: str, result: str = "Resource failed", reason: str = "") -> None:
        super().__init__(f'{result} - Unknown status {status} due to "{reason or "Unknown"}"')
        self.status = status


class NotFoundInCloud(PermanentError):
    """The thing, or something that it needs, is not there (any more)."""

    heat_name = "NotFound"


class NotFoundByName(PermanentError):
    """Nothing, or more than one thing, is called so.

    ``place`` is the path of the property with the name, put together from the inside while the error rises; None
    where Heat does not tell the place.
    """

    heat_name = "NotFound"

    def __init__(self, message: str, heat_name: str = "", *, placed: bool = True) -> None:
        super().__init__(message, heat_name)
        self.place: str | None = "" if placed else None

    def inside(self, step: str | int) -> None:
        """Puts one step before the place: a key, or an index in a list."""
        if self.place is not None:
            step = f"[{step}]" if isinstance(step, int) else f".{step}"
            self.place = f"{step}{self.place}"
            self.heat_name = "StackValidationFailed"

    def __str__(self) -> str:
        return f"Property error: Properties{self.place}: {self.message}" if self.place else self.message


class NoActionRequired(Exception):
    """A signal asks for nothing: no line of history tells of it."""


class ReplacementNeeded(Exception):
    """A handler found that the change cannot be made in place: make a new one and let the old one go."""


def heat_name(error: BaseException) -> str:
    """The class name that Heat shows for an error."""
    if isinstance(error, TemporaryError) and isinstance(error.__cause__, CloudError):
        return heat_name(error.__cause__)
    if isinstance(error, PluginError):
        return error.heat_name
    if isinstance(error, CloudError):
        return error.error_class or _BY_KIND[error.kind]
    return type(error).__name__


def place_of(resource_name: str) -> str:
    """Where a resource is, as reasons have it: ``resources.net``, ``resources[0]``."""
    return dotted(("resources", resource_name))


def describe(error: BaseException, path: str) -> str:
    """``{ErrorClass}: {path}: {message}``, the reason format of Heat; ``path`` is like ``resources.net``."""
    if isinstance(error, ChildFailed):
        return ": ".join(part for part in (error.heat_name, f"{path}.{error.place}".rstrip("."), str(error)) if part)
    return f"{heat_name(error)}: {path}: {error}"
