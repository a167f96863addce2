"""`kamado plan` and `kamado apply` against a server: what they show, write, do and refuse, with their exit codes.

Not mocked: HTTP, store, types, engine, Keystone (the local cloud's). Only the process is missing.
"""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.docs.generate import DOCS, ROOT
from tests.wire.stand import Stand

from kamado.cli.main import main

EXAMPLE = ROOT / "examples" / "plan"
HEAD = "heat_template_version: 2016-10-14\n"


class Shell:
    """The commands as a user has them. The endpoint is named, for the local cloud's catalog has another one."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.endpoint = f"{stand.endpoint}/v1/%(project_id)s"

    def __call__(self, *words: object, user: str = "demo") -> Result:
        environment = {
            "OS_AUTH_URL": self.stand.cloud.auth_url,
            "OS_USERNAME": user,
            "OS_PASSWORD": user,
            "OS_PROJECT_NAME": user,
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_IDENTITY_API_VERSION": "3",
            "COLUMNS": "120",
        }
        return CliRunner(env=environment).invoke(main, [*map(str, words), "--endpoint", self.endpoint])

    def made(self, name: str, template: Path) -> None:
        """A stack as it is before anything is planned, made from a plan as well."""
        file = template.parent / f"{name}.plan"
        assert self("plan", name, "-t", template, "--out", file).exit_code == 0
        done = self("apply", "--plan", file)
        assert done.exit_code == 0, done.output
        assert self.state(name) == "CREATE_COMPLETE"

    def state(self, name: str) -> str:
        where = self.stand.ask("GET", f"/stacks/{name}").headers["Location"]
        return str(self.stand.settled(where)["stack_status"])


@pytest.fixture
def shell(stand: Stand) -> Shell:
    return Shell(stand)


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def written(text: str, name: str = "stack.yaml") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return written


def value(what: str, name: str = "a") -> str:
    return f"{HEAD}resources: {{{name}: {{type: OS::Heat::TestResource, properties: {{value: {what}}}}}}}\n"


def test_the_example_of_the_docs(shell: Shell, write) -> None:  # type: ignore[no-untyped-def]
    before, after = write((EXAMPLE / "before.yaml").read_text()), EXAMPLE / "after.yaml"
    shell.made("plan-example", before)
    shown = shell("plan", "plan-example", "-t", after)
    assert shown.exit_code == 0, shown.output
    block = re.search(
        r"```console\n\$ kamado plan plan-example [^\n]*\n(.*?)```", (DOCS / "plan.md").read_text(), re.DOTALL
    )
    assert block is not None
    assert [line.rstrip() for line in shown.output.splitlines()] == block[1].splitlines()


def test_a_plan_in_a_file_is_done_as_it_was_shown(shell: Shell, write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shell.made("plan-file", write(value("x")))
    file = tmp_path / "plan"
    file.write_text("somebody may read this")
    file.chmod(0o644)
    shown = shell("plan", "plan-file", "-t", write(value("y")), "--out", file)
    assert "~ a  OS::Heat::TestResource  property changed" in shown.output
    assert 'value: "x" → "y"' in shown.output
    assert f"kamado apply --plan {file}" in shown.output.replace("\n", "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    done = shell("apply", "--plan", file)
    assert done.exit_code == 0, done.output
    assert "Plan: 1 to update." in done.output
    assert "a  UPDATE_COMPLETE" in done.output
    assert "Stack UPDATE started" in done.output
    assert "Stack CREATE" not in done.output, "what happened before is another operation's story"
    again = shell("apply", "--plan", file)
    assert again.exit_code == 1
    assert "The plan does not hold any more: another operation was accepted on the stack" in again.output


def test_who_watches_sees_the_last_operation_alone(shell: Shell, write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shell.made("plan-watched", write(value("x")))
    assert "Stack CREATE completed" in shell("watch", "plan-watched").output
    file = tmp_path / "plan"
    shell("plan", "plan-watched", "-t", write(value("y")), "--out", file)
    shell("apply", "--plan", file)
    seen = shell("watch", "plan-watched")
    assert seen.exit_code == 0
    lines = [
        line.split("  ")[1:3] for line in seen.output.splitlines() if "IN_PROGRESS" in line or "COMPLETE  S" in line
    ]
    assert lines[0] == ["plan-watched", "UPDATE_IN_PROGRESS"]
    assert lines[-1] == ["plan-watched", "UPDATE_COMPLETE"]
    assert "CREATE" not in seen.output


def test_exit_codes_tell_whether_there_is_something_to_do(shell: Shell, write) -> None:  # type: ignore[no-untyped-def]
    template = write(value("x"))
    shell.made("plan-codes", template)
    same = shell("plan", "plan-codes", "-t", template, "--detailed-exitcode")
    assert (same.exit_code, same.output.strip()) == (0, "Nothing to do: 1 unchanged.")
    assert shell("plan", "plan-codes", "-t", write(value("y")), "--detailed-exitcode").exit_code == 3
    assert shell("plan", "plan-codes", "-t", write(value("y"))).exit_code == 0
    refused = shell("plan", "plan-codes", "-t", write(f"{HEAD}resources: {{a: {{type: No::Such}}}}\n"))
    assert refused.exit_code == 1
    assert "No::Such" in refused.output
    assert shell("plan", "plan-codes").exit_code == 2
    assert shell("plan", "no-such-stack", "--delete").exit_code == 1


def test_on_top_of_what_is_stored_with_parameters_and_environments(shell: Shell, write) -> None:  # type: ignore[no-untyped-def]
    text = f"{HEAD}parameters: {{p: {{type: string, default: d}}, q: {{type: string, default: e}}}}\n" + "".join(
        [
            "resources:\n",
            *(f"  {n}: {{type: OS::Heat::TestResource, properties: {{value: {{get_param: {n}}}}}}}\n" for n in "pq"),
        ]
    )
    shell.made("plan-existing", write(text))
    shown = shell("plan", "plan-existing", "--existing", "-P", "p=z", "-f", "json")
    plan = json.loads(shown.stdout)
    assert [step["resource"] for step in plan["steps"] if step["action"] == "update"] == ["p"]
    environment = write("parameters: {q: w}\n", "env.yaml")
    both = shell("plan", "plan-existing", "--existing", "-P", "p=z", "-e", environment, "-f", "json")
    assert json.loads(both.stdout)["summary"]["update"] == 2


def test_nested_templates_on_disk_are_bundled(shell: Shell, write) -> None:  # type: ignore[no-untyped-def]
    write(f"{HEAD}parameters: {{v: {{type: string}}}}\nresources: {{t: {{type: OS::Heat::TestResource, properties: {{value: {{get_param: v}}}}}}}}\n", "in.yaml")  # noqa: E501  # fmt: skip
    outer = lambda v: write(f"{HEAD}resources: {{c: {{type: in.yaml, properties: {{v: {v}}}}}}}\n")  # noqa: E731
    shell.made("plan-nested", outer("x"))
    assert "Nothing to do" in shell("plan", "plan-nested", "-t", outer("x")).output
    shown = shell("plan", "plan-nested", "-t", outer("y")).output
    assert re.search(r"~ c .*\n.*v: \"x\" → \"y\"\n.*~ t .*\n.*value: \"x\" → \"y\"", shown), shown


def test_a_deletion_is_planned_and_applied(shell: Shell, write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shell.made("plan-delete", write(value("x")))
    shown = shell("plan", "plan-delete", "--delete", "--retain", "a", "--out", tmp_path / "plan")
    assert "- a  OS::Heat::TestResource  the stack is deleted  stays in the cloud" in shown.output
    done = shell("apply", "--plan", tmp_path / "plan")
    assert done.exit_code == 0, done.output
    assert shell.stand.ask("GET", "/stacks/plan-delete").status_code == 404


def test_a_check_is_planned_and_applied(shell: Shell, write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shell.made("plan-check", write(value("x")))
    assert shell("plan", "plan-check", "--check", "--out", tmp_path / "plan").exit_code == 0
    assert shell("apply", "--plan", tmp_path / "plan").exit_code == 0
    assert shell.state("plan-check") == "CHECK_COMPLETE"


def test_a_plan_is_for_its_project_and_a_file_must_be_one(shell: Shell, write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "plan"
    assert shell("plan", "plan-project", "-t", write(value("x")), "--out", file).exit_code == 0
    other = shell("apply", "--plan", file, user="alt_demo")
    assert (other.exit_code, "another project" in other.output) == (1, True)
    nonsense = shell("apply", "--plan", write("{}", "nonsense"))
    assert nonsense.exit_code == 1
    assert "is not a plan" in nonsense.output


def test_a_stack_at_work_has_no_plan_to_apply(shell: Shell, write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    template = {"heat_template_version": "2016-10-14", "resources": {"a": {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 3}}}}  # noqa: E501  # fmt: skip
    assert shell.stand.ask("POST", "/stacks", {"stack_name": "plan-busy", "template": template}).status_code == 201
    shown = shell("plan", "plan-busy", "-t", write(value("x")), "--out", tmp_path / "plan")
    assert shown.exit_code == 1
    assert "in the middle of an action" in shown.output
    assert not (tmp_path / "plan").exists()
