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


def follow(service: Orchestration, stack: str, console: Console) -> dict[str, Any]:
    """Draw the stack until its operation ends, then its outputs; the stack as it was last read.

    Where the output is no terminal, each event is printed as a line of its own, and the tree once at the end.
    """
    found = service.stack(stack)
    where = f"{found['stack_name']}/{found['id']}"
    sightings = tree.Sightings()
    printed = 0
    with Live(console=console, refresh_per_second=12) if console.is_terminal else nullcontext() as live:
        while True:
            found = service.stack(where)
            events = service.events(where)
            now = datetime.now(UTC)
            times = tree.durations(events, sightings.look(events, now), now)
            picture = tree.picture(found, service.resources(where), times)
            if live is not None:
                live.update(picture)
            else:
                for event in events[printed:]:
                    console.print(_line(event), highlight=False, soft_wrap=True)
                printed = len(events)
            if tree.ended(found):
                break
            time.sleep(INTERVAL)
    if not console.is_terminal:
        console.print(picture)
    table = tree.outputs(found)
    if table is not None:
        console.print(table)
    return found


def _line(event: dict[str, Any]) -> str:
    reason = event.get("resource_status_reason") or ""
    return f"{event['event_time']}  {event['resource_name']}  {event['resource_status']}  {reason}"
