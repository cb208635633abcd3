"""What does a dispatcher tell Prometheus? Attempts and deliveries given up, how long opt-outs wait, and how much waits.

Labels are names of endpoints and words from lists of our own: no number, no URL, no text that came from outside.
docs/metrics.md lists them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from config.clock import system_clock
from config.metrics import Labels, counter, gauge, histogram, once
from consent.directory import Directory
from consent.errors import StoreUnavailable
from consent.ledger import Backlog, Depth, Standing
from consent.model import EndpointId, UnixMs
from dispatcher.tally import Tally

T = TypeVar("T")

_ASK_EVERY_MS = 5000
"""Whoever asks more often is told again what the store said last."""


class Waiting(Protocol):
    directory: Directory

    @property
    def oldest_optouts(self) -> Mapping[EndpointId, UnixMs]: ...

    @property
    def under_way(self) -> int: ...

    def standing(self, endpoint: EndpointId) -> Standing: ...


class Metrics(Collector):
    """Made when they are asked for: what is counted costs an attempt some additions."""

    def __init__(
        self, tally: Tally, waiting: Waiting, backlog: Backlog, clock: Callable[[], UnixMs] = system_clock
    ) -> None:
        self._tally = tally
        self._waiting = waiting
        self._backlog = backlog
        self._clock = clock
        self._known: dict[EndpointId, Depth] = {}
        self._asked_at = UnixMs(0)

    async def refresh(self) -> None:
        """Ask the store how much waits. While it is away, nothing is told of that."""
        if abs(self._clock() - self._asked_at) < _ASK_EVERY_MS:
            return
        self._asked_at = self._clock()
        try:
            self._known = await self._backlog.depths(self._waiting.directory.endpoints)
        except StoreUnavailable:
            self._known = {}

    def collect(self) -> Iterator[Metric]:
        yield from self._done()
        yield from self._left()
        yield from self._standings()

    def _done(self) -> Iterator[Metric]:
        tally = self._tally
        tried, died = tally.attempts.items(), tally.given_up.items()
        yield counter("attempts", "Requests to endpoints, by what came of them.", tried, labels=("endpoint", "outcome"))
        yield counter("given_up", "Deliveries that died, by their last failure.", died, labels=("endpoint", "reason"))
        yield counter(
            "optouts_given_up",
            "Opt-outs that died, and that the endpoint was not told of.",
            # 0 where there was none: the first one is a rise only then.
            [((name,), tally.optouts_given_up[name]) for name in self._endpoints()],
            labels=("endpoint",),
        )
        yield histogram("attempt_seconds", "How long a request took.", _by(tally.attempt_seconds), labels=("endpoint",))
        yield histogram(
            "optout_delivered_seconds",
            "From an opt-out received to its delivery, retries and waiting included.",
            _by(tally.heard_seconds),
            labels=("endpoint",),
        )
        yield gauge("attempts_under_way", "Requests without an answer yet.", once(self._waiting.under_way))

    def _left(self) -> Iterator[Metric]:
        """Of every endpoint, 0 where none waits: an alert on what is absent would never ring."""
        now, oldest = self._clock(), self._waiting.oldest_optouts
        waited = [((name,), max(now - oldest.get(name, now), 0) / 1000) for name in self._endpoints()]
        yield gauge(
            "oldest_optout_seconds",
            "How long the oldest opt-out has waited that the endpoint was not told of; looked up every few seconds.",
            waited,
            labels=("endpoint",),
        )
        depths = [((name, state), count) for name, depth in self._known.items() for state, count in _states(depth)]
        yield gauge(
            "deliveries",
            "Recipients for whom a delivery is due or under way, and deliveries given up; alike from each dispatcher.",
            depths,
            labels=("endpoint", "state"),
        )

    def _standings(self) -> Iterator[Metric]:
        endpoints = [self._waiting.directory.endpoints[name] for name in self._endpoints()]
        known = [(one, self._waiting.standing(one.id)) for one in endpoints]
        failing = [((one.id,), int(standing.word == "failing")) for one, standing in known]
        paused = [((one.id,), int(standing.opened > 0)) for one, standing in known]
        disabled = [((one.id,), int(bool(one.disabled))) for one in endpoints]
        of = ("endpoint",)
        yield gauge("endpoint_failing", "1 while it fails, and its account was told.", failing, labels=of)
        yield gauge("endpoint_paused", "1 while nothing is sent, because too much failed.", paused, labels=of)
        yield gauge("endpoint_disabled", "1 while it is switched off, by whom ever.", disabled, labels=of)

    def _endpoints(self) -> list[EndpointId]:
        return sorted(self._waiting.directory.endpoints)


def _states(depth: Depth) -> tuple[tuple[str, int], ...]:
    return ("due", depth.owed - depth.in_flight), ("leased", depth.in_flight), ("dead", depth.dead)


def _by(values: Mapping[EndpointId, T]) -> list[tuple[Labels, T]]:
    return [((name,), value) for name, value in values.items()]
