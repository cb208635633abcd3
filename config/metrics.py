"""What does every process tell Prometheus? Whether it is ready, how it finds its store, and how its flushes go.

Nothing is handed to prometheus-client while work is done: what was counted in plain numbers becomes metrics when
somebody asks for them. docs/metrics.md lists all of them.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from math import inf
from typing import TypeVar

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from config.lines import Lines
from config.probes import Handler
from consent.histogram import Histogram
from consent.ledger import Server, Store
from consent.model import UnixMs

T = TypeVar("T")

PREFIX = "consent_relay_"

Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, float]]


def once(value: T) -> list[tuple[Labels, T]]:
    """Without labels."""
    return [((), value)]


class Vitals(Collector):
    """How a process and its store are."""

    def __init__(self, store: Store, readiness: Callable[[], str | None]) -> None:
        self._flushes = store.commit.flushes
        self._readiness = readiness
        self._checks_failed: Counter[str] = Counter()
        self._is_safe = False
        self._ahead_ms: int | None = None

    def store_is_safe(self, server: Server, now: UnixMs) -> None:
        self._is_safe = True
        self._ahead_ms = None if server.clock is None else server.clock - now

    def store_failed(self, reason: str) -> None:
        self._is_safe = False
        self._checks_failed[reason] += 1

    def collect(self) -> Iterator[Metric]:
        yield gauge("build_info", "Which version runs.", [((version("consent-relay"),), 1)], labels=("version",))
        yield gauge("ready", "1 where /readyz says so.", once(int(self._readiness() is None)))
        yield gauge("store_safe", "1 while the store keeps what a 2xx promises.", once(int(self._is_safe)))
        failed = [((reason,), count) for reason, count in self._checks_failed.items()]
        yield counter("store_checks_failed", "Checks that found no such store.", failed, labels=("reason",))
        if self._ahead_ms is not None:
            yield gauge(
                "store_clock_ahead_seconds",
                "The store's clock, less that of this process.",
                once(self._ahead_ms / 1000),
            )
        yield histogram("flush_calls", "Calls that shared a flush to the store.", once(self._flushes.calls))
        yield histogram("flush_seconds", "How long the store took to keep a flush.", once(self._flushes.seconds))
        yield counter("flushes_failed", "Flushes that the store may not have kept.", once(self._flushes.failed))
        yield counter("log_lines_lost", "Log lines that could not be written.", once(Lines.lost))


def counter(name: str, said: str, values: Values, *, labels: Sequence[str] = ()) -> Metric:
    """Prometheus reads it as `<name>_total`. What was counted apart under the same labels is added up."""
    totals: dict[Labels, float] = {}
    for of, value in values:
        totals[of] = totals.get(of, 0) + value
    family = CounterMetricFamily(PREFIX + name, said, labels=labels)
    for of, total in totals.items():
        family.add_metric(of, total)
    return family


def gauge(name: str, said: str, values: Values, *, labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, said, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def histogram(
    name: str, said: str, values: Iterable[tuple[Labels, Histogram]], *, labels: Sequence[str] = ()
) -> Metric:
    family = HistogramMetricFamily(PREFIX + name, said, labels=labels)
    for of, spread in values:
        buckets = [("+Inf" if bound == inf else str(float(bound)), float(count)) for bound, count in spread.up_to()]
        family.add_metric(of, buckets, sum_value=spread.total)
    return family


def exposition(
    *collectors: Collector,
    refresh: Callable[[], Awaitable[None]] | None = None,
    process: CollectorRegistry | None = REGISTRY,
) -> Handler:
    """Answers /metrics: what collectors say, behind what prometheus-client knows of any Python process. `refresh` is
    awaited before, for what has to be asked for."""
    ours = CollectorRegistry()
    for collector in collectors:
        ours.register(collector)

    async def answer(_: web.BaseRequest) -> web.Response:
        if refresh is not None:
            await refresh()
        body = (generate_latest(process) if process else b"") + generate_latest(ours)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return answer
