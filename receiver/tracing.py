"""What of a trace happens in a receiver? Its beginning: an event's first span is the webhook, or call, that brought it.

Which trace that is, is known when the event has its id; so the span is told of when it is over, with its true times.
"""

from collections.abc import Callable, Iterable

from config.tracing import Attributes, Part, Traces, now_ns
from consent.model import EventId, Source
from receiver.reception import Receipt

Clock = Callable[[], int]


class Journey:
    """One request, from read to answered; the store's part of it begins when it is asked."""

    __slots__ = ("_asked_ns", "_began_ns", "_clock", "_traces")

    def __init__(self, traces: Traces, clock: Clock = now_ns) -> None:
        self._traces = traces
        self._clock = clock
        self._began_ns = self._asked_ns = clock()

    def asked(self) -> None:
        self._asked_ns = self._clock()

    def webhook(self, source: Source, receipt: Receipt) -> None:
        attributes: Attributes = {
            "consent_relay.source": f"{source.account}/{source.id}",
            "consent_relay.provider": source.provider,
            "consent_relay.type": " ".join(receipt.types),
            "http.route": "/hooks/{token}",
            "http.response.status_code": 200,
        }
        stored = Part("store.kept", self._asked_ns, self._clock())
        self._told(receipt.events, "webhook.accepted", attributes, [stored])

    def call(self, route: str, events: Iterable[EventId], status: int) -> None:
        attributes: Attributes = {"consent_relay.route": route, "http.response.status_code": status}
        self._told(events, "api.answered", attributes, [])

    def _told(self, events: Iterable[EventId], name: str, attributes: Attributes, parts: list[Part]) -> None:
        """A batch is the first span of the trace of every event that it brought."""
        for event in events:
            self._traces.begun(event, name, began_ns=self._began_ns, attributes=attributes, parts=parts)
