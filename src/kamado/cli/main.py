"""The `kamado` command. A subcommand's module is imported when it is called, so that `--help` is quick.

Called by the console script. The trap: nothing heavy may be imported at the top of this file.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from kamado import __version__

COMMANDS: Mapping[str, tuple[str, str]] = {
    "up": ("kamado.cli.up:up", "Start everything in one process: API, engine, database and a local cloud."),
    "demo": ("kamado.cli.demo:demo", "Start everything, create a first stack before your eyes, keep serving."),
    "watch": ("kamado.cli.watch:watch", "Follow a stack's operation as a live tree of resources."),
    "plan": ("kamado.cli.plan:plan", "Show what a change to a stack would do, value by value, and do nothing."),
    "apply": ("kamado.cli.apply:apply", "Do what a plan said, or nothing when the stack has moved on."),
    "validate": ("kamado.cli.validate:validate", "Say everything that is wrong with a template; no server needed."),
    "policy": ("kamado.cli.policy:policy", "Show the rules of who may do what (production)."),
    "api": ("kamado.cli.api:api", "Serve the REST API (production)."),
    "engine": ("kamado.cli.engine:engine", "Work on stacks (production)."),
    "db": ("kamado.cli.db:db", "Create and upgrade the database (production)."),
}
"""Subcommand → where it is, and the line that `kamado --help` shows without importing it."""


class _Lazy(click.Group):
    """A group whose commands are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Names in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command itself, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a setting that does not fit ends it with a clear line, whenever that turns out."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except Exception as error:
            from kamado.settings import SettingsError

            if isinstance(error, SettingsError):
                raise click.ClickException(str(error)) from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kamado")
@click.option(
    "--config-file",
    "config_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A heat.conf-style file; may be given several times, later files win.",
)
@click.pass_context
def main(ctx: click.Context, config_files: tuple[str, ...]) -> None:
    """Kamado creates and keeps OpenStack applications from Heat templates.

    On a laptop, `kamado up` is all there is to start; `kamado demo` shows what it does. In production run
    `kamado --config-file heat.conf db sync` once, then any number of `api` and `engine` processes.
    """
    ctx.obj = config_files


def settings_of(ctx: click.Context, overrides: Mapping[tuple[str, str], Any] | None = None) -> Any:
    """The settings of the files given to `kamado`."""
    from kamado.settings import load

    return load(ctx.obj, overrides)


if __name__ == "__main__":
    main()
