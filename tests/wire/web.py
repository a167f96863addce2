"""A little web server for tests: pages by path, and who asked for them. With containers it is an object store that can be read."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Self

from cheroot import wsgi


@dataclass
class Page:
    body: bytes = b""
    status: str = "200 OK"
    headers: dict[str, str] = field(default_factory=dict)


class Web:
    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[dict[str, Any]] = []
        self._server = wsgi.Server(("127.0.0.1", 0), self._answer, numthreads=2)
        self._server.prepare()
        self.port = int(self._server.bind_addr[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._thread.join(timeout=10)

    def put(self, container: str, name: str, body: bytes, modified: datetime | None = None) -> None:
        """An object in a container below /v1/AUTH_x."""
        moment = format_datetime(modified or datetime.now(UTC), usegmt=True)
        self.pages[f"/v1/AUTH_x/{container}/{name}"] = Page(body, headers={"Last-Modified": moment})
        start = f"/v1/AUTH_x/{container}"
        names = sorted(path[len(start) + 1 :] for path in self.pages if path.startswith(start + "/"))
        self.pages[start] = Page(json.dumps([{"name": name} for name in names]).encode())

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.asked.append(environ)
        page = self.pages.get(environ["PATH_INFO"], Page(b"not here", "404 Not Found"))
        start(page.status, [("Content-Length", str(len(page.body))), *page.headers.items()])
        return [page.body]
