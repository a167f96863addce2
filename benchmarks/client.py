"""A client of the REST API that costs little itself: http.client, one connection a thread, no library in between."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any
from urllib.parse import urlsplit


class Failed(Exception):
    """The server answered otherwise than the workload needs."""


class Http:
    """One base URL; a kept connection for each thread."""

    def __init__(self, base: str, token: str) -> None:
        self._url = urlsplit(base)
        self._token = token
        self._local = threading.local()

    def __call__(self, method: str, path: str, body: Any = None, whole: bool = False) -> tuple[int, bytes]:
        """One request: status and body. ``whole``: the path is not below the base's.

        A connection that the server has closed meanwhile is made anew, once.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-Auth-Token": self._token, "Accept": "application/json", "Content-Type": "application/json"}
        for last in (False, True):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=120)
                self._local.connection = connection
            try:
                connection.request(method, path if whole else self._url.path.rstrip("/") + path, data, headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.will_close:
                    self._local.connection = None
                return answer.status, text
            except (http.client.HTTPException, OSError):
                connection.close()
                self._local.connection = None
                if last:
                    raise
        raise AssertionError("unreachable")


class Heat:
    """The calls that the workloads are made of."""

    def __init__(self, endpoint: str, token: str, poll: float) -> None:
        self.http = Http(endpoint, token)
        self._poll = poll

    def call(self, method: str, path: str, body: Any = None, ok: tuple[int, ...] = (200, 201, 202, 204)) -> Any:
        """The answer's JSON; Failed when its status is none of ``ok``."""
        status, text = self.http(method, path, body)
        if status not in ok:
            raise Failed(f"{method} {path.split('?')[0][:80]} -> {status} {text[:300].decode('utf8', 'replace')}")
        return json.loads(text) if text[:1] in (b"{", b"[") else None

    def metrics(self) -> bytes:
        """The process's numbers, where its API shows them."""
        return self.http("GET", "/metrics", whole=True)[1]

    def create(self, name: str, template: Any, files: dict[str, str] | None = None) -> str:
        """POST a stack; its id."""
        body = {"stack_name": name, "template": template, "files": files or {}, "disable_rollback": True}
        return str(self.call("POST", "/stacks", body)["stack"]["id"])

    def update(self, name: str, stack_id: str, template: Any, files: dict[str, str] | None = None) -> None:
        """PUT another template."""
        self.call(
            "PUT", f"/stacks/{name}/{stack_id}", {"template": template, "files": files or {}, "disable_rollback": True}
        )

    def delete(self, name: str, stack_id: str) -> None:
        """DELETE a stack."""
        self.call("DELETE", f"/stacks/{name}/{stack_id}", ok=(204, 404))

    def wait(self, name: str, stack_id: str, action: str, limit: float = 900, nested: bool = False) -> None:
        """Until the stack is ``<action>_COMPLETE``, or gone for DELETE. Failed when it failed or took longer than ``limit`` s."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            found = self.call("GET", f"/stacks?id={stack_id}{'&show_nested=true' if nested else ''}")["stacks"]
            if not found:
                if action == "DELETE":
                    return
                raise Failed(f"{name} vanished")
            status = found[0]["stack_status"]
            if status == f"{action}_COMPLETE":
                return
            if status.endswith("_FAILED"):
                raise Failed(f"{name}: {status}: {found[0].get('stack_status_reason', '')[:300]}")
            time.sleep(self._poll)
        raise Failed(f"{name}: not {action}_COMPLETE within {limit} s")
