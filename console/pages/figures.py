"""What do the counters of all processes amount to? Per second, for how long, and how fast opt-outs were told. Pure.

Fed once a second while somebody watches. A process writes at most once a second too, so what it counted since is spread
over the time that it took, or a steady stream would look like a saw.
"""

import math
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consent.ledger.pulse import HEARD_BOUNDS, Beat, heard_counter
from consent.model import UnixMs

SHOWN_S = 120
"""How far back a chart goes."""
RECENT_S = 300
"""Opt-outs told in this time make the quantiles, once there are any."""
_SHORTEST_SPREAD_MS, _LONGEST_SPREAD_MS = 200, 1500
_HEARD = (*(heard_counter(bound) for bound in HEARD_BOUNDS), "heard_seconds_count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """From an opt-out received to its delivery, in seconds; None where nothing is known."""

    p50: float | None
    p95: float | None
    count: int
    is_recent: bool
    """Of the last minutes; otherwise of all since the processes began."""


class Figures:
    def __init__(self) -> None:
        self._last: dict[str, Beat] = {}
        self._began: UnixMs | None = None
        self._series: dict[str, defaultdict[int, float]] = {}
        self._heard: deque[tuple[UnixMs, dict[str, float]]] = deque()
        self.totals: dict[str, float] = {}
        """Of every counter, over all processes heard of."""

    def note(self, beats: Sequence[Beat], now: UnixMs) -> None:
        for beat in beats:
            before = self._last.get(beat.process)
            self._last[beat.process] = beat
            if self._began is not None and (before is None or before.at != beat.at):
                self._spread(before, beat, now)
        self._began = now if self._began is None else self._began
        self.totals = dict(_summed([beat.counters for beat in beats]))
        self._forget(now)

    def series(self, counter: str, now: UnixMs) -> list[float | None]:
        """Of each second that all have reported on, oldest first; None before anybody watched."""
        known: Mapping[int, float] = self._series.get(counter, {})
        newest = now // 1000 - 1
        first = newest if self._began is None else self._began // 1000 + 1
        return [known.get(second, 0.0) if second >= first else None for second in range(newest - SHOWN_S, newest)]

    def rate(self, counter: str, now: UnixMs, *, seconds: int = 5) -> float:
        known = [amount for amount in self.series(counter, now)[-seconds:] if amount is not None]
        return sum(known) / len(known) if known else 0.0

    def heard(self) -> Heard:
        recent = _summed([counts for _, counts in self._heard])
        is_recent = recent["heard_seconds_count"] > 0
        counts = recent if is_recent else self.totals
        return Heard(
            p50=quantile(counts, 0.5),
            p95=quantile(counts, 0.95),
            count=round(counts.get("heard_seconds_count", 0)),
            is_recent=is_recent,
        )

    def _spread(self, before: Beat | None, beat: Beat, now: UnixMs) -> None:
        took = beat.at - before.at if before else _SHORTEST_SPREAD_MS
        span = min(max(took, _SHORTEST_SPREAD_MS), _LONGEST_SPREAD_MS)
        counted = before.counters if before else {}
        grown = {name: count - counted.get(name, 0) for name, count in beat.counters.items()}
        for name, amount in grown.items():
            if amount > 0 and not name.startswith("source:"):
                series = self._series.setdefault(name, defaultdict(float))
                for second, share in _shares(now - span, now):
                    series[second] += amount * share
        if grown.get("heard_seconds_count", 0) > 0:
            self._heard.append((now, {name: grown.get(name, 0) for name in _HEARD}))

    def _forget(self, now: UnixMs) -> None:
        oldest = now // 1000 - SHOWN_S - 2
        for series in self._series.values():
            for second in [second for second in series if second < oldest]:
                del series[second]
        while self._heard and self._heard[0][0] < now - RECENT_S * 1000:
            self._heard.popleft()


def quantile(counts: Mapping[str, float], share: float) -> float | None:
    """In seconds, between the bounds as if all in there were evenly spread; infinite where it took longer than the
    last bound."""
    total = counts.get("heard_seconds_count", 0)
    if total <= 0:
        return None
    wanted, low, below = share * total, 0.0, 0.0
    for bound in HEARD_BOUNDS:
        within = counts.get(heard_counter(bound), 0)
        if within >= wanted:
            return low + (bound - low) * (wanted - below) / max(within - below, 1e-9)
        low, below = bound, within
    return math.inf


def _shares(start: int, end: int) -> list[tuple[int, float]]:
    """Which part of the time from `start` to `end` lies in which second."""
    return [
        (second, (min(end, (second + 1) * 1000) - max(start, second * 1000)) / (end - start))
        for second in range(start // 1000, -(-end // 1000))
    ]


def _summed(all_counts: Sequence[Mapping[str, float]]) -> defaultdict[str, float]:
    total: defaultdict[str, float] = defaultdict(float)
    for counts in all_counts:
        for name, count in counts.items():
            total[name] += count
    return total
