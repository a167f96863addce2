"""Things that run: a WSGI server in threads, an engine's loop in a thread, and waiting for the signal to end.

Called by `assemble` and the commands. The trap: each `stop` waits until it has really ended, so the order of stopping
is the order of the calls: first nobody new is let in, then the work goes on its way, then the store is closed.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol


@contextmanager
def starting() -> Iterator[None]:
    """While a process starts, which makes hundreds of thousands of objects that stay, nobody collects garbage; afterwards it is seldom.

    Nearly all that Kamado makes goes with its last reference; what the collector does is to look through rows and modules that stay, with
    the interpreter held. What was made by then it never looks at again, and at what comes once for tens of thousands of new objects.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 25, 100)
        gc.enable()


class Listens(Protocol):
    """Where to listen, and how wide to work."""

    @property
    def host(self) -> str:
        """The address."""

    @property
    def port(self) -> int:
        """The port; 0 for a free one."""

    @property
    def threads(self) -> int:
        """Requests served at the same time."""


class WebServer:
    """One WSGI application on one port, served by threads of this process.

    Raises OSError from the constructor when the port is taken.
    """

    def __init__(self, app: Callable[..., Any], settings: Listens) -> None:
        from kamado.streams import StreamingServer  # an engine alone serves nobody

        self._server = StreamingServer(
            (settings.host, settings.port),
            app,
            numthreads=settings.threads,
            request_queue_size=512,
            timeout=60,
            shutdown_timeout=5,
        )
        self._server.prepare()
        self._thread = threading.Thread(target=self._server.serve, name="api", daemon=True)

    @property
    def port(self) -> int:
        """The port that is really listened on (of interest when 0 was asked for)."""
        return int(self._server.bind_addr[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Let running requests end and close the port."""
        self._server.stop()
        self._thread.join(timeout=10)


class Runs(Protocol):
    """What `EngineThread` needs of an engine."""

    async def run(self) -> None:
        """Work until stopped."""

    def stop(self) -> None:
        """Ask it to end; safe from any thread."""


class EngineThread:
    """An engine's asyncio loop in a thread of its own. An exception that ends it is kept in ``error``."""

    def __init__(self, engine: Runs) -> None:
        self._engine = engine
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, seconds: float = 60.0) -> bool:
        """Has the engine hand its work over; whether it did within so many seconds.

        When not, some call to a cloud is still under way. The process may end all the same: what that call makes is found, and gone on
        with, by whoever takes the operation over once its lease has run out.
        """
        self._engine.stop()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._engine.run())
        except BaseException as error:
            self.error = error
            raise


def take_turns_often() -> None:
    """Have threads hand the interpreter over every millisecond, not every five: requests are answered while an engine computes beside.

    A show beside stacks of 1,000 that were being made took half as long in the worst cases; the engine some hundredths longer.
    """
    sys.setswitchinterval(0.001)


def wait_for_signal() -> str:
    """Block until SIGTERM or SIGINT arrives; its name. A second one ends the process at once, like a kill.

    The interpreter itself writes down in a pipe what arrives, whichever thread it interrupts, and also just before the wait begins. What
    threads wait with would not do: it sleeps on when another thread was interrupted, and who is interrupted amid it waits for himself.
    """
    heard, said = os.pipe()
    os.set_blocking(said, False)
    begun: list[int] = []

    def note(number: int, _frame: object) -> None:
        if begun:
            os._exit(128 + number)
        begun.append(number)

    before = signal.set_wakeup_fd(said)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    while (arrived := os.read(heard, 1)[0]) not in (signal.SIGTERM, signal.SIGINT):
        pass
    signal.set_wakeup_fd(before)
    os.close(said)
    os.close(heard)
    return signal.Signals(arrived).name
