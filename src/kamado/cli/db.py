"""`kamado db`: create and upgrade the database of a production installation."""

from __future__ import annotations

import click

from kamado.cli.main import settings_of


@click.group()
def db() -> None:
    """Create and upgrade the database."""


@db.command()
@click.pass_context
def sync(ctx: click.Context) -> None:
    """Bring the database to this version's schema; safe to repeat, and while engines of the version before are running."""
    from kamado import assemble

    assemble.store(settings_of(ctx.find_root())).close()
    click.echo("The database is up to date.")
