"""OpenTelemetry traces, from the request through the case's process to its activities; off unless asked for.

A trace begins at our own door: what a caller says of traces is not believed, nor carried into histories. What leaves
the house names routes by their template and cases by their reference, and quotes nothing that anybody typed.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio.contrib.opentelemetry import TracingInterceptor, TracingWorkflowInboundInterceptor
from temporalio.contrib.opentelemetry._context import attached_context
from temporalio.worker import HandleUpdateInput, WorkflowInterceptorClassInput

from run import redact

KEPT = (
    *("http.request.method", "http.route", "http.response.status_code", "error.type", "amends.reference"),
    *("temporalWorkflowID", "temporalRunID", "temporalActivityID"),
)
"""What a span may say. Not url.path, url.query and the like: they hold the tokens of customers' links."""
ONLY_TRACE = TraceContextTextMapPropagator()
"""Without baggage, which would carry a caller's words into the histories."""


class AtOurDoor(TraceContextTextMapPropagator):
    """Takes nothing from a request's headers: its trace begins here."""

    def extract(self, carrier: Any, context: Context | None = None, getter: Any = None) -> Context:
        """An empty context."""
        return Context()


def provider(endpoint: str | None, part: str) -> TracerProvider | None:
    """Where the spans of that part go; none without an OTLP receiver."""
    if not endpoint:
        return None
    propagate.set_global_textmap(AtOurDoor())
    made = TracerProvider(resource=Resource.create({"service.name": f"amends-{part}"}), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    made.add_span_processor(BatchSpanProcessor(Cleaning(exporter)))
    return made


async def flushed(traces: TracerProvider | None) -> None:
    """Send what is left; a receiver that is away holds nobody up for long."""
    if traces is not None:
        await asyncio.to_thread(traces.force_flush, 3000)


class Cleaning(SpanExporter):
    """Cleans every span before it leaves."""

    def __init__(self, then: SpanExporter) -> None:
        self.then = then

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them cleaned."""
        return self.then.export([clean(span) for span in spans])

    def shutdown(self) -> None:
        self.then.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self.then.force_flush(timeout_millis)


def clean(span: ReadableSpan) -> ReadableSpan:
    """The span without words: no message of an error, no address that was asked for, no name of a person."""
    said = span.attributes or {}
    kept: dict[str, Any] = {name: redact.value(said[name]) for name in KEPT if name in said}
    for event in span.events:
        if kind := (event.attributes or {}).get("exception.type"):
            kept["error.type"] = redact.text(str(kind))
    return ReadableSpan(
        name=redact.text(span.name),
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=kept,
        links=[Link(link.context) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class Interceptor(TracingInterceptor):
    """Temporal's own, for client and worker, without baggage."""

    def __init__(self, traces: TracerProvider) -> None:
        super().__init__(traces.get_tracer("amends"))
        self.text_map_propagator = ONLY_TRACE

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[TracingWorkflowInboundInterceptor]:
        super().workflow_interceptor_class(input)  # gives the workflow what makes its spans
        return _InWorkflow


class _InWorkflow(TracingWorkflowInboundInterceptor):
    def __init__(self, next: Any) -> None:
        super().__init__(next)
        self.text_map_propagator = ONLY_TRACE

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        """An act belongs to the trace of its request; Temporal's own puts it into the opening's, weeks ago."""
        carried = input.headers.get(self.header_key)
        if carried is None:
            return await super().handle_update_handler(input)
        context = self.text_map_propagator.extract(self.payload_converter.from_payloads([carried])[0])
        with attached_context(self._set_on_context(context)):
            self._completed_span(f"HandleUpdate:{input.update}", kind=SpanKind.SERVER)
            return await self.next.handle_update_handler(input)
