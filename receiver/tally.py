"""What came in since the process began? Counted in plain numbers: a webhook costs well below a microsecond of it."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from consent.errors import ConsentError
from consent.histogram import Histogram
from consent.model import AccountId, Source, SourceId, UnixMs
from receiver.reception import ReadInPart, Receipt

INGEST_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
"""Seconds."""

_NEVER = UnixMs(0)
_TOGETHER = 256
"""So many webhooks are counted at once, if nobody asks before."""


class SourceTally:
    """What came through one webhook URL."""

    def __init__(self, source: Source | None) -> None:
        """None: for webhooks of which nobody knows where they belong."""
        self.account = source.account if source else AccountId("")
        self.id = source.id if source else SourceId("")
        self.provider = source.provider if source else ""
        self.last_at = _NEVER
        self.plain = 0
        """Webhooks that brought one event, and nothing else to be counted: nearly all."""
        self.uncounted: list[float] = []
        """How long each further one of these took: put down now, and counted together."""
        # Every other one counts as one of these, as refused, or as broken.
        self._batches = self.repeated = self.held = self.ignored = 0
        self.refused: Counter[str] = Counter()
        # What they brought: a batch may bring many.
        self._batched = self.duplicates = self.superseded = self.parts_held = 0

    @property
    def recorded(self) -> int:
        return self.plain + self._batches

    @property
    def events(self) -> int:
        return self.plain + self._batched

    @property
    def name(self) -> str:
        return f"{self.account}/{self.id}"

    def outcomes(self) -> Iterator[tuple[str, int]]:
        yield "recorded", self.recorded
        yield "duplicate", self.repeated
        yield "held", self.held
        yield "ignored", self.ignored
        yield "refused", self.refused.total()

    @property
    def received(self) -> int:
        return sum(count for _, count in self.outcomes())

    def add_unusual(self, receipt: Receipt) -> None:
        self.add_brought(receipt)
        if receipt.events:
            self._batches += 1
        elif receipt.duplicates:
            self.repeated += 1
        elif receipt.parts_held:
            self.held += 1
        else:
            self.ignored += 1

    def add_brought(self, receipt: Receipt) -> None:
        """What a webhook brought, whatever became of itself."""
        self._batched += len(receipt.events)
        self.duplicates += receipt.duplicates
        self.superseded += receipt.superseded
        self.parts_held += receipt.parts_held


class Tally:
    def __init__(self) -> None:
        self.unknown = SourceTally(None)
        self.broken = 0
        """Answered with 500: faults of ours."""
        self.judged_late = 0
        """Events of long texts whose rest never came."""
        self.called: Counter[tuple[str, int]] = Counter()
        """API calls by route and status."""
        self.call_seconds: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(INGEST_BOUNDS))
        self.called_events = 0
        self.elsewhere: Counter[int] = Counter()
        """Requests at addresses where nothing is, by status."""
        self._ingest = Histogram(INGEST_BOUNDS)
        self._by_token: dict[str, SourceTally] = {}

    @property
    def ingest(self) -> Histogram:
        """Seconds, of webhooks that were accepted."""
        self._count()
        return self._ingest

    @property
    def sources(self) -> list[SourceTally]:
        """A source whose token was changed is here once for each."""
        self._count()
        return [*self._by_token.values()]

    def accepted(self, source: Source, receipt: Receipt, now: UnixMs, seconds: float) -> None:
        row = self._by_token.get(source.token) or self._begun(source)
        row.last_at = now
        if len(receipt.events) == 1 and not (receipt.duplicates or receipt.superseded or receipt.parts_held):
            uncounted = row.uncounted
            uncounted.append(seconds)
            if len(uncounted) >= _TOGETHER:
                self._count()
        else:
            row.add_unusual(receipt)
            self._ingest.add(seconds)

    def refused(self, source: Source | None, error: ConsentError, *, now: UnixMs) -> None:
        row = self._row(source)
        row.last_at = now
        row.refused[error.reason] += 1
        if isinstance(error, ReadInPart):
            row.add_brought(error.receipt)

    def answered(self, route: str, status: int, *, events: int, seconds: float) -> None:
        self.called[route, status] += 1
        self.call_seconds[route].add(seconds)
        self.called_events += events

    def counters(self) -> dict[str, float]:
        """For the dashboard (consent/ledger/pulse.py)."""
        rows = [*self.sources, self.unknown]
        counted: Counter[str] = Counter(
            events=sum(row.events for row in rows) + self.called_events + self.judged_late,
            webhooks=sum(row.received for row in rows) + self.broken,
            duplicates=sum(row.duplicates for row in rows),
            refused=sum(row.refused.total() for row in rows),
        )
        last: dict[str, float] = {}
        for row in rows[:-1]:
            prefix = f"source:{row.name}:"
            counted[f"{prefix}received"] += row.received
            counted.update({f"{prefix}refused:{reason}": count for reason, count in row.refused.items()})
            last[f"{prefix}last_at"] = max(row.last_at, last.get(f"{prefix}last_at", 0))
        return {**counted, **last}

    def _count(self) -> None:
        for row in self._by_token.values():
            self._ingest.add_all(row.uncounted)
            row.plain += len(row.uncounted)
            row.uncounted.clear()

    def _row(self, source: Source | None) -> SourceTally:
        return self.unknown if source is None else self._by_token.get(source.token) or self._begun(source)

    def _begun(self, source: Source) -> SourceTally:
        row = self._by_token[source.token] = SourceTally(source)
        return row
