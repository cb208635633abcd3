"""How do spans reach the collector? By OpenTelemetry's own SDK, in batches, from a thread of its own."""

from collections.abc import Iterable

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace.propagation import set_span_in_context

from config.sections import Tracing
from config.tracing import Attributes, Part, now_ns
from consent.model import EventId
from consent.trace import TraceRoot, root_of, traceparent

_PATH = "/v1/traces"
_SCOPE = "consent_relay"
_TIMEOUT_S = 3
"""For a batch to be taken; and so the longest that a process which stops waits for its collector."""


class Exported:
    """Spans as config.tracing.Traces asks for them. Whether a trace is recorded follows from its id alone, so all
    processes agree."""

    def __init__(self, settings: Tracing, *, process: str, release: str) -> None:
        self._ids = _Ids()
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": f"consent-relay-{process}", "service.version": release}),
            sampler=TraceIdRatioBased(settings.sample),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=settings.endpoint.rstrip("/") + _PATH, timeout=_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(_SCOPE, release)

    def begun(self, event: EventId, name: str, *, began_ns: int, attributes: Attributes, parts: Iterable[Part]) -> None:
        root = root_of(event)
        with_event = {"consent_relay.event": event, **attributes}
        self._ids.next = root
        span = self._tracer.start_span(
            name, Context(), kind=SpanKind.SERVER, attributes=with_event, start_time=began_ns
        )
        for part in parts:
            inner = self._tracer.start_span(part.name, _within(root), kind=SpanKind.CLIENT, start_time=part.began_ns)
            inner.end(part.ended_ns)
        span.end(now_ns())

    def done(self, event: EventId, name: str, *, began_ns: int, attributes: Attributes) -> None:
        with_event = {"consent_relay.event": event, **attributes}
        span = self._tracer.start_span(
            name, _within(root_of(event)), kind=SpanKind.INTERNAL, attributes=with_event, start_time=began_ns
        )
        span.end(now_ns())

    def open(self, event: EventId, name: str, attributes: Attributes) -> "Open":
        with_event = {"consent_relay.event": event, **attributes}
        context = _within(root_of(event))
        return Open(self._tracer.start_span(name, context, kind=SpanKind.CLIENT, attributes=with_event))

    def close(self) -> None:
        self._provider.shutdown()


class Open:
    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        """Nothing where we do not record: a customer may want to, and our "no" would decide for her."""
        context = self._span.get_span_context()
        return traceparent(context.trace_id, context.span_id) if self._span.is_recording() else ""

    def end(self, attributes: Attributes, *, failure: str = "") -> None:
        self._span.set_attributes(dict(attributes))
        if failure:
            self._span.set_status(Status(StatusCode.ERROR, failure))
        self._span.end()


class _Ids(RandomIdGenerator):
    """By chance, but for the first span of a trace. Asked by one thread, the event loop's."""

    def __init__(self) -> None:
        self.next: TraceRoot | None = None

    def generate_trace_id(self) -> int:
        return self.next.trace_id if self.next else super().generate_trace_id()

    def generate_span_id(self) -> int:
        root, self.next = self.next, None
        return root.span_id if root else super().generate_span_id()


def _within(root: TraceRoot) -> Context:
    """Below the first span, whoever sent that, and whether or not it ever arrives."""
    parent = SpanContext(root.trace_id, root.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(parent), Context())
