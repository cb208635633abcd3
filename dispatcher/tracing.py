"""What of a trace happens in a dispatcher? An event is routed once, and attempted as often as it takes."""

from collections import Counter
from collections.abc import Sequence

from config.tracing import Span, Traces
from consent.ledger import Stretch
from consent.model import Delivery, Lease
from dispatcher.outcome import Attempted, Delivered


def routed_all(stretch: Stretch, deliveries: Sequence[Delivery], traces: Traces, *, began_ns: int) -> None:
    counts = Counter(delivery.event for delivery in deliveries)
    for event in stretch.events:
        attributes = {"consent_relay.deliveries": counts[event.id]}
        traces.done(event.id, "event.routed", began_ns=began_ns, attributes=attributes)


def opened_for(lease: Lease, traces: Traces) -> Span:
    return traces.open(
        lease.event_id,
        "delivery.attempted",
        {
            "consent_relay.endpoint": lease.endpoint,
            "consent_relay.attempt": lease.attempt,
            "consent_relay.type": lease.event.type if lease.event else "",
            "http.request.method": "POST",
        },
    )


def ended(span: Span, attempted: Attempted, *, outcome: str) -> None:
    """A failure is told by its word alone: an explanation may quote what an endpoint said."""
    status = attempted.status
    failure = "" if isinstance(attempted.outcome, Delivered) else attempted.error or f"http_{status}"
    span.end(
        {"consent_relay.outcome": outcome, **({} if status is None else {"http.response.status_code": status})},
        failure=failure,
    )
