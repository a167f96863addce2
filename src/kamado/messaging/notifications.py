"""Notifications as Heat sends them, through oslo.messaging's notifier: stacks whose state has changed, groups that are resized.

Made by `kamado.assemble` when a driver is configured (``[oslo_messaging_notifications] driver``); off otherwise. The trap: like all
messages they are a courtesy: sent by a thread of its own after the state is durable, dropped while a broker is away for long.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kamado.messaging.outbox import Outbox
from kamado.messaging.transport import MessagingSettings, library, notification_transport
from kamado.model.lifecycle import Action, Status
from kamado.model.records import StackRecord

_CAPACITY = 10_000

_SUFFIX = {Status.IN_PROGRESS: "start", Status.COMPLETE: "end", Status.FAILED: "error"}


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification: its type, its level ("info", "error"), what it says."""

    event_type: str
    level: str
    payload: Mapping[str, Any] = field(repr=False)


def of_stack(stack: StackRecord, level: str = "info") -> Notice:
    """The notice of the state that a stack has now."""
    suffix = _SUFFIX[stack.status]
    return Notice(f"orchestration.stack.{stack.action.lower()}.{suffix}", _level(suffix, level), _payload(stack))


def of_resize(
    stack: StackRecord,
    suffix: str,
    *,
    group: str,
    capacity: float,
    adjustment: float,
    adjustment_type: str,
    message: str = "",
    level: str = "info",
) -> Notice:
    """The notice of a group that is resized: ``suffix`` start, end or error; ``group`` is its reference, ``message`` the error's text."""
    said = message or f"{'Start' if suffix == 'start' else 'End'} resizing the group {group}"
    payload = {
        **_payload(stack),
        "adjustment": adjustment,
        "adjustment_type": adjustment_type,
        "capacity": capacity,
        "groupname": group,
        "message": said,
    }
    return Notice(f"orchestration.autoscaling.{suffix}", _level(suffix, level), payload)


def _level(suffix: str, level: str) -> str:
    return "error" if suffix == "error" else level


def _payload(stack: StackRecord) -> dict[str, Any]:
    return {
        "tenant_id": stack.project_id,
        "user_id": stack.username,
        "user_identity": stack.user_id,
        "username": stack.username,
        "stack_identity": stack.id,
        "stack_name": stack.name,
        "state": f"{stack.action}_{stack.status}",
        "state_reason": stack.reason,
        "create_at": _time(stack.created_at),
        "updated_at": _time(stack.updated_at),
        "tags": list(stack.tags),
        "description": stack.description,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Notifier:
    """Sends notices. Raises MessagingMissing."""

    def __init__(self, settings: MessagingSettings) -> None:
        self._level = settings.notification_level.lower()
        publisher = settings.publisher or f"orchestration.{socket.gethostname()}"
        self._notifier = library().Notifier(notification_transport(settings), publisher_id=publisher)
        self._outbox: Outbox[Notice] = Outbox("notifications", self._send, _CAPACITY)

    def stack_changed(self, stack: StackRecord) -> None:
        """Sends the notice of a stack's new state. Never blocks."""
        if stack.action is not Action.INIT:
            self._outbox.put(of_stack(stack, self._level))

    def group_resized(self, stack: StackRecord, resize: Mapping[str, Any], status: Status, reason: str) -> None:
        """Sends the notice of a group of the stack that is resized (`kamado.model.records.RESIZE`). Never blocks."""
        done = status is Status.COMPLETE
        notice = of_resize(
            stack,
            _SUFFIX[status],
            group=str(resize["group"]),
            capacity=resize["after" if done else "capacity"],
            adjustment=resize["adjustment"],
            adjustment_type=str(resize["adjustment_type"]),
            message=reason if status is Status.FAILED else "",
            level=self._level,
        )
        self._outbox.put(notice)

    def close(self) -> None:
        """Sends what can be sent within a second."""
        self._outbox.close()

    def _send(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            getattr(self._notifier, notice.level)({}, notice.event_type, dict(notice.payload))
