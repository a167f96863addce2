"""Clients in an environment of their own, as users install them from PyPI, against `kamado up`. Nothing of ours is in that environment."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.kamado_process import KamadoProcess

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".venv-clients"
SCRIPTS = Path(__file__).parent
WANTED = ("python-openstackclient", "python-heatclient", "openstacksdk")
CONFIG = "[DEFAULT]\nenable_stack_adopt = true\nenable_stack_abandon = true\n"


def environment_of_clients() -> Path:
    """Its python; made once, and anew when other clients are wanted."""
    python, stamp = PLACE / "bin" / "python", PLACE / "installed"
    with (ROOT / ".venv-clients.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != "\n".join(WANTED):
            subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *WANTED], check=True)
            stamp.write_text("\n".join(WANTED))
    return python


class Clients:
    """Runs scripts of this folder in the clients' environment, as user demo."""

    def __init__(self, python: Path, kamado: KamadoProcess) -> None:
        self._python = python
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHONPATH"))}
        self._user = {**clean, **kamado.site().env}
        self._admin = {**clean, **kamado.admin_site().env}

    def run(self, script: str, *words: str, given: str = "", admin: bool = False) -> str:
        """What a script prints; it must end well."""
        return self.execute([self._python, SCRIPTS / script, *words], given, admin)

    def execute(self, words: Sequence[str | Path], given: str = "", admin: bool = False) -> str:
        """What any program prints; it must end well."""
        done = subprocess.run(
            words,
            input=given,
            env=self._admin if admin else self._user,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-6000:] + done.stdout[-2000:]
        return done.stdout

    def start(self, script: str, admin: bool = False) -> subprocess.Popen[str]:
        """A script that is talked with, line by line; ends when its input does."""
        return subprocess.Popen(
            [self._python, SCRIPTS / script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._admin if admin else self._user,
            text=True,
        )


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    folder = tmp_path_factory.mktemp("clients")
    config = folder / "kamado.conf"
    config.write_text(CONFIG)
    kamado = KamadoProcess(folder / "state", config_file=config).start()
    yield Clients(environment_of_clients(), kamado)
    kamado.stop()
