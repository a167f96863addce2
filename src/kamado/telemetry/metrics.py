"""The numbers of one process, in Prometheus' form.

`Metrics` is what engine, cloud sessions and API tell (their ports know nothing of Prometheus). The traps: a label must never hold an id, a
name that a user chose or a text of an error, for each new value is a new time series for ever; and what is told on the hot path
must cost next to nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import start_http_server

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)

disable_created_metrics()  # type: ignore[no-untyped-call]  # they are a gauge beside each number, which nobody reads

QueueLook = Callable[[], tuple[int, int, datetime | None]]
"""How many operations wait, how many run, and since when the oldest waits."""


class Metrics:
    """All numbers of a process, each registry its own, so that several may live side by side in tests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._operations = Counter(
            "kamado_operations", "Operations on stacks that ended.", ("action", "outcome"), registry=self.registry
        )
        self._operation_seconds = Histogram(
            "kamado_operation_seconds",
            "From the acceptance of an operation to its end.",
            ("action",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._steps = Counter(
            "kamado_steps", "Steps on resources that ended.", ("type", "action", "outcome"), registry=self.registry
        )
        self._step_seconds = Histogram(
            "kamado_step_seconds",
            "From the beginning of a step to its end.",
            ("type", "action"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._calls = Counter(
            "kamado_cloud_calls",
            "Calls to services of the cloud; status none: no answer.",
            ("service", "status"),
            registry=self.registry,
        )
        self._call_seconds = Histogram(
            "kamado_cloud_call_seconds",
            "What such a call took.",
            ("service",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._in_flight = Gauge(
            "kamado_cloud_calls_in_flight", "Calls that wait for an answer.", ("service",), registry=self.registry
        )
        self._requests = Counter(
            "kamado_api_requests", "Requests that were answered.", ("method", "status"), registry=self.registry
        )
        self._of_steps: dict[tuple[str, str, bool], tuple[Counter, Histogram]] = {}

    # What the engine tells: see `kamado.engine.watching.Watch`.

    def operation_ended(self, action: str, outcome: str, seconds: float) -> None:
        """An operation has ended, in that state of an operation."""
        self._operations.labels(action, outcome).inc()
        self._operation_seconds.labels(action).observe(seconds)

    def step_ended(self, type_name: str, action: str, good: bool, seconds: float) -> None:
        """A step has ended. ``type_name`` is that of a class, never a name that a template gave."""
        key = (type_name, action, good)
        found = self._of_steps.get(key)
        if found is None:
            count = self._steps.labels(type_name, action, "done" if good else "failed")
            found = self._of_steps[key] = count, self._step_seconds.labels(type_name, action)
        found[0].inc()
        found[1].observe(seconds)

    # What the cloud's sessions tell: see `kamado.cloud.limits.CallWatch`.

    def call_began(self, service: str) -> None:
        """A call is sent."""
        self._in_flight.labels(service).inc()

    def call_ended(self, service: str, status: int | None, seconds: float) -> None:
        """It was answered with that status, or not at all."""
        self._in_flight.labels(service).dec()
        self._calls.labels(service, str(status or "none")).inc()
        self._call_seconds.labels(service).observe(seconds)

    # What the API tells.

    def request_answered(self, method: str, status: str) -> None:
        """A request was answered."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, status).inc()

    def watch_queue(self, look: QueueLook, now: Callable[[], datetime]) -> None:
        """Have the queue looked at whenever somebody asks for the numbers."""
        self.registry.register(_Queue(look, now))

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return bytes(generate_latest(self.registry))

    def serve(self, host: str, port: int) -> Server:
        """Answer ``/metrics`` on a port of its own. Raises OSError when it is taken."""
        server, thread = start_http_server(port, addr=host, registry=self.registry)
        return Server(server.server_port, server, thread)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Server:
    """A server of numbers that runs."""

    def __init__(self, port: int, server: object, thread: threading.Thread) -> None:
        self.port = port
        self._server = server
        self._thread = thread

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()  # type: ignore[attr-defined]  # http.server's, as prometheus_client made it
        self._server.server_close()  # type: ignore[attr-defined]
        self._thread.join(timeout=5)


class _Queue:
    """The queue's numbers, from one query at each look."""

    def __init__(self, look: QueueLook, now: Callable[[], datetime]) -> None:
        self._look = look
        self._now = now

    def describe(self) -> Iterable[Metric]:
        return _families(0, 0, 0.0)

    def collect(self) -> Iterator[Metric]:
        waiting, running, oldest = self._look()
        age = 0.0 if oldest is None else max(0.0, (self._now() - oldest).total_seconds())
        yield from _families(waiting, running, age)


def _families(waiting: int, running: int, age: float) -> list[Metric]:
    length = GaugeMetricFamily("kamado_queue_operations", "Operations in the queue of the database.", labels=("state",))
    length.add_metric(("waiting",), waiting)
    length.add_metric(("running",), running)
    oldest = GaugeMetricFamily("kamado_queue_age_seconds", "How long the oldest one waits.", value=age)
    return [length, oldest]
