"""`kamado watch`: follow a stack's operation as a live tree until it ends."""

from __future__ import annotations

import time
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from kamado.cli import tree
from kamado.cli.rest import Orchestration, RestError

INTERVAL = 0.1
"""Seconds between two looks."""
LOOK_BACK = 50
"""Events that are read again at each look."""


@click.command()
@click.argument("stack")
@click.option("--endpoint", help="URL of the orchestration service, when the catalog has another one.")
def watch(stack: str, endpoint: str | None) -> None:
    """Follow STACK (name or id) as a live tree until its operation ends.

    The cloud comes from the usual OS_* variables or clouds.yaml. The exit code is 1 when the operation failed.
    """
    console = Console()
    try:
        found = follow(Orchestration.connect(endpoint), stack, console)
    except RestError as error:
        raise click.ClickException(str(error)) from error
    if tree.failed(found):
        raise SystemExit(1)


def follow(service: Orchestration, stack: str, console: Console, after: str | None = None) -> dict[str, Any]:
    """Draw the stack until its operation ends, then its outputs; the stack as it was last read.

    The operation is what follows the event ``after``, else the one that began last. Where the output is no terminal, each event is
    printed as a line of its own, and the tree once at the end.
    """
    found = service.stack(stack)
    where = f"{found['stack_name']}/{found['id']}"
    story = Story(service, where, after)
    sightings = tree.Sightings()
    with Live(console=console, refresh_per_second=12) if console.is_terminal else nullcontext() as live:
        while True:
            found = service.stack(where)
            for event in story.go_on():
                if live is None:
                    console.print(_line(event), highlight=False, soft_wrap=True)
            now = datetime.now(UTC)
            times = tree.durations(story.events, sightings.look(story.events, now), now)
            over = tree.ended(found)
            if live is not None or over:
                lines = console.height if console.is_terminal else None
                picture = tree.picture(found, service.resources(where), times, lines)
                if live is not None:
                    live.update(picture)
            if over:
                break
            time.sleep(INTERVAL)
    if not console.is_terminal:
        console.print(picture)
    table = tree.outputs(found)
    if table is not None:
        console.print(table)
    return found


class Story:
    """The events of one operation on the stack ``name/id``, read as they come.

    Each look begins some events back: one that was committed later than it happened is not missed.
    """

    def __init__(self, service: Orchestration, where: str, after: str | None) -> None:
        self._service = service
        self._where = where
        self._after = after
        self._known: dict[str, dict[str, Any]] = {}

    @property
    def events(self) -> list[dict[str, Any]]:
        """What is known so far, oldest first."""
        return list(self._known.values())

    def go_on(self) -> list[dict[str, Any]]:
        """What is new since the last look. Raises RestError."""
        ids = list(self._known)
        found = self._service.events(self._where, ids[-LOOK_BACK] if len(ids) >= LOOK_BACK else self._after)
        if self._after is None:
            found = tree.last_operation(found)
            self._after = found[0]["id"] if found else None
        new = [event for event in found if event["id"] not in self._known]
        self._known |= {event["id"]: event for event in new}
        return new


def _line(event: dict[str, Any]) -> str:
    reason = event.get("resource_status_reason") or ""
    return f"{event['event_time']}  {event['resource_name']}  {event['resource_status']}  {reason}"
