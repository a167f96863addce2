"""Spans through OpenTelemetry's API, where that is installed; else nothing.

A span is made when what it tells of has ended, with the time that it took, so nothing hangs on it meanwhile and a step that is dropped
leaves none. The API's requests take up the trace of who asks (``traceparent``). What is done with spans is the operator's
choice of an SDK (``opentelemetry-instrument kamado engine``).
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any


def _api(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"opentelemetry.{name}")
    except ImportError:
        return None


class Traces:
    """The spans of a process. ``provider``: OpenTelemetry's tracer provider; None for the one that the process has set."""

    def __init__(self, provider: Any = None) -> None:
        trace, self._propagate = _api("trace"), _api("propagate")
        self._trace = trace
        self._tracer = None if trace is None else trace.get_tracer("kamado", tracer_provider=provider)

    def ended(
        self,
        name: str,
        seconds: float,
        fields: Mapping[str, str | int],
        good: bool,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Something has ended that took so long. ``headers``: of the request that it belongs to."""
        if self._tracer is None or self._trace is None:
            return
        now = time.time_ns()
        context = self._propagate.extract(headers) if headers and self._propagate is not None else None
        span = self._tracer.start_span(
            name, context=context, attributes=dict(fields), start_time=now - int(seconds * 1_000_000_000)
        )
        if not good:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end(now)


def watched(
    app: Callable[..., Iterable[bytes]], told: Callable[[str, str], None], traces: Traces
) -> Callable[..., Iterable[bytes]]:
    """A WSGI application whose requests are counted (``told``: method and status) and traced. Paths hold ids, so they are left out."""

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        begun = time.monotonic()
        statuses: list[str] = []

        def note(status: str, *rest: Any) -> Any:
            statuses.append(status[:3])
            return start_response(status, *rest)

        answer = app(environ, note)
        method, status = str(environ.get("REQUEST_METHOD", "")), statuses[-1] if statuses else ""
        told(method, status)
        headers = {name: environ[key] for name, key in _HEADERS.items() if key in environ}
        fields: dict[str, str | int] = {"http.request.method": method, "http.response.status_code": int(status or 0)}
        traces.ended(f"api {method}", time.monotonic() - begun, fields, status < "500", headers)
        return answer

    return respond


_HEADERS = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}


def with_metrics(
    app: Callable[..., Iterable[bytes]], text: Callable[[], bytes], content_type: str
) -> Callable[..., Iterable[bytes]]:
    """The same application with the process's numbers at ``/metrics``."""

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != "/metrics" or environ.get("REQUEST_METHOD") != "GET":
            return app(environ, start_response)
        body = text()
        start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    return respond
