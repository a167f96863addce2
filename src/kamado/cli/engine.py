"""`kamado engine`: an engine alone, for production."""

from __future__ import annotations

import click

from kamado.cli.main import settings_of


@click.command()
@click.pass_context
def engine(ctx: click.Context) -> None:
    """Work on stacks until SIGTERM; any number may run on one database, each takes what is free."""
    from kamado import assemble
    from kamado.messaging.transport import MessagingMissing
    from kamado.processes import EngineThread, wait_for_signal
    from kamado.settings import set_up_logging

    settings = settings_of(ctx.find_root())
    set_up_logging(settings)
    parts = assemble.Parts(settings)
    try:
        worker = EngineThread(parts.engine())
        worker.start()
        numbers = parts.metrics_server()
        click.echo("Kamado's engine is at work.")
        wait_for_signal()
        worker.stop()
        if numbers:
            numbers.stop()
    except (OSError, MessagingMissing) as error:
        raise click.ClickException(str(error)) from error
    finally:
        parts.close()
