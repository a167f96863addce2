"""The WSGI server: cheroot's with quicker wires, and with answers that go on, whose connections one thread serves, so that followers
take no worker from others.

Used by `processes`; `Stream` is what an application answers with. The trap: a stream is asked for more at most every half second, by one
thread for all of them, so `more` must be quick; and who does not read is cut off, so that nothing piles up.
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cheroot import wsgi
from cheroot.server import HTTPConnection

_LOG = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two looks."""

_UNREAD = 1024 * 1024
"""Bytes that may wait for a client that does not read."""


class Stream(ABC):
    """An answer that goes on. Iterated by other WSGI servers, which keep a worker busy with it for ``worker_seconds`` at most."""

    worker_seconds = 30.0

    @abstractmethod
    def more(self) -> bytes | None:
        """What has come up since it was asked last; None when it is over."""

    @abstractmethod
    def close(self) -> None:
        """Nobody listens any more; may be called more than once."""

    def __iter__(self) -> Iterator[bytes]:
        end = time.monotonic() + self.worker_seconds
        while time.monotonic() < end:
            found = self.more()
            if found is None:
                return
            if found:
                yield found
            time.sleep(PAUSE)


@dataclass
class _Open:
    connection: socket.socket
    stream: Stream
    chunked: bool
    unsent: bytearray = field(default_factory=bytearray)
    over: bool = False

    def look(self) -> bool:
        """Ask for more and send what can be sent; whether to go on."""
        if not self.over:
            found = self.stream.more()
            self.over = found is None
            self._put(found or b"")
            if self.over and self.chunked:
                self.unsent += b"0\r\n\r\n"
        while self.unsent:
            try:
                sent = self.connection.send(self.unsent)
            except BlockingIOError:
                return len(self.unsent) <= _UNREAD
            del self.unsent[:sent]
        return not self.over and not self._left()

    def _put(self, data: bytes) -> None:
        if data:
            self.unsent += b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data

    def _left(self) -> bool:
        """Whether the client has gone."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        self.stream.close()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class Streams:
    """The thread that serves streams; it runs while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._new: list[_Open] = []
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def take(self, connection: socket.socket, stream: Stream, chunked: bool) -> None:
        """Serve a stream on a connection whose headers are sent."""
        connection.setblocking(False)
        with self._lock:
            self._new.append(_Open(connection, stream, chunked))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Close all connections."""
        self._stopping.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(timeout=10)

    def _run(self) -> None:
        streams: list[_Open] = []
        while True:
            with self._lock:
                streams += self._new
                self._new = []
                if not streams:
                    self._thread = None
                    return
            started = time.monotonic()
            for one in list(streams):
                if self._stopping.is_set() or not self._goes_on(one):
                    streams.remove(one)
                    one.close()
            # Many followers are looked after less often rather than taking the process for themselves.
            self._stopping.wait(max(PAUSE, time.monotonic() - started))

    @staticmethod
    def _goes_on(one: _Open) -> bool:
        try:
            return one.look()
        except OSError:
            return False
        except Exception:
            _LOG.exception("a stream ended", extra={"action": "stream_failed"})
            return False


class _Incoming(socket.SocketIO):
    """What a client sends. Before it is waited for, the client gets what was written for it."""

    send: Callable[[], None]
    waits = True

    def readinto(self, buffer: Any) -> int | None:
        """See `io.RawIOBase`."""
        if not self.waits:
            return None
        self.send()
        return super().readinto(buffer)


class _Reader(io.BufferedReader):
    """A buffer in C, with what cheroot asks its own for, which is written in Python."""

    raw: _Incoming
    bytes_read = 0

    def has_data(self) -> bool:
        """Whether something has come that nobody has read."""
        self.raw.waits = False
        found = self.peek(1)
        self.raw.waits = True
        return bool(found)


class _Writer(io.BufferedWriter):
    """The same for writing: headers and body go out together."""

    bytes_written = 0


_BUFFER = 32 * 1024


class _Connection(HTTPConnection):
    """A connection whose buffers are the standard library's."""

    def __init__(self, server: Any, sock: socket.socket, _makefile: Any = None) -> None:
        super().__init__(server, sock, _file)
        self.rfile.raw.send = self.wfile.flush

    def communicate(self) -> bool:
        """Answer a request; whether there may be another one."""
        goes_on: bool = super().communicate()  # type: ignore[no-untyped-call]
        try:
            self.wfile.flush()
        except OSError:
            return False
        return goes_on


def _file(sock: socket.socket, mode: str, _size: int) -> _Reader | _Writer:
    return _Reader(_Incoming(sock, "rb")) if "r" in mode else _Writer(socket.SocketIO(sock, "wb"), _BUFFER)


class _Gateway(wsgi.Gateway_10):
    """Tells the application which request of the server it answers."""

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]  # the stubs say that it gives nothing
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        environ[_REQUEST] = self.req
        return environ


_REQUEST = "kamado.request"


class _HandOver:
    """An empty answer; when the server has sent its headers and closes it, the connection goes to the streams."""

    def __init__(self, request: Any, stream: Stream, streams: Streams) -> None:
        self._request, self._stream, self._streams = request, stream, streams

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        request = self._request
        request.conn.wfile.flush()
        connection = request.conn.socket.dup()
        chunked = request.chunked_write
        # The server shall neither end the answer nor shut the connection down; only its own handle is closed.
        request.chunked_write = False
        request.close_connection = True
        request.conn.linger = True
        request.conn.socket.close()
        self._streams.take(connection, self._stream, chunked)


class StreamingServer(wsgi.Server):
    """cheroot's WSGI server, with streams in a thread of their own."""

    ConnectionClass = _Connection

    def __init__(self, address: tuple[str, int], app: Callable[..., Iterable[bytes]], **options: Any) -> None:
        self.streams = Streams()

        def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            answer = app(environ, start_response)
            if isinstance(answer, Stream) and environ["REQUEST_METHOD"] != "HEAD":
                return _HandOver(environ[_REQUEST], answer, self.streams)
            return answer

        super().__init__(address, serve, **options)
        self.gateway = _Gateway

    def stop(self) -> None:
        """No more requests, and no more streams."""
        self.streams.stop()
        super().stop()
