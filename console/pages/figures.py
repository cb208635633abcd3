"""What do the counters of all processes amount to? Per second, for how long, and how fast opt-outs were told. Pure.

Fed twice a second while somebody watches. A process writes about three times a second, so what it counted since is
spread over the time that it took, or a steady stream would look like a saw. That time is by its own clock, which may
be wrong: how far it is behind ours shows in when we hear of what it wrote.
"""

import math
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consent.ledger.pulse import AT_MOST_EVERY_S, HEARD_BOUNDS, Beat, heard_counter
from consent.model import UnixMs

SHOWN_S = 120
"""How far back a chart goes."""
RECENT_S = 300
"""Opt-outs told in this time make the quantiles, once there are any."""
_SHORTEST_SPREAD_MS, _LONGEST_SPREAD_MS = 200, 1500
_SLICE_MS = 50
_TOLD_WITHIN_MS = round(AT_MOST_EVERY_S * 1000) + _SLICE_MS
"""What was counted is heard of after this, so figures end that long ago: a later end would be too low."""
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
        self._looked_at = UnixMs(0)
        self._behind: dict[str, int] = {}
        """How far each process's clock is behind ours, in ms, as far as that is known."""
        self._series: dict[str, defaultdict[int, float]] = {}
        """By counter: how much in which slice of time."""
        self._forgotten = 0
        """All slices before this one."""
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
        self._looked_at = now
        self.totals = dict(_summed([beat.counters for beat in beats]))
        self._forget(now)

    def series(self, counter: str, now: UnixMs) -> list[float | None]:
        """Of each whole second that all have reported on, oldest first, and of the last one up to now; None before
        anybody watched."""
        end = (now - _TOLD_WITHIN_MS) // 1000
        first = end if self._began is None else self._began // 1000 + 1
        whole = [
            self._counted(counter, second * 1000, second * 1000 + 1000) if second >= first else None
            for second in range(end - SHOWN_S + 1, end)
        ]
        return [*whole, self.rate(counter, now, seconds=1)]

    def rate(self, counter: str, now: UnixMs, *, seconds: int = 5) -> float:
        """In the last seconds that all have reported on, or since anybody watched."""
        end = _whole(now - _TOLD_WITHIN_MS)
        start = max(end - seconds * 1000, end if self._began is None else _whole(self._began))
        return self._counted(counter, start, end) * 1000 / (end - start) if end > start else 0.0

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
        end = self._instant(beat, now)
        counted = before.counters if before else {}
        grown = {name: count - counted.get(name, 0) for name, count in beat.counters.items()}
        for name, amount in grown.items():
            if amount > 0 and not name.startswith("source:"):
                series = self._series.setdefault(name, defaultdict(float))
                for each, share in _shares(end - span, end):
                    series[each] += amount * share
        if grown.get("heard_seconds_count", 0) > 0:
            self._heard.append((now, {name: grown.get(name, 0) for name in _HEARD}))

    def _counted(self, counter: str, start: int, end: int) -> float:
        known: Mapping[int, float] = self._series.get(counter, {})
        return sum(known.get(each, 0.0) for each in range(start // _SLICE_MS, end // _SLICE_MS))

    def _instant(self, beat: Beat, now: UnixMs) -> int:
        """When it was written, by our clock; not much before our last look, which did not find it."""
        instant = beat.at + self._behind.get(beat.process, now - beat.at)
        if not self._looked_at - _LONGEST_SPREAD_MS <= instant <= now:
            instant = now
        self._behind[beat.process] = instant - beat.at
        return instant

    def _forget(self, now: UnixMs) -> None:
        oldest = (now - (SHOWN_S + 3) * 1000) // _SLICE_MS
        for series in self._series.values():
            for each in range(self._forgotten or oldest, oldest):
                series.pop(each, None)
        self._forgotten = oldest
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
    """Which part of the time from `start` to `end` lies in which slice."""
    return [
        (each, (min(end, (each + 1) * _SLICE_MS) - max(start, each * _SLICE_MS)) / (end - start))
        for each in range(start // _SLICE_MS, -(-end // _SLICE_MS))
    ]


def _whole(instant: int) -> int:
    return instant // _SLICE_MS * _SLICE_MS


def _summed(all_counts: Sequence[Mapping[str, float]]) -> defaultdict[str, float]:
    total: defaultdict[str, float] = defaultdict(float)
    for counts in all_counts:
        for name, count in counts.items():
            total[name] += count
    return total
