"""Traces go where they are told to, or there are none; and nothing waits for a collector."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from structlog.testing import capture_logs

from config.probes import listening
from config.sections import Tracing
from config.settings import Settings, judged, load
from config.tracing import Part, Traces, opened
from consent.errors import Misconfigured
from consent.model import EventId
from consent.trace import root_of
from tests.e2e.installation import free_port

EVENT = EventId("evt_3_1764000000123_0")
ROOT = root_of(EVENT)


async def told(settings: Tracing, what: Callable[[Traces], None]) -> list[Span]:
    """The spans that come to a collector."""
    spans: list[Span] = []

    async def take(request: web.BaseRequest) -> web.Response:
        assert request.path == "/v1/traces"
        for of in ExportTraceServiceRequest.FromString(await request.read()).resource_spans:
            spans.extend(span for scope in of.scope_spans for span in scope.spans)
        return web.Response(content_type="application/x-protobuf")

    async with listening(take, "127.0.0.1", 0) as port:
        there = settings.model_copy(update={"endpoint": f"http://127.0.0.1:{port}"})
        async with opened(there, process="receiver") as traces:
            assert traces is not None
            what(traces)
    return spans


async def test_the_first_span_of_a_trace_is_the_one_that_the_events_id_names() -> None:
    def happen(traces: Traces) -> None:
        parts = [Part("store.kept", 1_500, 1_900)]
        traces.begun(EVENT, "webhook.accepted", began_ns=1_000, attributes={"consent_relay.n": 1}, parts=parts)

    kept, first = await told(Tracing(), happen)

    assert (first.name, first.trace_id, first.span_id) == ("webhook.accepted", *as_bytes(ROOT.trace_id, ROOT.span_id))
    assert (first.parent_span_id, first.start_time_unix_nano) == (b"", 1_000)
    assert {one.key for one in first.attributes} == {"consent_relay.event", "consent_relay.n"}
    assert (kept.name, kept.trace_id, kept.parent_span_id) == ("store.kept", first.trace_id, first.span_id)
    assert (kept.start_time_unix_nano, kept.end_time_unix_nano) == (1_500, 1_900)


async def test_an_attempt_hands_on_the_trace_and_its_own_span() -> None:
    handed_on: list[str] = []

    def happen(traces: Traces) -> None:
        span = traces.open(EVENT, "delivery.attempted", {"consent_relay.attempt": 1})
        handed_on.append(span.traceparent)
        span.end({"consent_relay.outcome": "retry"}, failure="http_500")
        traces.done(EVENT, "event.routed", began_ns=1, attributes={})

    attempt, routed = await told(Tracing(), happen)

    assert handed_on == [f"00-{attempt.trace_id.hex()}-{attempt.span_id.hex()}-01"]
    assert attempt.trace_id == routed.trace_id == as_bytes(ROOT.trace_id, 0)[0]
    assert attempt.parent_span_id == routed.parent_span_id == as_bytes(0, ROOT.span_id)[1]
    assert attempt.span_id != routed.span_id
    assert (attempt.status.code, attempt.status.message) == (2, "http_500")


async def test_a_trace_that_is_not_sampled_is_not_told_and_not_handed_on() -> None:
    handed_on: list[str] = []

    def happen(traces: Traces) -> None:
        traces.begun(EVENT, "webhook.accepted", began_ns=1, attributes={}, parts=[])
        span = traces.open(EVENT, "delivery.attempted", {})
        handed_on.append(span.traceparent)
        span.end({}, failure="http_500")

    assert await told(Tracing(sample=0), happen) == []
    assert handed_on == [""]


async def test_without_an_endpoint_there_are_none() -> None:
    async with opened(Tracing(), process="receiver") as traces:
        assert traces is None


async def test_a_collector_that_is_away_harms_nobody() -> None:
    async with opened(Tracing(endpoint=f"http://127.0.0.1:{free_port()}"), process="receiver") as traces:
        assert traces is not None
        traces.begun(EVENT, "webhook.accepted", began_ns=1, attributes={}, parts=[])


async def test_without_the_extra_a_process_says_so_and_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "config.otlp", None)

    with capture_logs() as logs:
        async with opened(Tracing(endpoint="http://127.0.0.1:4318"), process="receiver") as traces:
            assert traces is None

    assert [(line["event"], line["log_level"]) for line in logs] == [("tracing.off", "error")]


def test_what_exports_is_not_loaded_unless_it_is_wanted() -> None:
    program = "import sys, receiver.app, dispatcher.app; sys.exit('config.otlp' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False).returncode == 0


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"endpoint": "localhost:4318"}, "tracing.endpoint: expected an http:// or https:// URL"),
        ({"endpoint": "http://user:hunter2@collector"}, "without user:password@"),
        ({"sample": 1.5}, "tracing.sample: expected a number from 0 to 1, got 1.5"),
        ({"sample": True}, "tracing.sample: expected a number from 0 to 1, got true"),
        ({"sample": "half"}, 'tracing.sample: expected a number from 0 to 1, got "half"'),
    ],
)
def test_mistakes_are_told_by_key(value: dict[str, object], told: str) -> None:
    with pytest.raises(Misconfigured) as failure:
        judged({"tracing": value}, {}, where="relay.toml")

    assert told in str(failure.value)
    assert "hunter2" not in str(failure.value)


def test_the_environment_says_where_to_by_our_name_or_by_everybodys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load() == Settings()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://everybodys:4318")
    monkeypatch.setenv("CONSENT_RELAY_TRACING__SAMPLE", "0.25")
    assert load().tracing == Tracing(endpoint="http://everybodys:4318", sample=0.25)
    monkeypatch.setenv("CONSENT_RELAY_TRACING__ENDPOINT", "http://ours:4318")
    assert load().tracing == Tracing(endpoint="http://ours:4318", sample=0.25)


def as_bytes(trace_id: int, span_id: int) -> tuple[bytes, bytes]:
    return trace_id.to_bytes(16), span_id.to_bytes(8)
