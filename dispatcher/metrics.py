"""What does a dispatcher tell Prometheus? Attempts and deliveries given up, and how long opt-outs have been waiting.

Labels are names of endpoints and words from lists of our own: no number, no URL, no text that came from outside.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.clock import system_clock
from consent.directory import Directory
from consent.model import EndpointId, UnixMs


class Waiting(Protocol):
    directory: Directory

    @property
    def oldest_optouts(self) -> Mapping[EndpointId, UnixMs]: ...


class Tally:
    """What happened since the process began."""

    def __init__(self) -> None:
        self.attempts: Counter[tuple[EndpointId, str]] = Counter()
        self.given_up: Counter[tuple[EndpointId, str]] = Counter()

    def attempted(self, endpoint: EndpointId, outcome: str) -> None:
        self.attempts[endpoint, outcome] += 1

    def gave_up(self, endpoint: EndpointId, reason: str) -> None:
        self.given_up[endpoint, reason] += 1


class Metrics(Collector):
    """Made when they are asked for: what is counted costs an attempt one addition."""

    def __init__(self, tally: Tally, waiting: Waiting, clock: Callable[[], UnixMs] = system_clock) -> None:
        self._tally = tally
        self._waiting = waiting
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        attempts = CounterMetricFamily(
            "consent_relay_attempts", "Requests to endpoints, by what came of them.", labels=("endpoint", "outcome")
        )
        for labels, count in self._tally.attempts.items():
            attempts.add_metric(labels, count)
        yield attempts
        given_up = CounterMetricFamily(
            "consent_relay_given_up", "Deliveries that died, by their last failure.", labels=("endpoint", "reason")
        )
        for labels, count in self._tally.given_up.items():
            given_up.add_metric(labels, count)
        yield given_up
        yield self._oldest()

    def _oldest(self) -> Metric:
        """Of every endpoint, 0 where none waits: an alert on what is absent would never ring."""
        gauge = GaugeMetricFamily(
            "consent_relay_oldest_optout_seconds",
            "How long the oldest opt-out has waited that the endpoint was not told of; looked up every few seconds.",
            labels=("endpoint",),
        )
        oldest, now = self._waiting.oldest_optouts, self._clock()
        for endpoint in sorted(self._waiting.directory.endpoints):
            since = oldest.get(endpoint)
            gauge.add_metric((endpoint,), 0 if since is None else max(now - since, 0) / 1000)
        return gauge


@contextmanager
def exported(metrics: Collector) -> Iterator[None]:
    """Meanwhile /metrics has them (config/probes.py)."""
    REGISTRY.register(metrics)
    try:
        yield
    finally:
        REGISTRY.unregister(metrics)
