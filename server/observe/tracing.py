"""Traces by OpenTelemetry: one span for each operation, within the trace of the client's `traceparent`.

There is no span for each field: it would take several times as long as the field itself. Needs the extra `tracing`.
The variables OTEL_… that OpenTelemetry specifies configure the exporter beyond its endpoint.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from threading import Thread
from typing import Any

from server.observe.calls import BROKEN, Call
from server.settings import Settings, WrongSettings

FAREWELL = 3.0
"""Seconds that a stopping process has to send its remaining spans."""


@asynccontextmanager
async def opened_tracer(settings: Settings) -> AsyncIterator["OpenTelemetry | None"]:
    """The tracer of calls, if the settings have an endpoint. Raises `WrongSettings` without the extra."""
    if settings.otlp_endpoint is None:
        yield None
        return
    if find_spec("opentelemetry") is None:
        raise WrongSettings("DEALBOARD_OTLP_ENDPOINT: install its dependencies with `pip install dealboard[tracing]`.")
    tracer = OpenTelemetry(settings.otlp_endpoint)
    try:
        yield tracer
    finally:
        await asyncio.to_thread(tracer.close)


class OpenTelemetry:
    """Sends spans to an OTLP endpoint, in batches and from a thread of its own."""

    def __init__(self, endpoint: str) -> None:
        # An optional extra is imported only where it is used.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self.provider: Any = TracerProvider(
            resource=Resource.create({"service.name": "dealboard"}), shutdown_on_exit=False
        )
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self.tracer: Any = self.provider.get_tracer("dealboard")
        self.propagator: Any = TraceContextTextMapPropagator()
        self.server = SpanKind.SERVER
        self.broken = Status(StatusCode.ERROR)

    def trace(self, call: Call, seconds: float) -> None:
        """Record the span of a call that has ended. Names follow the semantic conventions for GraphQL."""
        carrier = {name: call.headers.get(name.encode(), b"").decode("latin-1") for name in self.propagator.fields}
        span = self.tracer.start_span(
            f"{call.kind} {call.operation}",
            context=self.propagator.extract(carrier),
            kind=self.server,
            start_time=call.started,
            attributes={
                "graphql.operation.type": call.kind,
                "graphql.operation.name": call.operation,
                "dealboard.code": str(call.code),
                "dealboard.organisation": call.organisation or "",
                "dealboard.request_id": call.request_id,
                "dealboard.transport": call.transport,
            },
        )
        if call.code in BROKEN:
            span.set_status(self.broken)
        span.end(call.started + round(seconds * 1e9))

    def close(self) -> None:
        """Send the remaining spans. The exporter retries an unreachable endpoint for longer than a stop should take."""
        sending = Thread(target=self.provider.shutdown, daemon=True)
        sending.start()
        sending.join(FAREWELL)
