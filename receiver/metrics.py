"""What does a receiver tell Prometheus? The tally, in words of its own; docs/metrics.md lists them.

Labels are ids from the registry and words from lists of our own: no number, no token, no text that came from outside.
"""

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from config.metrics import Labels, counter, gauge, histogram, once
from receiver.tally import SourceTally, Tally

_SOURCE = ("account", "source", "provider")


class Metrics(Collector):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        yield from self._webhooks()
        yield from self._brought()
        yield from self._calls()

    def _webhooks(self) -> Iterator[Metric]:
        rows = self._rows()
        outcomes = [((*_labels(row), outcome), count) for row in rows for outcome, count in row.outcomes()]
        yield counter("webhooks", "Webhooks, by what came of them.", outcomes, labels=(*_SOURCE, "outcome"))
        reasons = [((*_labels(row), reason), count) for row in rows for reason, count in row.refused.items()]
        yield counter(
            "webhooks_refused", "Webhooks that were refused, by reason.", reasons, labels=(*_SOURCE, "reason")
        )
        yield counter("webhooks_broken", "Webhooks answered with 500: faults of ours.", once(self._tally.broken))
        yield histogram(
            "ingest_seconds", "From a webhook read to its answer, of those accepted.", once(self._tally.ingest)
        )
        last = {_labels(row): row.last_at / 1000 for row in sorted(self._tally.sources, key=lambda row: row.last_at)}
        yield gauge("source_last_received_timestamp_seconds", "When a webhook came last.", last.items(), labels=_SOURCE)

    def _brought(self) -> Iterator[Metric]:
        for name, said, count in (
            ("webhook_events", "Events that webhooks brought.", lambda row: row.events),
            ("webhook_duplicates", "Messages that were recorded before.", lambda row: row.duplicates),
            ("webhook_superseded", "Webhooks that came too late to decide anything.", lambda row: row.superseded),
            ("webhook_parts_held", "Parts of long texts that wait, or waited.", lambda row: row.parts_held),
        ):
            yield self._by_source(name, said, count)
        yield counter(
            "parts_judged_late_events", "Events of long texts whose rest never came.", once(self._tally.judged_late)
        )

    def _calls(self) -> Iterator[Metric]:
        calls = [((route, str(status)), count) for (route, status), count in self._tally.called.items()]
        yield counter("api_calls", "Calls of the APIs.", calls, labels=("route", "status"))
        spread = [((route,), seconds) for route, seconds in self._tally.call_seconds.items()]
        yield histogram("api_seconds", "From a call read to its answer.", spread, labels=("route",))
        yield counter("api_events", "Events that calls of the APIs brought.", once(self._tally.called_events))
        elsewhere = [((str(status),), count) for status, count in self._tally.elsewhere.items()]
        yield counter("other_requests", "Requests for what is not there.", elsewhere, labels=("status",))

    def _by_source(self, name: str, said: str, count: Callable[[SourceTally], int]) -> Metric:
        return counter(name, said, [(_labels(row), count(row)) for row in self._tally.sources], labels=_SOURCE)

    def _rows(self) -> list[SourceTally]:
        return [*self._tally.sources, self._tally.unknown]


def _labels(row: SourceTally) -> Labels:
    return row.account, row.id, row.provider
