"""`kamado engine`: an engine alone, for production."""

from __future__ import annotations

import os

import click

from kamado.cli.main import settings_of


@click.command()
@click.pass_context
def engine(ctx: click.Context) -> None:
    """Work on stacks until SIGTERM; any number may run on one database, each takes what is free.

    At SIGTERM it takes nothing new, lets calls in flight end (up to drain_timeout) and hands its work over to the other engines, or to
    its successor; a second SIGTERM ends it at once. Neither, nor kill -9, makes an operation fail.
    """
    from kamado import assemble
    from kamado.logs import set_up_logging
    from kamado.messaging.transport import MessagingMissing
    from kamado.processes import EngineThread, starting, wait_for_signal

    settings = settings_of(ctx.find_root())
    set_up_logging(settings)
    parts = assemble.Parts(settings)
    try:
        with starting():
            worker = EngineThread(parts.engine())
        worker.start()
        numbers = parts.metrics_server()
        click.echo("Kamado's engine is at work.")
        reason = wait_for_signal()
        click.echo(f"{reason}: handing over what is under way …", err=True)
        if not worker.stop(settings.drain_timeout):
            click.echo("A call is still in flight: others go on when its lease has run out.", err=True)
            os._exit(0)  # threads of handlers would be waited for
        click.echo("Handed over.", err=True)
        if numbers:
            numbers.stop()
    except (OSError, MessagingMissing) as error:
        raise click.ClickException(str(error)) from error
    finally:
        parts.close()
