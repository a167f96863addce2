"""`kamado up` as a process of its own, for suites that meet Kamado from outside; killed, not asked, when a test is over."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.scenarios.site import Site, user

KAMADO = Path(sys.executable).parent / "kamado"


class KamadoProcess:
    """One `kamado up` on free ports and a state folder; may be killed and started again on the same state."""

    def __init__(self, state: Path, *options: str, config_file: Path | None = None) -> None:
        self.state, self.options, self.config_file = state, options, config_file
        self.port, self.identity_port = free_ports(2)
        self.openrc = state.parent / f"{state.name}.openrc"
        self.log = state.parent / f"{state.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 60) -> KamadoProcess:
        """Start, and wait until it says that everything answers."""
        self.openrc.unlink(missing_ok=True)
        words: list[str | Path] = [KAMADO, *(["--config-file", self.config_file] if self.config_file else [])]
        words += ["up", "--port", str(self.port), "--identity-port", str(self.identity_port)]
        words += ["--state", self.state, "--openrc", self.openrc, *self.options]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        end = time.monotonic() + seconds
        while not self.openrc.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"kamado up did not come up:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.02)
        return self

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process
        return self._process.pid

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def terminate(self, seconds: float = 30) -> int:
        """Ask it to end; its exit code."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=seconds)

    def stop(self) -> None:
        """End it if it still runs."""
        if self._process and self._process.poll() is None:
            self.kill()

    @property
    def auth_url(self) -> str:
        """Keystone's address, as the file of variables says it."""
        found = re.search(r"OS_AUTH_URL=['\"]?([^'\"\s]+)", self.openrc.read_text())
        assert found
        return found[1]

    def site(self) -> Site:
        """It as user demo sees it."""
        return Site(user(self.auth_url, "demo", "demo"), user(self.auth_url, "alt_demo", "alt_demo"))

    def admin_site(self) -> Site:
        """It as the administrator sees it."""
        return Site(user(self.auth_url, "admin", "admin"), user(self.auth_url, "demo", "demo"))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
