"""Processes of Kamado that are killed, stopped and asked to end.

Two ways to begin one: a new interpreter, as in production (``begun_anew``), or a fork of one that has everything imported already
(``forked``), which differs in nothing but that it is there at once: a dozen of imports are most of what a test would take.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol, Self

from tests.kamado_process import KAMADO

SECONDS = 200.0
"""For whatever is waited for: long, for the machine may be busy."""


class Child(Protocol):
    """What both ways have in common."""

    pid: int

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""


Begin = Callable[[list[str], Path], Child]
"""Begins `kamado WORDS`, with what it says in a file."""


def begun_anew(words: list[str], log: Path) -> Child:
    """A new interpreter."""
    with log.open("ab") as file:
        return subprocess.Popen([KAMADO, *words], stdout=file, stderr=file, env=_without_user())


def forked(words: list[str], log: Path) -> Child:
    """A fork of an interpreter that knows Kamado."""
    process = _nursery().Process(target=_kamado, args=(words, str(log)), daemon=False)
    process.start()
    return _Forked(process)


class _Forked:
    def __init__(self, process: Any) -> None:
        self._process = process
        self.pid: int = process.pid

    def poll(self) -> int | None:
        return None if self._process.is_alive() else int(self._process.exitcode)


@cache
def _nursery() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.cluster.nursery"])
    return context


def _kamado(words: list[str], log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.clear()
    os.environ.update(_environment)
    sys.argv = ["kamado", *words]
    from kamado.cli.main import main

    main(words)


def _without_user() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("OS_")}


_environment = _without_user()


class Process:
    """One `kamado COMMAND`, with what it says in a file."""

    def __init__(self, begin: Begin, command: str, config_files: list[Path], log: Path) -> None:
        self.log = log
        log.touch()
        self._child = begin([*(word for path in config_files for word in ("--config-file", str(path))), command], log)

    def wait_for(self, text: str) -> Self:
        """Until it has said ``text``."""
        until(
            lambda: text in self.said(), lambda: f"{self.log.name} did not say {text!r}:\n{self.said()[-3000:]}", self
        )
        return self

    def said(self) -> str:
        """All that it has said."""
        return self.log.read_text()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        self.ended()

    def pause(self) -> None:
        """It sleeps in the middle of whatever it does, and knows nothing of it."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """It wakes up and believes that no time has passed."""
        os.kill(self.pid, signal.SIGCONT)

    def ask_to_end(self) -> None:
        """SIGTERM."""
        os.kill(self.pid, signal.SIGTERM)

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        until(lambda: not self.runs, lambda: f"{self.log.name} has not ended:\n{self.said()[-3000:]}")
        code = self._child.poll()
        assert code is not None
        return code


def until(what: Callable[[], bool], otherwise: Callable[[], str], process: Process | None = None) -> None:
    """Wait for something; an AssertionError with words when it does not come, or when ``process`` ends before."""
    end = time.monotonic() + SECONDS
    while not what():
        if time.monotonic() > end or (process is not None and not process.runs and not what()):
            raise AssertionError(otherwise())
        time.sleep(0.02)
