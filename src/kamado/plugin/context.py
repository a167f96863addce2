"""What a resource is given to work with: facts about its stack and ports to the outside.

Built by the engine (and by tests); used by resource types. The trap: `Ports.cloud` is made when first called, so a type
that never calls it costs no token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from kamado.cloud.session import Cloud


@dataclass(frozen=True, slots=True)
class StackInfo:
    """The stack that a resource belongs to, as far as a type may care."""

    id: str
    name: str
    project_id: str
    user_id: str = ""
    username: str = ""
    root_id: str = ""
    nested_depth: int = 0
    region: str = ""
    tags: tuple[str, ...] = ()
    stack_user_project_id: str | None = None
    timeout_secs: float | None = None


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> datetime:
        """The time of day, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back; good for differences within one process only."""

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread."""


class Saver(Protocol):
    """Makes what a handler has learned durable; each call blocks until it is, and raises when the lease is lost."""

    def save_physical_id(self, physical_id: str | None) -> None:
        """The cloud's id of the resource, or None when it is gone."""

    def save_data(self, data: Mapping[str, Any]) -> None:
        """The type's own data, whole."""

    def save_metadata(self, metadata: Mapping[str, Any]) -> None:
        """The resource's metadata, whole."""


class Children(Protocol):
    """The port through which a type makes child stacks (groups, nested templates)."""

    def create(self, name: str, template: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
        """Accepts the creation of a child stack; its id."""

    def update(self, stack_id: str, template: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        """Accepts an update of a child stack."""

    def delete(self, stack_id: str) -> None:
        """Accepts the deletion of a child stack."""

    def state(self, stack_id: str) -> tuple[str, str, str]:
        """Action, status and reason of a child stack."""

    def outputs(self, stack_id: str) -> Mapping[str, Any]:
        """The child's outputs."""


def no_cloud() -> Cloud:
    """The cloud port of something that has none (local types, tests)."""
    raise LookupError("there is no cloud here")


class NotSaved:
    """A saver that keeps nothing: for previews and for reading attributes."""

    def save_physical_id(self, physical_id: str | None) -> None:
        """Keeps nothing."""

    def save_data(self, data: Mapping[str, Any]) -> None:
        """Keeps nothing."""

    def save_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Keeps nothing."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ways out of a resource: cloud, time, durable storage, child stacks."""

    clock: Clock
    cloud: Callable[[], Cloud] = no_cloud
    saver: Saver = field(default_factory=NotSaved)
    children: Children | None = None
