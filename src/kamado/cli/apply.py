"""`kamado apply`: do what a plan said, as it said it, and follow it to its end."""

from __future__ import annotations

from pathlib import Path

import click

from kamado.cli import planfile, planview, tree
from kamado.cli.rest import Orchestration, RestError
from kamado.cli.watch import follow

REFUSED = " refused: the plan does not hold any more"
"""In the stack's reason, when the engine found so after the request had been accepted."""


@click.command(epilog="Exit codes: 0 done, 1 refused or failed, 2 wrong usage.")
@click.option(
    "--plan",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What kamado plan --out has written.",
)
@click.option("--endpoint", help="URL of the orchestration service, when the catalog has another one.")
def apply(file: Path, endpoint: str | None) -> None:
    """Do what the plan in FILE said. When the stack has moved on since, nothing is done.

    The cloud comes from the usual OS_* variables or clouds.yaml.
    """
    from rich.console import Console

    planned = planfile.load(file)
    console = Console()
    try:
        service = Orchestration.connect(endpoint)
        if service.project_id != planned.project_id:
            raise click.ClickException("the plan is of a stack in another project")
        console.print(planview.summary(planned.plan), markup=False, highlight=False)
        known = planned.plan["stack_id"]
        after = service.last_event(f"{planned.stack}/{known}") if known else None
        service.send(planned.method, planned.path, planned.body)
        found = follow(service, known or planned.stack, console, after)
    except RestError as error:
        raise click.ClickException(str(error)) from error
    if REFUSED in found["stack_status_reason"]:
        raise click.ClickException(found["stack_status_reason"])
    if tree.failed(found):
        raise SystemExit(1)
