"""`kamado plan`: what a change to a stack would do, and perhaps a file with which exactly that is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from kamado.cli import planfile, planview
from kamado.cli.planfile import Planned
from kamado.cli.rest import Orchestration, RestError
from kamado.cli.validate import Assignment

SOMETHING_TO_DO = 3
_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.command(
    epilog="Exit codes: 0 the plan is shown, 1 refused, 2 wrong usage; with --detailed-exitcode 0 nothing to do and 3 something to do."
)
@click.argument("stack")
@click.option("-t", "--template", type=_FILE, help="Template of the stack.")
@click.option("-e", "--environment", "environments", multiple=True, type=_FILE, help="Environment; later ones win.")
@click.option("-P", "--parameter", "parameters", multiple=True, type=Assignment(), help="Value of a parameter.")
@click.option("--existing", is_flag=True, help="On top of what is stored: what is not said stays.")
@click.option("--converge", is_flag=True, help="Look at what is really there before comparing.")
@click.option("--tags", help="Tags of the stack, comma separated.")
@click.option("--timeout", "timeout_mins", type=int, help="Minutes that the operation may take.")
@click.option("--rollback/--no-rollback", default=None, help="Whether to go back when it fails.")
@click.option(
    "--delete", "action", flag_value="delete", help="Plan the deletion of the stack instead of a change.", default=None
)
@click.option("--check", "action", flag_value="check", help="Plan a check.")
@click.option("--suspend", "action", flag_value="suspend", help="Plan to suspend it.")
@click.option("--resume", "action", flag_value="resume", help="Plan to resume it.")
@click.option("--retain", multiple=True, help="With --delete: a resource that stays in the cloud.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan for kamado apply.")
@click.option("-f", "--format", "shape", type=click.Choice(["human", "json"]), default="human", show_default=True)
@click.option("--detailed-exitcode", is_flag=True, help="Tell by the exit code whether there is anything to do.")
@click.option("--endpoint", help="URL of the orchestration service, when the catalog has another one.")
def plan(stack: str, out: Path | None, shape: str, detailed_exitcode: bool, endpoint: str | None, **said: Any) -> None:
    """Show what a change to STACK (name or id) would do, and do nothing. A stack that is not there would be created.

    The cloud comes from the usual OS_* variables or clouds.yaml.
    """
    from rich.console import Console

    try:
        planned = made(Orchestration.connect(endpoint), stack, said)
    except RestError as error:
        raise click.ClickException(str(error)) from error
    if out is not None:
        if planned.plan["basis"] is None:
            raise click.ClickException(f"{planned.stack} is in the middle of an action: its plan could not be applied.")
        planfile.save(planned, out)
    if shape == "json":
        click.echo(json.dumps(planned.plan, indent=2, ensure_ascii=False))
    else:
        console = Console()
        console.print(planview.picture(planned.plan))
        if out is not None:
            console.print(f"To do exactly this: kamado apply --plan {out}", soft_wrap=True, markup=False)
    if detailed_exitcode and planned.plan["has_changes"]:
        raise SystemExit(SOMETHING_TO_DO)


def made(service: Orchestration, stack: str, said: Mapping[str, Any]) -> Planned:
    """The plan with the request that it is of. ``said``: the options of the command. Raises RestError."""
    where = _where(service, stack)
    if said["action"] is not None:
        return _action(service, stack, where, said)
    if said["template"] is None and not said["existing"]:
        raise click.UsageError("say what it should be: --template (or --existing, on top of what is stored)")
    from kamado.cli.request import bundle

    body = bundle(said["template"], said["environments"], dict(said["parameters"]))
    body |= {name: said[name] for name in ("tags", "timeout_mins") if said[name] is not None}
    if said["rollback"] is not None:
        body["disable_rollback"] = not said["rollback"]
    if where is None:
        if said["existing"]:
            raise click.ClickException(f"there is no stack {stack}")
        body["stack_name"] = stack
        return _held(service, "POST", "/stacks", body, stack, service.plan(None, body))
    if said["converge"]:
        body["converge"] = True
    found = service.plan(where, {**body, "existing": said["existing"]})
    return _held(service, "PATCH" if said["existing"] else "PUT", f"/stacks/{where}", body, stack, found)


def _where(service: Orchestration, stack: str) -> str | None:
    try:
        found = service.stack(stack)
    except RestError as error:
        if error.status == 404:
            return None
        raise
    return f"{quote(found['stack_name'])}/{found['id']}"


def _action(service: Orchestration, stack: str, where: str | None, said: Mapping[str, Any]) -> Planned:
    if where is None:
        raise click.ClickException(f"there is no stack {stack}")
    action = said["action"]
    body: dict[str, Any] = {"action": action}
    if action == "delete" and said["retain"]:
        body["retain"] = list(said["retain"])
    found = service.plan(where, body)
    if action == "delete":
        kept = "".join(f"&retain={quote(name)}" for name in [",".join(said["retain"])] if name)
        path = f"/stacks/{where}?plan={found['basis']}{kept}"
        return Planned("DELETE", path, None, stack, service.project_id, found)
    body = {action: {"plan": found["basis"]}}
    return Planned("POST", f"/stacks/{where}/actions", body, stack, service.project_id, found)


def _held(
    service: Orchestration, method: str, path: str, body: Mapping[str, Any], stack: str, found: Mapping[str, Any]
) -> Planned:
    return Planned(method, path, {**body, "plan": found["basis"]}, stack, service.project_id, found)
