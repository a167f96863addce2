"""The numbers' names are those of the page for operators; spans carry what happened, in the trace of who asked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from kamado.engine.system import ThreadCalls
from kamado.telemetry.metrics import Metrics
from kamado.telemetry.traces import TRACE_OF_REQUEST, Traces, watched, with_metrics
from kamado.telemetry.watchers import CallWatchers, Watchers

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"


def families(metrics: Metrics) -> dict[str, Any]:
    return {found.name: found for found in text_string_to_metric_families(metrics.text().decode())}


def test_the_page_lists_exactly_these_numbers() -> None:
    metrics = Metrics()
    metrics.watch_queue(lambda: (3, 2, NOW - timedelta(seconds=9)), lambda: NOW)
    found = families(metrics)
    said = dict(re.findall(r"^\| `(kamado_\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE))
    assert said == {
        f"{name}_total" if family.type == "counter" else name: family.type for name, family in found.items()
    }
    assert {one.labels["state"]: one.value for one in found["kamado_queue_operations"].samples} == {
        "waiting": 3,
        "running": 2,
    }
    assert [one.value for one in found["kamado_queue_age_seconds"].samples] == [9.0]


def test_numbers_on_a_port_of_their_own() -> None:
    metrics = Metrics()
    metrics.call_began("network")
    metrics.call_ended("network", None, 0.2)
    server = metrics.serve("127.0.0.1", 0)
    try:
        answer = requests.get(f"http://127.0.0.1:{server.port}/metrics", timeout=10)
    finally:
        server.stop()
    assert 'kamado_cloud_calls_total{service="network",status="none"} 1.0' in answer.text


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("503 Service Unavailable", [])
    return [b"no"]


@pytest.mark.parametrize(
    ("asked_by", "kept"),
    [(f"00-{'1' * 32}-{'2' * 16}-01", f"00-{'1' * 32}-{'2' * 16}-01"), ("00-a lot of words" * 99, ""), ("", "")],
)
def test_who_does_not_trace_keeps_the_trace_for_processes_that_do(asked_by: str, kept: str) -> None:
    traces = Traces()
    assert traces.begin("api POST", {"traceparent": asked_by}) == kept
    traces.end({}, True)


def test_requests_are_spans_in_the_trace_of_who_asks() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    metrics = Metrics()
    traced = watched(app, metrics.request_answered, Traces(provider))
    trace = "0af7651916cd43dd8448eb211c80319c"
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/v1/secret",
        "HTTP_TRACEPARENT": f"00-{trace}-b7ad6b7169203331-01",
    }
    assert list(traced(environ, lambda *_: None)) == [b"no"]
    (span,) = exporter.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == trace
    assert span.parent is not None
    assert span.status.status_code.name == "ERROR"
    assert dict(span.attributes or {}) == {"http.request.method": "GET", "http.response.status_code": 503}
    assert "secret" not in str(span.to_json())
    assert 'kamado_api_requests_total{method="GET",status="503"} 1.0' in metrics.text().decode()


def test_a_span_has_the_time_that_it_took() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    Traces(provider).ended("step create", 2.5, {"kamado.type": "OS::Neutron::Net"}, True)
    (span,) = exporter.get_finished_spans()
    assert span.end_time is not None
    assert span.start_time is not None
    assert span.end_time - span.start_time == 2_500_000_000


def test_an_operation_belongs_to_the_request_that_asked_for_it_and_steps_and_calls_to_the_operation() -> None:
    """In one process the request, in another (the trace goes through the database) the operation, its step, and a call in a thread."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    kept: list[str] = []

    def accepts(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        kept.append(environ[TRACE_OF_REQUEST])
        start_response("201 Created", [])
        return []

    metrics = Metrics()
    list(watched(accepts, metrics.request_answered, Traces(provider))({"REQUEST_METHOD": "POST"}, lambda *_: None))
    traces = Traces(provider)
    watch, calls = Watchers(metrics, traces, None), CallWatchers(metrics, traces)

    async def engine() -> None:
        watch.operation_began("CREATE", kept[0])
        threads = ThreadCalls(1)
        await threads.run(lambda: calls.call_ended("network", 201, 0.1))
        watch.step_ended("OS::Neutron::Net", "create", True, 0.2)
        watch.operation_ended("CREATE", "done", 0.3)
        watch.operation_left()
        threads.close()

    asyncio.run(engine())
    spans = {span.name: span for span in exporter.get_finished_spans()}
    above = {name: span.parent and span.parent.span_id for name, span in spans.items()}
    ids = {name: span.context.span_id for name, span in spans.items()}
    assert above == {
        "api POST": None,
        "operation CREATE": ids["api POST"],
        "step create": ids["operation CREATE"],
        "cloud network": ids["operation CREATE"],
    }
    assert len({span.context.trace_id for span in spans.values()}) == 1


def test_only_get_of_metrics_is_answered_beside_the_application() -> None:
    both = with_metrics(app, lambda: b"numbers", "text/plain")
    assert list(both({"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"}, lambda *_: None)) == [b"numbers"]
    assert list(both({"REQUEST_METHOD": "POST", "PATH_INFO": "/metrics"}, lambda *_: None)) == [b"no"]
    assert list(both({"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics/"}, lambda *_: None)) == [b"no"]
