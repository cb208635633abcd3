"""What does the console tell Prometheus? Requests by the template of their path, and how long they took."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from config.metrics import counter, histogram
from consent.histogram import Histogram

_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Tally:
    """Counted in plain numbers, as requests are answered."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """By method, template and status."""
        self.seconds: dict[tuple[str, str], Histogram] = {}
        """By method and template. Streams last as long as somebody looks, and so they are not in it."""

    def answered(self, method: str, template: str, status: int, *, seconds: float, is_stream: bool) -> None:
        self.requests[method, template, str(status)] += 1
        if not is_stream:
            self.seconds.setdefault((method, template), Histogram(_BOUNDS_S)).add(seconds)


class Metrics(Collector):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        yield counter(
            "console_requests",
            "Requests to the console.",
            self._tally.requests.items(),
            labels=("method", "route", "status"),
        )
        yield histogram(
            "console_seconds",
            "How long an answer took.",
            self._tally.seconds.items(),
            labels=("method", "route"),
        )
