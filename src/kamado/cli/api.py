"""`kamado api`: the REST API alone, for production."""

from __future__ import annotations

from contextlib import ExitStack

import click

from kamado.cli.main import settings_of


@click.command()
@click.pass_context
def api(ctx: click.Context) -> None:
    """Serve the REST API at [heat_api] bind_host and bind_port, CloudFormation's at [heat_api_cfn], until SIGTERM.

    Any number may run on one database.
    """
    from kamado import assemble
    from kamado.logs import set_up_logging
    from kamado.messaging.transport import MessagingMissing
    from kamado.processes import WebServer, starting, wait_for_signal

    settings = settings_of(ctx.find_root())
    set_up_logging(settings)
    parts = assemble.Parts(settings)
    with ExitStack() as stack:
        stack.callback(parts.close)
        try:
            with starting():
                rest, cfn = WebServer(parts.api(), settings.api), WebServer(parts.cfn(), settings.cfn)
            for server in (rest, cfn):
                server.start()
                stack.callback(server.stop)
            numbers = parts.metrics_server()
            if numbers:
                stack.callback(numbers.stop)
        except (OSError, MessagingMissing) as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"Kamado's API answers at http://{settings.api.host}:{rest.port}")
        wait_for_signal()
