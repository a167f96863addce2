"""`kamado policy`: what it prints is a policy file, and what it says is in force is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml
from click.testing import CliRunner

from kamado.api import policies
from kamado.api.routes import ROUTES
from kamado.cli.main import main

CONFIG = """
[DEFAULT]
auth_encryption_key = 0123456789abcdef0123456789abcdef
[database]
connection = sqlite:////nowhere/kamado.sqlite
[keystone_authtoken]
auth_url = http://127.0.0.1:5/v3
username = heat
password = secret
[oslo_policy]
policy_file = {policy}
"""


def run(*words: str) -> str:
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_sample_is_a_policy_file_of_all_defaults() -> None:
    text = run("policy", "sample")
    assert yaml.safe_load(text) is None
    rules = yaml.safe_load("\n".join(line[1:] for line in text.splitlines() if line.startswith('#"')))
    assert rules == {default.name: default.check_str for default in policies.defaults()}
    assert "# PATCH /v1/{tenant_id}/stacks/{stack_name}/{stack_id}\n" in text


def test_what_is_in_force_is_the_file_over_the_defaults(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text('"stacks:index": "!"\n"mine": "role:me"\n')
    config = tmp_path / "kamado.conf"
    config.write_text(CONFIG.format(policy=policy))
    changed = {"stacks:index": "!", "mine": "role:me"}
    defaults = {default.name: default.check_str for default in policies.defaults()}
    assert yaml.safe_load(run("--config-file", str(config), "policy", "show")) == {**defaults, **changed}
    assert yaml.safe_load(run("--config-file", str(config), "policy", "show", "--overrides")) == changed


def test_every_rule_that_a_route_asks_for_has_a_default() -> None:
    known = {default.name for default in policies.defaults()}
    for route in ROUTES:
        assert route.rules, route
        assert set(route.rules) <= known, route


def test_the_tools_of_oslo_policy_find_our_rules() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["oslo.policy.policies"]["kamado"] == "kamado.api.policies:defaults"
