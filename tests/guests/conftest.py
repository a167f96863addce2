"""Servers without servers: the agent that runs on them (os-collect-config, os-refresh-config), from PyPI in an environment of its own, as a
process on this machine, against `kamado up`. Nothing of ours is in that environment but the hook, `heat_config.py`.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.kamado_process import KamadoProcess

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".venv-guests"
HOOK = Path(__file__).parent / "heat_config.py"
WANTED = ("os-collect-config", "os-refresh-config", "dib-utils", "heat-cfntools")


def environment_of_guests() -> Path:
    """Its folder of programs; made once, and anew when other ones are wanted."""
    programs, stamp = PLACE / "bin", PLACE / "installed"
    with (ROOT / ".venv-guests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != "\n".join(WANTED):
            subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
            subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", *WANTED], check=True)
            stamp.write_text("\n".join(WANTED))
    return programs


class Guest:
    """A server: a folder with the agent's configuration, its cache, and what its hook remembers."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self.folder = folder
        folder.mkdir()
        hooks = folder / "refresh" / "configure.d"
        hooks.mkdir(parents=True)
        hook = hooks / "55-heat-config"
        hook.write_text(f'#!/bin/sh\nexec "{programs / "python"}" "{HOOK}"\n')
        hook.chmod(hook.stat().st_mode | stat.S_IXUSR)

    def configure(self, section: Mapping[str, Any]) -> None:
        """Write the agent's configuration from the section of the server's metadata, as os-apply-config does."""
        lines = [
            "[DEFAULT]",
            *(f"collectors = {name}" for name in section["collectors"] if name not in ("ec2", "local")),
        ]
        for name, values in section.items():
            if isinstance(values, Mapping):
                lines.append(f"[{name}]")
                lines += [
                    f"{key} = {str(value).replace('$', '$$')}" for key, value in values.items() if value is not None
                ]
        (self.folder / "agent.conf").write_text("\n".join(lines) + "\n")

    def look(self) -> str:
        """Have the agent look once, and run what is new; what it said."""
        cache = self.folder / "cache"
        words = [self._programs / "os-collect-config", "--one-time", "--debug"]
        words += ["--config-file", self.folder / "agent.conf", "--cachedir", cache]
        refresh = f"os-refresh-config --lockfile {self.folder / 'lock'}"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHONPATH"))},
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "OS_REFRESH_CONFIG_BASE_DIR": str(self.folder / "refresh"),
            "HEAT_CONFIG_DONE": str(self.folder / "done"),
        }
        done = subprocess.run(
            [*words, "--command", refresh], env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        # Its collector for queues ends the agent when there is no message.
        assert done.returncode == 0 or "StopIteration" in done.stderr, done.stderr[-6000:]
        return done.stderr

    def run(self, program: str, *words: str, **environment: str) -> str:
        """What another of the programs prints."""
        known = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHONPATH"))}
        done = subprocess.run(
            [self._programs / program, *words],
            env={**known, **environment},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-6000:] + done.stdout[-2000:]
        return done.stdout

    def done(self) -> list[dict[str, Any]]:
        """What the hook has told so far."""
        return [json.loads(path.read_text()) for path in sorted((self.folder / "done").glob("*"))]


@pytest.fixture(scope="session")
def programs() -> Path:
    return environment_of_guests()


@pytest.fixture(scope="session")
def kamado(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KamadoProcess]:
    process = KamadoProcess(tmp_path_factory.mktemp("guests") / "state").start()
    yield process
    process.stop()
