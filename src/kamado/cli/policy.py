"""`kamado policy`: the rules of who may do what, to start an override file from, or to see what is in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from kamado.cli.main import settings_of


@click.group()
def policy() -> None:
    """Show the rules of who may do what."""


@policy.command()
def sample() -> None:
    """Print every rule with its default, commented out: a start for an override file."""
    for line in _sample():
        click.echo(line)


@policy.command()
@click.option("--overrides", is_flag=True, help="Only the rules that the policy file changes.")
@click.pass_context
def show(ctx: click.Context, overrides: bool) -> None:
    """Print the rules that are in force: the defaults, and over them the policy file that the settings name."""
    from kamado.api.policies import Rules

    settings = settings_of(ctx.find_root())
    defaults = {default.name: str(default.check_str) for default in _defaults()}
    for name, check in Rules(settings.raw, settings.api.policy_file).in_force().items():
        if not overrides or defaults.get(name) != check:
            click.echo(_rule(name, check))


def _defaults() -> list[Any]:
    from kamado.api import policies

    return policies.defaults()


def _sample() -> Iterator[str]:
    from kamado.api.routes import ROUTES

    guards: dict[str, list[str]] = {}
    for route in ROUTES:
        for rule in route.rules:
            guards.setdefault(rule, []).append(f"{route.verb} {route.path}")
    for default in _defaults():
        for place in guards.get(default.name, ()):
            yield f"# {place}"
        if default.deprecated_rule is not None:
            yield f"# or, unless [oslo_policy] enforce_new_defaults is on: {default.deprecated_rule.check_str}"
        yield f"#{_rule(default.name, default.check_str)}\n"


def _rule(name: str, check: str) -> str:
    """A line of a policy file; JSON's texts are YAML's too."""
    return f"{json.dumps(name)}: {json.dumps(check)}"
