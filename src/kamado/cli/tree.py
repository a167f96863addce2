"""The live tree: what an operation is doing, as one picture. Pure: answers of the API in, a rich renderable out.

Called by `watch` and `demo`. The trap: the server's events tell whole seconds only, so `Sightings` remembers when the reader saw
each of them; what was there before the first look keeps the server's time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

MARKS: Mapping[str, tuple[str, str]] = {
    "IN_PROGRESS": ("◐", "yellow"),
    "COMPLETE": ("●", "green"),
    "FAILED": ("✗", "red"),
    "": ("○", "dim"),
}
"""Status → mark and colour; a resource that nothing has happened to yet has the last one."""
AROUND = 4
"""Lines of the picture that are no resource: the stack, how many are left out, the foot, and the cursor's."""


class Sightings:
    """When each event happened, as well as the reader can tell."""

    def __init__(self) -> None:
        self._times: dict[str, datetime] | None = None

    def look(self, events: Sequence[Mapping[str, Any]], now: datetime) -> Mapping[str, datetime]:
        """Take in what is there at ``now``; event id → time."""
        known = self._times
        if known is None:
            told = {event["id"]: _time(event["event_time"]) for event in events}
            self._times = {key: at if now - at > timedelta(seconds=2) else now for key, at in told.items()}
        else:
            for event in events:
                known.setdefault(event["id"], now)
        return self._times or {}


def ended(stack: Mapping[str, Any]) -> bool:
    """Whether the stack's operation is over."""
    return not stack["stack_status"].endswith("_IN_PROGRESS")


def failed(stack: Mapping[str, Any]) -> bool:
    """Whether it is over and went wrong."""
    return bool(stack["stack_status"].endswith("_FAILED"))


def picture(
    stack: Mapping[str, Any],
    resources: Sequence[Mapping[str, Any]],
    times: Mapping[str, float],
    lines: int | None = None,
) -> RenderableType:
    """The stack with its resources below it: state, how long the last action took, and the cause of a failure.

    ``times``: seconds by name, as `durations` gives them. ``lines``: how many there is room for; then what failed, what is at work
    and what waits is shown before what is done, and the rest is counted.
    """
    done = sum(r["resource_status"].endswith("_COMPLETE") and not _untouched(r) for r in resources)
    head = _line(stack["stack_name"], "", stack["stack_status"], times.get(stack["stack_name"]))
    tree = Tree(head, guide_style="dim")
    shown = _most_telling(resources, lines)
    for resource in shown:
        status = "" if _untouched(resource) else resource["resource_status"]
        name = resource["resource_name"]
        node = tree.add(_line(name, resource["resource_type"], status, times.get(name)))
        if status.endswith("_FAILED"):
            node.add(Text(resource.get("resource_status_reason", ""), style="red"))
    if len(shown) < len(resources):
        tree.add(Text(f"… and {len(resources) - len(shown)} more", style="dim"))
    foot = Text(f"{done} of {len(resources)} resources", style="dim")
    if failed(stack):
        foot = Text(stack.get("stack_status_reason", ""), style="bold red")
    return Group(tree, foot)


def _most_telling(resources: Sequence[Mapping[str, Any]], lines: int | None) -> Sequence[Mapping[str, Any]]:
    """Those that fit into so many lines, in the order they had; a failed one takes a line more for its cause."""
    if lines is None:
        return resources
    room = max(lines - AROUND, 1)
    costs = [2 if resource["resource_status"].endswith("_FAILED") else 1 for resource in resources]
    if sum(costs) <= room + 1:
        return resources
    chosen = set()
    for number in sorted(range(len(resources)), key=lambda number: _rank(resources[number])):
        room -= costs[number]
        if room < 0:
            break
        chosen.add(number)
    return [resource for number, resource in enumerate(resources) if number in chosen]


def _rank(resource: Mapping[str, Any]) -> int:
    if _untouched(resource):
        return 2
    ends = ("_FAILED", "_IN_PROGRESS")
    return next((rank for rank, end in enumerate(ends) if resource["resource_status"].endswith(end)), 3)


def last_operation(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of a stack from where its last operation begins; ``events`` are oldest first."""
    begins = [
        number
        for number, event in enumerate(events)
        if event["resource_status"].endswith("_IN_PROGRESS") and _is_of_the_stack(event)
    ]
    return list(events[begins[-1] :]) if begins else list(events)


def _is_of_the_stack(event: Mapping[str, Any]) -> bool:
    stack = next((link["href"] for link in event["links"] if link["rel"] == "stack"), "")
    return event["physical_resource_id"] is not None and stack.endswith(f"/{event['physical_resource_id']}")


def durations(events: Sequence[Mapping[str, Any]], seen: Mapping[str, datetime], now: datetime) -> dict[str, float]:
    """Seconds that the last action of each name took, or has taken so far; ``seen`` tells when each event happened."""
    started: dict[str, datetime] = {}
    taken: dict[str, float] = {}
    for event in events:
        name, at = event["resource_name"], seen[event["id"]]
        if event["resource_status"].endswith("_IN_PROGRESS"):
            started[name] = at
            taken.pop(name, None)
        elif name in started:
            taken[name] = (at - started[name]).total_seconds()
    running = {name: (now - at).total_seconds() for name, at in started.items() if name not in taken}
    return taken | running


def outputs(stack: Mapping[str, Any]) -> RenderableType | None:
    """The stack's outputs as a table, or None when there are none."""
    found = stack.get("outputs") or []
    if not found:
        return None
    table = Table(title="Outputs", title_justify="left", title_style="bold", show_header=False, box=None)
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    for output in found:
        error = output.get("output_error")
        table.add_row(
            output["output_key"], Text(str(error), style="red") if error else Text(str(output["output_value"]))
        )
    return table


def _line(name: str, kind: str, status: str, seconds: float | None) -> Text:
    short = next((word for word in ("IN_PROGRESS", "COMPLETE", "FAILED") if status.endswith(word)), "")
    mark, colour = MARKS[short]
    text = Text.assemble((f"{mark} ", colour), (name, "bold"))
    if kind:
        text.append(f"  {kind}", style="dim")
    text.append(f"  {status or 'waiting'}", style=colour)
    if seconds is not None:
        text.append(f"  {seconds:.1f} s", style="dim")
    return text


def _untouched(resource: Mapping[str, Any]) -> bool:
    return bool(resource["resource_status"].startswith("INIT_"))


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
