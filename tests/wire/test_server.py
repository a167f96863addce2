"""The server below the API: what it reads and writes on a connection, and when."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from tests.wire.stand import Stand

from kamado.streams import StreamingServer


def _echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    body = json.dumps({"path": environ["PATH_INFO"], "sent": sent.decode()}).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def port() -> Iterator[int]:
    """A server that says what it was sent."""
    server = StreamingServer(("127.0.0.1", 0), _echo, numthreads=2)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server.bind_addr[1]
    server.stop()
    thread.join()


def _answers(wire: socket.socket, number: int) -> list[dict[str, Any]]:
    found = []
    with wire.makefile("rb") as lines:
        for _ in range(number):
            assert lines.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = http.client.parse_headers(lines)
            found.append(json.loads(lines.read(int(headers["Content-Length"]))))
    return found


def test_requests_that_come_together_are_answered_in_turn(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(3)))
        assert [answer["path"] for answer in _answers(wire, 3)] == ["/0", "/1", "/2"]


def test_who_asks_whether_to_send_a_body_is_told_before_it_is_sent(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b"body")
        assert _answers(wire, 1) == [{"path": "/", "sent": "body"}]


def test_what_cannot_be_read_is_answered_before_the_connection_ends(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(b"nonsense\r\n\r\n")
        with wire.makefile("rb") as lines:
            assert lines.read().startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_large_bodies_pass_whole(port: int) -> None:
    body = "x" * 1_000_000
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body.encode())
        assert _answers(wire, 1) == [{"path": "/", "sent": body}]


def test_a_head_has_no_body_and_leaves_the_connection_in_order(stand: Stand) -> None:
    host, port = stand.endpoint.removeprefix("http://").split(":")
    wire = http.client.HTTPConnection(host, int(port), timeout=20)
    for path, status in (("/", 300), ("/nope", 404)):
        for verb in ("HEAD", "GET"):
            wire.request(verb, path)
            answer = wire.getresponse()
            assert (answer.status, verb == "GET") == (status, bool(answer.read()))
    wire.close()
