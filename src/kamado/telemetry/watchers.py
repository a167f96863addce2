"""Whoever watches the engine of a process: its log, its numbers, its traces, and those who are notified.

`Watchers` is the engine's port (`kamado.engine.watching.Watch`). Log lines about states carry ids as fields; a resource's are for
debugging, unless it failed, for a line costs more than many a step.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from kamado.model.lifecycle import Status
from kamado.model.records import ResourceRecord, StackRecord
from kamado.telemetry.metrics import Metrics
from kamado.telemetry.traces import TRACEPARENT, Traces

LOG = logging.getLogger("kamado.states")


class Notifies(Protocol):
    """Who sends notifications; see `kamado.messaging.notifications.Notifier`."""

    def stack_changed(self, stack: StackRecord) -> None:
        """A stack has a new state."""

    def group_resized(self, stack: StackRecord, resize: Mapping[str, Any], status: Status, reason: str) -> None:
        """A group of a stack is being resized, has been, or could not be."""


class Watchers:
    """All of them. ``notifies`` is told of each new state of a stack and of groups that are resized; it must not block."""

    def __init__(self, metrics: Metrics, traces: Traces, notifies: Notifies | None) -> None:
        self._metrics = metrics
        self._traces = traces
        self._notifies = notifies

    def stack_changed(self, stack: StackRecord, ids: Mapping[str, str]) -> None:
        """See `kamado.engine.watching.Watch`."""
        state = f"{stack.action}_{stack.status}"
        LOG.info(
            "stack %s is %s",
            stack.name,
            state,
            extra={**ids, "project": stack.project_id, "state": state, "reason": stack.reason},
        )
        if self._notifies is not None:
            self._notifies.stack_changed(stack)

    def group_resized(self, stack: StackRecord, resize: Mapping[str, Any], status: Status, reason: str) -> None:
        """See `kamado.engine.watching.Watch`."""
        if self._notifies is not None:
            self._notifies.group_resized(stack, resize, status, reason)

    def resource_changed(self, row: ResourceRecord, ids: Mapping[str, str]) -> None:
        """See `kamado.engine.watching.Watch`."""
        level = logging.INFO if row.status is Status.FAILED else logging.DEBUG
        if not LOG.isEnabledFor(level):
            return
        state = f"{row.action}_{row.status}"
        fields = {**ids, "resource": row.name, "type": row.type, "physical_id": row.physical_id or "", "state": state}
        LOG.log(level, "resource %s is %s", row.name, state, extra={**fields, "reason": row.reason})

    def step_ended(self, type_name: str, action: str, good: bool, seconds: float) -> None:
        """See `kamado.engine.watching.Watch`."""
        self._metrics.step_ended(type_name, action, good, seconds)
        self._traces.ended(f"step {action}", seconds, {"kamado.type": type_name, "kamado.action": action}, good)

    def operation_began(self, action: str, trace: str) -> None:
        """See `kamado.engine.watching.Watch`."""
        self._traces.begin(f"operation {action}", {TRACEPARENT: trace} if trace else {})

    def operation_left(self) -> None:
        """See `kamado.engine.watching.Watch`."""
        self._traces.end({"kamado.outcome": "left"}, True)

    def operation_ended(self, action: str, outcome: str, seconds: float) -> None:
        """See `kamado.engine.watching.Watch`."""
        self._metrics.operation_ended(action, outcome, seconds)
        self._traces.end({"kamado.action": action, "kamado.outcome": outcome}, outcome == "done")


class CallWatchers:
    """Who counts calls to the cloud: numbers and traces."""

    def __init__(self, metrics: Metrics, traces: Traces) -> None:
        self._metrics = metrics
        self._traces = traces

    def call_began(self, service: str) -> None:
        """See `kamado.cloud.limits.CallWatch`."""
        self._metrics.call_began(service)

    def call_ended(self, service: str, status: int | None, seconds: float) -> None:
        """See `kamado.cloud.limits.CallWatch`."""
        self._metrics.call_ended(service, status, seconds)
        fields: dict[str, str | int] = {"server.service": service, "http.response.status_code": status or 0}
        self._traces.ended(f"cloud {service}", seconds, fields, status is not None and status < 500)
