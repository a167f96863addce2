"""A wire that breaks around COMMIT: a TCP proxy before a real database server."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import make_url


class LossyWire:
    """Passes everything on, but breaks the connection at every n-th COMMIT, in turn before and after the server did it."""

    def __init__(self, host: str, port: int, every: int) -> None:
        self._server = (host, port)
        self._every = every
        self._commits = itertools.count(1)
        self.broken_before = 0
        self.broken_after = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    def close(self) -> None:
        """Break everything and end the threads."""
        for end in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [client, server]
            deaf = threading.Event()
            self._start(self._up, client, server, deaf)
            self._start(self._down, server, client, deaf)

    def _up(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        before = b""
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                # A simple query of either protocol; the one that follows SET … ISOLATION LEVEL on MariaDB ends nothing.
                if data.endswith((b"COMMIT\0", b"\x03COMMIT")) and b"ISOLATION LEVEL" not in before:
                    number = next(self._commits)
                    if number % (2 * self._every) == 0:
                        self.broken_before += 1
                        break
                    if number % self._every == 0:
                        self.broken_after += 1
                        deaf.set()
                server.sendall(data)
                before = data
        self._break(client, server)

    def _down(self, server: socket.socket, client: socket.socket, deaf: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                if deaf.is_set():
                    break
                client.sendall(data)
        self._break(client, server)

    @staticmethod
    def _break(*ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def lossy(url: str, every: int) -> Iterator[tuple[str, LossyWire]]:
    """The URL of the same database behind a lossy wire, and the wire."""
    parsed = make_url(url)
    wire = LossyWire(parsed.host or "127.0.0.1", parsed.port or 0, every)
    changed = parsed.set(host="127.0.0.1", port=wire.port)
    if parsed.get_backend_name() == "postgresql":
        changed = changed.update_query_dict({"sslmode": "disable", "gssencmode": "disable"})
    try:
        yield changed.render_as_string(hide_password=False), wire
    finally:
        wire.close()
