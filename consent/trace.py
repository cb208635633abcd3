"""Which trace does an event belong to? Its id says: a digest of it names the trace and its first span.

So nothing about traces is stored, and whoever knows the event's id (receiver, dispatcher, customer) knows its trace.
docs/adr/0018-traces.md says why.
"""

from dataclasses import dataclass
from hashlib import sha256

from consent.model import EventId


@dataclass(frozen=True, slots=True)
class TraceRoot:
    """Numbers, as OpenTelemetry has them."""

    trace_id: int
    span_id: int


def root_of(event: EventId) -> TraceRoot:
    """Of the SHA-256 of the id: 16 bytes name the trace, the next 8 its first span."""
    digest = sha256(event.encode()).digest()
    return TraceRoot(int.from_bytes(digest[:16]), int.from_bytes(digest[16:24]))


def traceparent(trace_id: int, span_id: int) -> str:
    """The header of https://www.w3.org/TR/trace-context/#traceparent-header, for a trace that is recorded."""
    return f"00-{trace_id:032x}-{span_id:016x}-01"
