"""Outputs of a stack, worked out when they are read: nothing of them is stored.

Called by `stacks`. The trap: only rows that an output refers to are read, and of those what the engine stored, so that
showing a stack costs no call to a cloud, except for attributes that are declared to change by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kamado.engine.scope import RowScope, attribute_names
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord, StackRecord
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.resources import with_live_attributes
from kamado.store.resources import in_use
from kamado.template import Output, Parameters, contains_unknown, resolve

NO_DESCRIPTION = "No description given"


def describe(outputs: Iterable[Output]) -> list[dict[str, Any]]:
    """Names and descriptions only."""
    return [_described(output) for output in outputs]


def values(
    services: Services,
    context: RequestContext,
    stack: StackRecord,
    parameters: Parameters,
    outputs: Mapping[str, Output],
) -> list[dict[str, Any]]:
    """The outputs with their values; one that cannot be worked out has null and says why."""
    needed = {name for output in outputs.values() for name in output.requires}
    rows = in_use(services.store.resources.named(stack.id, sorted(needed))) if needed else {}
    read = attribute_names(place for output in outputs.values() for place in output.attributes)
    for name, attributes in read.items():
        if name in rows:
            rows[name] = with_live_attributes(services, context, stack, rows[name], attributes)
    scope = RowScope(parameters, rows.get)
    return [_valued(output, scope, rows, stack) for output in outputs.values()]


def _described(output: Output) -> dict[str, Any]:
    return {"output_key": output.name, "description": output.description or NO_DESCRIPTION}


def _valued(output: Output, scope: RowScope, rows: Mapping[str, ResourceRecord], stack: StackRecord) -> dict[str, Any]:
    shown = _described(output)
    value: Any = None
    error = _missing(output, rows, stack)
    if error is None:
        try:
            value = resolve(output.value, scope)
        except (ValueError, LookupError, TypeError) as problem:
            error = str(problem)
        if contains_unknown(value):
            value = None
    if error is not None:
        shown["output_error"] = error
    shown["output_value"] = value
    return shown


def _missing(output: Output, rows: Mapping[str, ResourceRecord], stack: StackRecord) -> str | None:
    """Why the value cannot be had: a resource failed or is gone; None while it may still come."""
    for name in sorted(output.requires):
        row = rows.get(name)
        if row is not None and _came_to_nothing(row):
            return row.reason
        if row is None and (stack.action is Action.DELETE or stack.status is Status.COMPLETE):
            return f'The specified reference "{name}" (in unknown) is incorrect.'
    return None


def _came_to_nothing(row: ResourceRecord) -> bool:
    """Whether it failed when it was made and has nothing to tell (what waited for signals tells those that came)."""
    failed = row.status is Status.FAILED and row.action in (Action.CREATE, Action.INIT)
    return failed and all(value is None for value in (row.attributes or {}).values())
