"""`kamado demo`: `kamado up`, then a first stack made before the reader's eyes, then on serving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kamado.cli.up import read_options, ready_text, running, up_options

if TYPE_CHECKING:
    from kamado.cli.rest import Orchestration

STACK_NAME = "first-stack"

TEMPLATE = """\
heat_template_version: 2013-05-23
description: sample heat for neutron
parameters:
  sample_net_name: {type: string, description: Name of Sample network to be created, default: sample_network}
resources:
  sample_net: {type: OS::Neutron::Net, properties: {name: {get_param: sample_net_name}}}
outputs:
  status: {description: status of sample_net, value: {get_attr: [sample_net, status]}}
"""


@click.command()
@up_options
@click.option("--once", is_flag=True, help="End after the stack is made instead of going on serving.")
@click.pass_context
def demo(ctx: click.Context, /, once: bool, **options: Any) -> None:
    """Start everything like `kamado up`, create a first stack as user demo while you watch, and keep serving.

    Started again on the same --state, the stack is found and shown instead.
    """
    from rich.console import Console

    from kamado.cli import tree
    from kamado.cli.watch import follow
    from kamado.processes import wait_for_signal

    console = Console()
    with running(read_options(ctx, options)) as installation:
        service = _service(installation)
        console.print(f"Kamado answers at {installation.url}. Creating the stack [bold]{STACK_NAME}[/bold]:\n")
        _create_unless_there(service)
        stack = follow(service, STACK_NAME, console)
        if tree.failed(stack):
            raise SystemExit(1)
        console.print()
        click.echo(ready_text(installation))
        if not once:
            wait_for_signal()


def _service(installation: Any) -> Orchestration:
    from keystoneauth1 import session
    from keystoneauth1.identity import v3

    from kamado.cli.rest import Orchestration

    if installation.local is None:
        raise click.ClickException("the demo works on the local cloud: leave --cloud out")
    auth = v3.Password(
        installation.auth_url,
        username="demo",
        password="demo",
        project_name="demo",
        user_domain_id="default",
        project_domain_id="default",
    )
    return Orchestration(session.Session(auth))


def _create_unless_there(service: Orchestration) -> None:
    from kamado.cli.rest import RestError

    try:
        service.stack(STACK_NAME)
    except RestError:
        service.create({"stack_name": STACK_NAME, "template": TEMPLATE, "disable_rollback": True})
