"""`kamado validate`: everything that is wrong with a template, at once and without a server."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


class Assignment(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "NAME=VALUE"

    def convert(
        self,
        value: str | tuple[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        """Name and value; the value may hold more of the sign."""
        if isinstance(value, tuple):
            return value
        name, sign, text = value.partition("=")
        if not sign or not name:
            self.fail(f'"{value}" is not of the form NAME=VALUE', param, ctx)
        return name, text


@click.command(
    epilog="Exit codes: 0 no problems (warnings are allowed, unless --strict), 1 problems, 2 wrong usage or a file that cannot be read."
)
@click.argument("template", type=_FILE)
@click.option(
    "-e", "--environment", "environments", multiple=True, type=_FILE, help="Environment file; several: later ones win."
)
@click.option(
    "-P",
    "--parameter",
    "parameters",
    multiple=True,
    type=Assignment(),
    help="Value of a parameter, on top of the environments.",
)
@click.option(
    "--environment-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the server's global environment, when it has one: its registry lies under the environments.",
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["human", "json", "sarif"]),
    default="human",
    show_default=True,
    help="For people, for scripts, or for editors and code hosts.",
)
@click.option("--strict", is_flag=True, help="Warnings count as problems.")
@click.pass_context
def validate(
    ctx: click.Context,
    template: Path,
    environments: tuple[Path, ...],
    parameters: tuple[tuple[str, str], ...],
    environment_dir: Path | None,
    shape: str,
    strict: bool,
) -> None:
    """Check TEMPLATE (HOT or CloudFormation) and say everything that is wrong with it, with line, column and advice.

    No cloud and no server are asked. Known are all installed resource types, the files that `get_file` names, and nested templates:
    those that stand beside TEMPLATE and those that an environment's resource_registry names; they are checked too. Parameters without
    a value stay open: what depends on them is not judged.

    \b
    kamado validate app.yaml
    kamado validate app.yaml -e production.yaml -P flavor=m1.large
    kamado validate app.yaml --format sarif --strict > findings.sarif

    Warnings tell what is allowed and probably not meant: parameters and conditions that nothing uses, conditions that can only be
    true or only false, deprecated types and properties.
    """
    from kamado.processes import starting

    with starting():
        from kamado.cli import findings, offline
        from kamado.plugin.global_environment import GlobalEnvironmentInvalid

    try:
        report = offline.validate(template, environments, dict(parameters), environment_dir)
    except GlobalEnvironmentInvalid as error:
        raise click.UsageError(f"--environment-dir: {error}") from error
    except OSError as error:
        raise click.UsageError(f"{error.filename}: {error.strerror}") from error
    if shape == "human":
        from rich.console import Console

        findings.human(report, Console(highlight=False))
    else:
        click.echo(findings.as_json(report) if shape == "json" else findings.as_sarif(report))
    ctx.exit(1 if report.errors or (strict and report.warnings) else 0)
