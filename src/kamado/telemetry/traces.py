"""Spans through OpenTelemetry's API, where that and an SDK are installed; else nothing.

Requests of the API and operations of the engine are spans that others belong to: they are begun, and current in their context (thread or
task) until they end. A request takes up the trace of who asks (``traceparent``), an operation that of the request that it was asked
for by, which its row keeps. All else (steps, calls to the cloud) is a span that is made when it has ended, with the time that it took, so
a step that is dropped leaves none. What is done with spans is the operator's choice of an SDK (``opentelemetry-instrument kamado engine``).
"""

from __future__ import annotations

import importlib
import re
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
    """The spans of a process. ``provider``: OpenTelemetry's tracer provider; None for the one that the process has set by now."""

    def __init__(self, provider: Any = None) -> None:
        trace, self._propagate, self._context = _api("trace"), _api("propagate"), _api("context")
        self._trace = trace
        self._tracer = None
        if trace is not None and (provider or not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)):
            self._tracer = trace.get_tracer("kamado", tracer_provider=provider)

    def begin(self, name: str, headers: Mapping[str, str]) -> str:
        """Something begins that what follows in this context belongs to, until `end`: the ``traceparent`` that names it, "" for none.

        ``headers``: with the ``traceparent`` of what it belongs to itself.
        """
        if self._tracer is None or self._trace is None or self._propagate is None or self._context is None:
            asked_by = headers.get(TRACEPARENT, "")
            return asked_by if _TRACEPARENT.fullmatch(asked_by) else ""  # another process may trace
        span = self._tracer.start_span(name, context=self._propagate.extract(headers))
        self._context.attach(self._trace.set_span_in_context(span))
        found: dict[str, str] = {}
        self._propagate.inject(found)
        return found.get(TRACEPARENT, "")

    def end(self, fields: Mapping[str, str | int], good: bool) -> None:
        """What was begun in this context has ended; nothing happens when it had already."""
        if self._tracer is None or self._trace is None or self._context is None:
            return
        span = self._trace.get_current_span()
        if span.is_recording():
            span.set_attributes(dict(fields))
            if not good:
                span.set_status(self._trace.StatusCode.ERROR)
            span.end()
        self._context.attach(self._trace.set_span_in_context(self._trace.INVALID_SPAN))

    def ended(self, name: str, seconds: float, fields: Mapping[str, str | int], good: bool) -> None:
        """Something has ended that took so long; it belongs to what was begun in this context."""
        if self._tracer is None or self._trace is None:
            return
        now = time.time_ns()
        span = self._tracer.start_span(name, attributes=dict(fields), start_time=now - int(seconds * 1_000_000_000))
        if not good:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end(now)


def watched(
    app: Callable[..., Iterable[bytes]], told: Callable[[str, str], None], traces: Traces
) -> Callable[..., Iterable[bytes]]:
    """A WSGI application whose requests are counted (``told``: method and status) and traced. Paths hold ids, so they are left out."""

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        statuses: list[str] = []
        method = str(environ.get("REQUEST_METHOD", ""))
        headers = {name: environ[key] for name, key in _HEADERS.items() if key in environ}
        environ[TRACE_OF_REQUEST] = traces.begin(f"api {method}", headers)

        def note(status: str, *rest: Any) -> Any:
            statuses.append(status[:3])
            return start_response(status, *rest)

        try:
            return app(environ, note)
        finally:
            status = statuses[-1] if statuses else ""
            told(method, status)
            traces.end({"http.request.method": method, "http.response.status_code": int(status or 0)}, status < "500")

    return respond


TRACEPARENT = "traceparent"
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
TRACE_OF_REQUEST = "kamado.traceparent"
"""Key of the WSGI environment: the ``traceparent`` of the request's own span."""

_HEADERS = {TRACEPARENT: "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}


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
