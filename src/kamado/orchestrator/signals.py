"""What reaches one resource from outside, beside any operation: signals, cleared hooks, marks of health.

Called by the APIs. A signal is handled here, as the stack's owner, whoever sent it (a server's agent, an alarm). The trap: an operation
may be at work on the same row; what is written here are single fields under the row's lock, and the engine writes only what it changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kamado.engine.events import REASON_LIMIT, resource_event
from kamado.engine.hooks import cleared, waits_at
from kamado.engine.siblings import Siblings
from kamado.model.lifecycle import Action
from kamado.model.records import EventRecord, ResourceRecord, StackRecord
from kamado.orchestrator.context import Services
from kamado.orchestrator.errors import (
    InvalidBreakPointHook,
    NotSupported,
    ResourceActionNotSupported,
    ResourceNotAvailable,
    ResourceNotFound,
)
from kamado.orchestrator.resources import stack_info, types_of
from kamado.orchestrator.scaling import Resizing
from kamado.orchestrator.stack_software import StackSoftware
from kamado.plugin import lifecycle
from kamado.plugin.context import Ports
from kamado.plugin.errors import NoActionRequired
from kamado.plugin.registry import UnknownType
from kamado.plugin.resource import Resource
from kamado.store.resources import Resources, in_use
from kamado.template.environment import HOOKS

_LOG = logging.getLogger(__name__)

UNSET_HOOK = "unset_hook"

_Decision = tuple[Mapping[str, Any], Sequence[EventRecord]]


class _RowSaver:
    """Keeps what a signal's handler has learned, at once."""

    def __init__(self, rows: Resources, row_id: str) -> None:
        self._rows = rows
        self._row_id = row_id

    def save_physical_id(self, physical_id: str | None) -> None:
        self._keep({"physical_id": physical_id})

    def save_data(self, data: Mapping[str, Any]) -> None:
        self._keep({"data": dict(data)})

    def save_metadata(self, metadata: Mapping[str, Any]) -> None:
        self._keep({"metadata": dict(metadata)})

    def change_metadata(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        self._rows.change(self._row_id, lambda row: ({"metadata": dict(change(row.metadata))}, ()))

    def _keep(self, values: Mapping[str, Any]) -> None:
        self._rows.change(self._row_id, lambda _: (values, ()))


def signal(
    services: Services,
    stack: StackRecord,
    name: str,
    details: Mapping[str, Any] | None,
    user_id: str = "",
    trace: str = "",
) -> None:
    """Hand a signal to a resource, or clear the hook that it waits at.

    ``user_id``: who signals. While a resource is being replaced there are two of its name: a user of one of them means that one.
    ``trace``: the ``traceparent`` of the request, for what the signal begins.

    :raises ResourceNotFound, ResourceNotAvailable: there is no such resource, or not yet.
    :raises NotSupported: it is suspended or being deleted; its history tells of the attempt.
    :raises ResourceActionNotSupported: its type takes no signals.
    :raises InvalidBreakPointHook: it does not wait at that hook.
    """
    row = _meant(services, stack, name, user_id)
    if row is None:
        definitions = {} if stack.deleted_at else services.targets.desired(stack, stack.target).definitions
        raise ResourceNotAvailable.of(name) if name in definitions else ResourceNotFound.of(name, stack.name)
    resizing = Resizing(services, stack, row, lambda: _line(services, row, "SIGNAL", _words(details)), trace)
    ports = Ports(
        clock=services.clock,
        cloud=partial(services.cloud_of, stack),
        groups=resizing,
        saver=_RowSaver(services.store.resources, row.id),
        siblings=Siblings(services.store.resources, stack.id),
        users=partial(services.users_of, stack),
        software=partial(StackSoftware.of, services, stack),
    )
    try:
        resource = lifecycle.build(types_of(services, stack), row, stack_info(services, stack), ports)
    except UnknownType as error:
        raise ResourceActionNotSupported.of("signal") from error
    if details and UNSET_HOOK in details:
        _clear_hook(services, stack, resource, row, str(details[UNSET_HOOK]))
        return
    if row.action in resource.no_signal_actions:
        _tell(services, row, str(row.action), f"Cannot signal resource during {row.action}")
        raise NotSupported.of(f"Signal resource during {row.action}")
    if not lifecycle.takes_signals(resource):
        raise ResourceActionNotSupported.of("signal")
    if row.action is Action.INIT:
        raise ResourceNotAvailable.of(name)
    try:
        said = _handle(resource, row, details)
    except NoActionRequired:
        return
    if said is None:
        return
    if not resizing.done:  # else that was told in the transaction that began it
        _tell(services, row, "SIGNAL", said)
    services.ring(row.id)


def _meant(services: Services, stack: StackRecord, name: str, user_id: str) -> ResourceRecord | None:
    """The resource that a user means by a name."""
    rows = services.store.resources.named(stack.id, (name,))
    own = (row for row in rows if user_id and row.data.get("user_id") == user_id)
    return next(own, None) or in_use(rows).get(name)


def _handle(resource: Resource, row: ResourceRecord, details: Mapping[str, Any] | None) -> str | None:
    """What history says of the signal, None when it failed: whatever a handler raises was not asked for by the one who signals, so it is
    not told to him. Raises NoActionRequired.
    """
    try:
        answer = lifecycle.signal(resource, details)
    except NoActionRequired:
        raise
    except Exception as error:
        reason = lifecycle.outcome(error, resource.name).reason
        _LOG.warning("a signal failed: %s", reason, extra={"action": "signal_failed", "stack": row.stack_id})
        return None
    return f"Signal: {answer}" if answer else _words(details)


def _words(details: Mapping[str, Any] | None) -> str:
    if details is None:
        return "No signal details provided"
    if {"previous", "current", "reason"} <= details.keys():
        return f"alarm state changed from {details['previous']} to {details['current']} ({details['reason']})"
    return "Unknown"


def _tell(services: Services, row: ResourceRecord, action: str, reason: str) -> None:
    services.store.resources.change(row.id, lambda now: ({}, (_line(services, now, action, reason),)))


def _line(services: Services, row: ResourceRecord, action: str, reason: str) -> EventRecord:
    """A line of history with an action that may be none of a row's."""
    line = resource_event(row, None, services.clock.now())
    return replace(line, action=action, reason=reason[:REASON_LIMIT])


def _clear_hook(services: Services, stack: StackRecord, resource: Resource, row: ResourceRecord, hook: str) -> None:
    named = f'{type(resource).__name__} "{row.name}" [{row.physical_id}] Stack "{stack.name}" [{stack.id}]'
    if hook not in HOOKS:
        raise InvalidBreakPointHook(f'Invalid hook type "{hook}" for {named}')

    def decide(now: ResourceRecord) -> _Decision:
        if waits_at(now) != hook:
            raise InvalidBreakPointHook(f'The "{hook}" hook is not defined on {named}')
        line = resource_event(now, None, services.clock.now())
        return {"progress": cleared(now)}, (replace(line, reason=f"Hook {hook} is cleared"),)

    services.store.resources.change(row.id, decide)
    services.wake()
