"""What did this dispatcher do since it began? Counted in plain numbers, by endpoint."""

from collections import Counter, defaultdict

from consent.histogram import Histogram
from consent.ledger.pulse import HEARD_BOUNDS, heard_counter
from consent.model import EndpointId

ATTEMPT_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)
"""Seconds."""
LONG_BOUNDS = (*HEARD_BOUNDS, 600, 3600, 86400)
"""Seconds: an endpoint that was down hears late."""

DELIVERED = "delivered"


class Tally:
    def __init__(self) -> None:
        self.attempts: Counter[tuple[EndpointId, str]] = Counter()
        self.given_up: Counter[tuple[EndpointId, str]] = Counter()
        self.optouts_given_up: Counter[EndpointId] = Counter()
        """Of these: whose opt-outs the endpoint was never told of."""
        self.attempt_seconds: defaultdict[EndpointId, Histogram] = defaultdict(lambda: Histogram(ATTEMPT_BOUNDS))
        self.heard_seconds: defaultdict[EndpointId, Histogram] = defaultdict(lambda: Histogram(LONG_BOUNDS))
        """From an opt-out received to its delivery."""

    def attempted(self, endpoint: EndpointId, outcome: str, *, seconds: float) -> None:
        self.attempts[endpoint, outcome] += 1
        self.attempt_seconds[endpoint].add(seconds)

    def heard(self, endpoint: EndpointId, *, seconds: float) -> None:
        self.heard_seconds[endpoint].add(seconds)

    def gave_up(self, endpoint: EndpointId, reason: str, *, is_unheard: bool) -> None:
        """`is_unheard`: it would have been told of an opt-out."""
        self.given_up[endpoint, reason] += 1
        self.optouts_given_up[endpoint] += is_unheard

    def counters(self) -> dict[str, float]:
        """For the dashboard (consent/ledger/pulse.py)."""
        counted: Counter[str] = Counter(attempts=0, delivered=0, failed=0)
        for (endpoint, outcome), count in self.attempts.items():
            word = "delivered" if outcome == DELIVERED else "failed"
            counted.update({"attempts": count, word: count, f"endpoint:{endpoint}:{word}": count})
        return {**counted, **self._heard()}

    def _heard(self) -> dict[str, float]:
        if not self.heard_seconds:
            return {}
        spreads = [*self.heard_seconds.values()]
        told: dict[str, float] = {
            "heard_seconds_sum": sum(spread.total for spread in spreads),
            "heard_seconds_count": sum(spread.count for spread in spreads),
        }
        for spread in spreads:
            for bound, count in spread.up_to():
                if bound in HEARD_BOUNDS:
                    told[heard_counter(bound)] = told.get(heard_counter(bound), 0) + count
        return told
