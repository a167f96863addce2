"""A little HTTP server that answers what a test says, and a real local cloud; no patching."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token

from kamado.cloud.limits import CallLimits, Gates
from kamado.cloud.rest import Service
from kamado.cloud.session import connections
from kamado.localcloud.server import LocalCloud


@dataclass
class Script:
    """What the server answers, one entry a request: (status, body, headers), or "cut" to close without an answer."""

    url: str = ""
    answers: list[Any] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    busy: int = 0
    most: int = 0
    pause: Callable[[], None] = lambda: None


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True  # as real servers do with half a request
                return
            script.seen.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
            script.busy += 1
            script.most = max(script.most, script.busy)
            script.pause()
            script.busy -= 1
            answer = script.answers.pop(0) if script.answers else (200, {}, {})
            if answer == "cut":
                self.close_connection = True
                return
            status, content, headers = answer
            text = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


LIMITS = CallLimits(in_flight=2, attempts=3, first_wait=0.01, longest_wait=0.05, timeout=5)


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with connections(LIMITS) as session:
        yield session


@pytest.fixture
def service(script: Script, http: requests.Session) -> Service:
    return Service(Session(auth=Token(script.url, "token"), session=http), "network", script.url, LIMITS, Gates(LIMITS))


@pytest.fixture(scope="session")
def local_cloud() -> Iterator[LocalCloud]:
    with LocalCloud(identity_port=0) as cloud:
        yield cloud
