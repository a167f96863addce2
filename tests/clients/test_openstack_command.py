"""Every `openstack stack`, `orchestration` and `software` command once at least, with the words of Heat's manual."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.clients.conftest import Clients

TEMPLATE = """
heat_template_version: 2018-08-31
parameters: {p: {type: string, default: one}}
resources:
  r: {type: OS::Heat::TestResource, properties: {value: {get_param: p}}}
outputs: {o: {value: {get_attr: [r, output]}}}
"""
WAITING = """
heat_template_version: 2018-08-31
resources:
  h: {type: OS::Heat::WaitConditionHandle}
  w: {type: OS::Heat::WaitCondition, properties: {handle: {get_resource: h}, timeout: 60}}
outputs: {o: {value: {get_attr: [w, data]}}}
"""
ALL = frozenset((Path(__file__).parent / "data" / "openstack_commands.txt").read_text().splitlines())
"""The commands of Heat's plugin, without `openstack` before them."""


class Session:
    """One `openstack` shell that runs commands, one after the other; notes which were used."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.used: set[str] = set()

    def __call__(self, *lines: Sequence[str]) -> list[dict[str, Any]]:
        """Run commands that must all go through, in order; what they printed."""
        return [self._through(words) for words in lines]

    def refused(self, words: Sequence[str], text: str) -> None:
        """Run a command that the server refuses in these words."""
        answer = self._answer(words)
        assert answer["code"] == 1, (words, answer)
        assert text in answer["err"]

    def _through(self, words: Sequence[str]) -> dict[str, Any]:
        answer = self._answer(words)
        assert answer["code"] == 0, (words, answer)
        self.used |= {name for name in ALL if f"{' '.join(words)} ".startswith(f"{name} ")}
        return answer

    def _answer(self, words: Sequence[str]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(list(words)), file=self._process.stdin, flush=True)
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def session(clients: Clients, admin: bool = False) -> Iterator[Session]:
    """A shell for as long as it is needed."""
    with clients.start("openstack_commands.py", admin=admin) as process:
        yield Session(process)


def of(answer: dict[str, Any]) -> Any:
    """What it printed as JSON, after the events that `--wait` prints."""
    lines = answer["out"].splitlines()
    start = next(place for place, line in enumerate(lines) if line.rstrip() in ("{", "[", "[]", "{}"))
    return json.loads("\n".join(lines[start:]))


J = ("-f", "json")
WAIT = ("--wait",)


def test_every_command(clients: Clients, tmp_path: Path) -> None:
    template, script, export = tmp_path / "t.yaml", tmp_path / "config.sh", tmp_path / "export.json"
    template.write_text(TEMPLATE)
    script.write_text("#!/bin/sh\n")
    with session(clients) as run, session(clients, admin=True) as admin:
        _life(run, template, export)
        _orchestration(run, template)
        _hooks(run, tmp_path)
        _failures(run, tmp_path)
        _signals(run, tmp_path)
        _software(run, script)
        (services,) = admin(["orchestration", "service", "list", *J])
        assert {service["Status"] for service in of(services)} == {"up"}
        assert ALL - run.used - admin.used == set()


def _life(run: Session, template: Path, export: Path) -> None:
    """A stack from its creation to its end, by way of another stack that adopts what it made."""
    t = ("-t", str(template))
    poll = ("--poll", "1", *WAIT)

    made, listed, shown, *_ = run(
        ["stack", "create", *t, *poll, "--parameter", "p=two", "--tags", "a,b", "one", *J],
        ["stack", "list", "--short", *J],
        ["stack", "show", "one", *J],
        ["stack", "create", *t, "--dry-run", "dry"],
        ["stack", "environment", "show", "one"],
        ["stack", "file", "list", "one"],
        ["stack", "template", "show", "one"],
        ["stack", "output", "list", "one"],
        ["stack", "resource", "metadata", "one", "r"],
        ["stack", "resource", "mark", "unhealthy", "one", "r"],
        ["stack", "resource", "mark", "unhealthy", "--reset", "one", "r"],
        ["stack", "check", *WAIT, "one"],
        ["stack", "suspend", *WAIT, "one"],
        ["stack", "resume", *WAIT, "one"],
    )
    assert of(made)["stack_status"] == "CREATE_COMPLETE"
    assert of(listed)[0]["Stack Name"] == "one"
    assert of(shown)["parameters"]["p"] == "two"

    output, everything, resources, resource, events, snapshot = run(
        ["stack", "output", "show", "one", "o", *J],
        ["stack", "output", "show", "one", "--all"],
        ["stack", "resource", "list", "one", *J],
        ["stack", "resource", "show", "one", "r", *J],
        ["stack", "event", "list", "one", *J],
        ["stack", "snapshot", "create", "--name", "before", "one", *J],
    )
    assert of(output)["output_value"] == "two"
    assert "two" in everything["out"]
    assert of(resources)[0]["resource_name"] == "r"
    assert of(resource)["attributes"] == {"output": "two"}
    event = next(one for one in of(events) if one["resource_name"] == "r")
    key = of(snapshot)["ID"] if "ID" in of(snapshot) else of(snapshot)["id"]

    *_, updated = run(
        ["stack", "event", "show", "one", "r", event["id"]],
        ["stack", "show", "one"],
        ["stack", "snapshot", "list", "one"],
        ["stack", "snapshot", "show", "one", key],
        ["stack", "update", *t, *WAIT, "--parameter", "p=three", "one"],
        ["stack", "update", "--existing", "--dry-run", "--parameter", "p=four", "one"],
        ["stack", "output", "show", "one", "o", *J],
    )
    assert of(updated)["output_value"] == "three"

    run(
        ["stack", "snapshot", "restore", "one", key],
        ["stack", "list"],
    )
    _until(run, "one", "RESTORE_COMPLETE")
    run(
        ["stack", "snapshot", "delete", "-y", "one", key],
        ["stack", "export", "--output-file", str(export), "one"],
        ["stack", "abandon", "--output-file", str(export), "one"],
        ["stack", "adopt", "--adopt-file", str(export), *WAIT, "two"],
        ["stack", "delete", "-y", *WAIT, "two"],
    )


def _orchestration(run: Session, template: Path) -> None:
    """What the service says of itself, and of a template."""
    validated, types, kind, functions, versions, _ = run(
        ["orchestration", "template", "validate", "-t", str(template), *J],
        ["orchestration", "resource", "type", "list", "--long", *J],
        ["orchestration", "resource", "type", "show", "OS::Heat::TestResource", "--template-type", "hot"],
        ["orchestration", "template", "function", "list", "heat_template_version.2018-08-31", *J],
        ["orchestration", "template", "version", "list", *J],
        ["orchestration", "build", "info"],
    )
    assert of(validated)["Parameters"]["p"]["Type"] == "String"
    assert "OS::Heat::TestResource" in types["out"]
    assert "heat_template_version" in kind["out"]
    assert "get_resource" in {one["Functions"] for one in of(functions)}
    assert "heat_template_version.2018-08-31" in {one["Version"] for one in of(versions)}


def _until(run: Session, stack: str, status: str) -> None:
    for _ in range(300):
        (shown,) = run(["stack", "show", stack, *J])
        if of(shown)["stack_status"] == status:
            return
        time.sleep(0.1)
    raise AssertionError(shown)


def _hooks(run: Session, folder: Path) -> None:
    """A stack that waits at its hooks and is let go, an update that is cancelled at one."""
    template, environment = folder / "hooked.yaml", folder / "environment.yaml"
    template.write_text(TEMPLATE)
    environment.write_text("resource_registry: {resources: {r: {hooks: pre-delete}}}")
    t = ("-t", str(template))
    run(["stack", "create", *t, "--pre-create", "r", "hooked"])
    _until_waits(run, "hooked")
    run(["stack", "hook", "clear", "--pre-create", "hooked", "r"])
    _until(run, "hooked", "CREATE_COMPLETE")
    run(["stack", "update", *t, "--pre-update", "r", "--parameter", "p=other", "hooked"])
    _until_waits(run, "hooked")
    run(["stack", "cancel", "--no-rollback", "hooked"])
    _until(run, "hooked", "UPDATE_FAILED")
    run(["stack", "update", *t, "-e", str(environment), *WAIT, "hooked"])
    run(["stack", "delete", "-y", "hooked"])
    _until_waits(run, "hooked")
    run(["stack", "hook", "clear", "--pre-delete", "hooked", "r"])
    run(["stack", "delete", "-y", *WAIT, "hooked"])
    run.refused(["stack", "show", "hooked"], "Stack not found: hooked")


def _failures(run: Session, folder: Path) -> None:
    """What went wrong in a stack is told by the path of the resource."""
    template = folder / "broken.yaml"
    template.write_text(TEMPLATE.replace("{value:", "{fail: true, value:"))
    run(["stack", "create", "-t", str(template), "broken"])
    _until(run, "broken", "CREATE_FAILED")
    (failures, _) = run(["stack", "failures", "list", "--long", "broken"], ["stack", "delete", "-y", *WAIT, "broken"])
    assert failures["out"].startswith("broken.r:")
    assert "status: CREATE_FAILED" in failures["out"]


def _until_waits(run: Session, stack: str) -> None:
    for _ in range(300):
        (answer,) = run(["stack", "hook", "poll", stack, *J])
        if of(answer):
            return
        time.sleep(0.1)
    raise AssertionError(answer)


def _signals(run: Session, folder: Path) -> None:
    """A stack that waits for a signal gets it; one for a resource that takes none is refused."""
    template = folder / "waiting.yaml"
    template.write_text(WAITING)
    run(["stack", "create", "-t", str(template), "waiting"])
    for _ in range(300):
        (listed,) = run(["stack", "resource", "list", "waiting", *J])
        status = {one["resource_name"]: one["resource_status"] for one in of(listed)}
        if status["w"] == "CREATE_IN_PROGRESS":
            break
        time.sleep(0.1)
    run.refused(["stack", "resource", "signal", "waiting", "w"], "signal is not supported for resource.")
    run(["stack", "resource", "signal", "waiting", "h", "--data", '{"status": "SUCCESS", "data": "done"}'])
    _until(run, "waiting", "CREATE_COMPLETE")
    (output, _) = run(["stack", "output", "show", "waiting", "o", *J], ["stack", "delete", "-y", *WAIT, "waiting"])
    assert json.loads(of(output)["output_value"]) == {"1": "done"}


def _software(run: Session, script: Path) -> None:
    """Configs, and deployments of them on a server. A deployment makes a config of its own."""
    (created,) = run(["software", "config", "create", "--config-file", str(script), "--group", "script", "c", *J])
    config = of(created)["id"]
    deploy = ["software", "deployment", "create", "--server", "s-1", "--signal-transport", "NO_SIGNAL"]
    shown, listed, deployed = run(
        ["software", "config", "show", config, *J],
        ["software", "config", "list", *J],
        [*deploy, "--config", config, "--input-value", "a=b", "d", *J],
    )
    deployment = of(deployed)["id"]
    metadata, *_ = run(
        ["software", "deployment", "metadata", "show", "s-1"],
        ["software", "deployment", "list", "--server", "s-1", "--long"],
        ["software", "deployment", "show", "--long", deployment],
        ["software", "deployment", "output", "show", "--all", deployment],
        ["software", "deployment", "delete", deployment],
        ["software", "config", "delete", config],
    )
    assert of(shown)["config"] == "#!/bin/sh\n"
    assert [one["id"] for one in of(listed)] == [config]
    (derived,) = json.loads(metadata["out"])
    told = {one["name"]: one["value"] for one in derived["inputs"] if "value" in one}
    assert (told["a"], told["deploy_server_id"]) == ("b", "s-1")
