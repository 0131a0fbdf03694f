"""Traces, as an OpenTelemetry collector receives them."""

import gzip
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from server.observe.calls import Call, Calls
from server.observe.metrics import Metrics
from server.observe.tracing import OpenTelemetry, opened_tracer
from server.settings import WrongSettings
from tests.support.servers.served import serving
from tests.support.servers.stand_in import settings

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@contextmanager
def collecting() -> Iterator[tuple[str, "queue.Queue[Any]"]]:
    """A collector on a free port of this machine: its endpoint, and the spans that it receives."""
    spans: queue.Queue[Any] = queue.Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        spans.put((attributes(resource.resource), span))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
        server.shutdown()
        thread.join()


def attributes(of: Any) -> dict[str, str]:
    """The attributes of a span or a resource."""
    return {each.key: each.value.string_value for each in of.attributes}


def test_a_served_operation_is_a_span(tmp_path: Path) -> None:
    """The span has the name, kind, code and duration of the operation, and continues the trace of the client."""
    with collecting() as (endpoint, spans):
        with serving(tmp_path, DEALBOARD_OTLP_ENDPOINT=endpoint) as served:
            before = time.time_ns()
            headers = {**served.headers, "traceparent": TRACEPARENT, "X-Request-ID": "r1"}
            body = {"query": "query Who($id: ID!) { lead(id: $id) { id } }", "variables": {"id": "a secret"}}
            assert httpx2.post(served.url, json=body, headers=headers, timeout=20).headers["x-request-id"] == "r1"
        resource, span = spans.get(timeout=20)
        assert spans.empty()
    assert resource["service.name"] == "dealboard"
    assert span.name == "query Who"
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert before < span.start_time_unix_nano < span.end_time_unix_nano < time.time_ns()
    assert attributes(span) == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Who",
        "dealboard.code": "BAD_USER_INPUT",
        "dealboard.organisation": "demo",
        "dealboard.request_id": "r1",
        "dealboard.transport": "http",
    }
    assert span.status.code == 0
    assert "secret" not in str(span)


def test_what_is_our_fault_is_an_error() -> None:
    """The span of an internal error has the status ERROR; without a `traceparent` it starts a trace of its own."""
    with collecting() as (endpoint, spans):
        tracer = OpenTelemetry(endpoint)
        with pytest.raises(RuntimeError), Call(Calls(Metrics(), tracer=tracer), "http", "r2", {}):
            raise RuntimeError
        tracer.close()
        _, span = spans.get(timeout=20)
    assert span.status.code == 2
    assert span.parent_span_id == b""
    assert attributes(span)["dealboard.code"] == "INTERNAL_SERVER_ERROR"


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    """Spans that cannot be sent are dropped when the process ends."""
    tracer = OpenTelemetry("http://127.0.0.1:9/v1/traces")
    with Call(Calls(Metrics(), tracer=tracer), "http", "r3", {b"traceparent": b"\xff nonsense"}):
        pass
    closing = threading.Thread(target=tracer.close, daemon=True)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting alone is not enough, and without it nothing is imported."""
    monkeypatch.setattr("server.observe.tracing.find_spec", lambda name: None)
    async with opened_tracer(settings()) as tracer:
        assert tracer is None
    with pytest.raises(WrongSettings, match=r"pip install dealboard\[tracing\]"):
        async with opened_tracer(settings(otlp_endpoint="http://127.0.0.1:9/v1/traces")):
            """The settings refuse it first."""
