"""`kamado up` and `kamado demo` as a newcomer meets them: starting, ending, starting again, several at once, and what goes wrong."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
from tests.kamado_process import KAMADO, KamadoProcess, free_ports
from tests.scenarios import first_stack, three_tier
from tests.scenarios.site import Site

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}


def test_demo_creates_a_stack_and_prints_what_to_go_on_with(tmp_path: Path) -> None:
    port, identity_port = free_ports(2)
    done = subprocess.run(
        [
            KAMADO,
            "demo",
            "--once",
            "--port",
            str(port),
            "--identity-port",
            str(identity_port),
            "--state",
            tmp_path / "s",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env=CLEAN,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "sample_net  OS::Neutron::Net  CREATE_COMPLETE" in done.stdout
    assert "first-stack  CREATE_COMPLETE" in done.stdout
    assert "ACTIVE" in done.stdout
    assert f"export OS_AUTH_URL=http://127.0.0.1:{identity_port}/v3" in done.stdout


def test_sigterm_ends_it_cleanly_and_a_second_start_goes_on(tmp_path: Path) -> None:
    process = KamadoProcess(tmp_path / "state").start()
    try:
        stack_id = process.site().create("kept", first_stack.TEMPLATE.read_text())
        process.site().settled("kept")
        assert process.terminate() == 0
        process.start()
        kept = process.site().settled("kept")
        assert (kept["id"], kept["stack_status"]) == (stack_id, "CREATE_COMPLETE")
        [net] = process.site().heat.resources.list("kept")
        networks = three_tier.inventory(process.site())["networks"]
        assert net.physical_resource_id in networks, "the local cloud is kept as well"
    finally:
        process.stop()


def test_several_side_by_side_know_nothing_of_each_other(tmp_path: Path, site: Site) -> None:
    other = KamadoProcess(tmp_path / "other").start()
    try:
        site.create("here", _value("1"))
        assert other.site().rest("GET", "/stacks/here").status_code == 404
        other.site().create("here", _value("2"))
        assert other.site().settled("here")["id"] != site.settled("here")["id"]
    finally:
        other.stop()
        site.heat.stacks.delete("here")
        site.gone("here")


def test_a_second_process_on_the_same_state_is_refused(kamado: KamadoProcess) -> None:
    ports = free_ports(2)
    done = _up("--state", str(kamado.state), "--port", str(ports[0]), "--identity-port", str(ports[1]))
    assert done.returncode == 1
    assert "another kamado works in" in done.stderr
    assert "--state" in done.stderr


@pytest.mark.parametrize("taken", ["--port", "--identity-port"])
def test_a_taken_port_is_named_with_the_way_out(kamado: KamadoProcess, tmp_path: Path, taken: str) -> None:
    ports = dict(zip(["--port", "--identity-port"], map(str, free_ports(2)), strict=True))
    ports[taken] = str(kamado.port)
    done = _up("--state", str(tmp_path / "s"), *(word for pair in ports.items() for word in pair))
    assert done.returncode == 1
    assert str(kamado.port) in done.stderr
    assert taken in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_secret_is_readable_by_its_owner_only(kamado: KamadoProcess) -> None:
    assert stat.S_IMODE((kamado.state / "secret.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(kamado.state.stat().st_mode) == 0o700


def _up(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([KAMADO, "up", *options], capture_output=True, text=True, timeout=60, env=CLEAN, check=False)


def _value(word: str) -> dict[str, object]:
    return {
        "heat_template_version": "2018-08-31",
        "resources": {"one": {"type": "OS::Heat::Value", "properties": {"value": word}}},
    }
