"""`kamado watch`: follow a stack's operation as a live tree until it ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from kamado.cli import tree
from kamado.cli.rest import Orchestration, RestError

INTERVAL = 0.2
"""Seconds between two looks."""


@click.command()
@click.argument("stack")
@click.option("--endpoint", help="URL of the orchestration service, when the catalog has another one.")
def watch(stack: str, endpoint: str | None) -> None:
    """Follow STACK (name or id) as a live tree until its operation ends.

    The cloud comes from the usual OS_* variables or clouds.yaml. The exit code is 1 when the operation failed.
    """
    import openstack

    console = Console()
    try:
        cloud = openstack.connect()
        found = follow(Orchestration(cloud.session, endpoint, cloud.config.get_region_name()), stack, console)
    except RestError as error:
        raise click.ClickException(str(error)) from error
    if tree.failed(found):
        raise SystemExit(1)


def follow(service: Orchestration, stack: str, console: Console) -> dict[str, Any]:
    """Draw the stack until its operation ends, then its outputs; the stack as it was last read.

    Where the output is no terminal, each change of state is printed as a line of its own instead.
    """
    found = service.stack(stack)
    where = f"{found['stack_name']}/{found['id']}"
    if not console.is_terminal:
        return _lines(service, where, console)
    with Live(console=console, refresh_per_second=12, transient=False) as live:
        while True:
            found = service.stack(where)
            events = service.events(where)
            live.update(tree.picture(found, service.resources(where), events, datetime.now(UTC)))
            if tree.ended(found):
                break
            time.sleep(INTERVAL)
    table = tree.outputs(found)
    if table is not None:
        console.print(table)
    return found


def _lines(service: Orchestration, where: str, console: Console) -> dict[str, Any]:
    seen = 0
    while True:
        found = service.stack(where)
        events = service.events(where)
        for event in events[seen:]:
            reason = event.get("resource_status_reason") or ""
            console.print(
                f"{event['event_time']}  {event['resource_name']}  {event['resource_status']}  {reason}",
                highlight=False,
                soft_wrap=True,
            )
        seen = len(events)
        if tree.ended(found):
            break
        time.sleep(INTERVAL)
    console.print(tree.picture(found, service.resources(where), events, datetime.now(UTC)))
    table = tree.outputs(found)
    if table is not None:
        console.print(table)
    return found
