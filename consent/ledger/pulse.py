"""What has each process counted lately? For a dashboard: receivers and dispatchers write it, the console reads it.

One hash, a field for each process. A process writes when something changed, three times a second at most, and at rest
not at all; so `at` tells when it did something last, not whether it lives. Counters start at nothing with the process,
and only ever rise: a reader takes differences.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from consent.ledger.keys import PULSE
from consent.ledger.store import Store
from consent.model import UnixMs

KEPT_MS = 24 * 3600 * 1000
AT_MOST_EVERY_S = 0.3
"""So that a dashboard that looks twice a second is less than one behind."""
HEARD_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""Seconds from an opt-out received to its delivery, in counters `heard_le_<bound>`: each counts all up to its bound."""


@dataclass(frozen=True, slots=True)
class Beat:
    process: str
    """Of this process alone: who starts anew has another name."""
    kind: str
    """"receiver" or "dispatcher"."""
    at: UnixMs
    counters: dict[str, float]


class Pulse:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def beat(self, beat: Beat) -> None:
        written = {"kind": beat.kind, "at": beat.at, "counters": beat.counters}
        await self._store.redis.hset(PULSE, beat.process, orjson.dumps(written))

    async def beats(self) -> list[Beat]:
        """Of all processes heard of within the last 24 hours, by name."""
        return [beat for beat, is_recent in await self._all() if is_recent]

    async def forget_silent(self) -> None:
        """Those not heard of for longer: each process that starts sees to it."""
        if silent := [beat.process for beat, is_recent in await self._all() if not is_recent]:
            await self._store.redis.hdel(PULSE, *silent)

    async def _all(self) -> list[tuple[Beat, bool]]:
        found = await self._store.redis.hgetall(PULSE)
        seconds, _ = await self._store.redis.time()
        oldest = seconds * 1000 - KEPT_MS
        beats = sorted((_read(name, written) for name, written in found.items()), key=lambda beat: beat.process)
        return [(beat, beat.at >= oldest) for beat in beats]


class Pulsing:
    """A process that says what it counted. `step` is for config.background.persist."""

    def __init__(
        self,
        pulse: Pulse,
        *,
        process: str,
        kind: str,
        counted: Callable[[], Mapping[str, float]],
        clock: Callable[[], UnixMs],
    ) -> None:
        self._pulse = pulse
        self._process = process
        self._kind = kind
        self._counted = counted
        self._clock = clock
        self._said: dict[str, float] | None = None

    async def step(self) -> float:
        if self._said is None:
            await self._pulse.forget_silent()
        counters = dict(self._counted())
        if counters != self._said:
            await self._pulse.beat(Beat(self._process, self._kind, self._clock(), counters))
            self._said = counters
        return AT_MOST_EVERY_S


def heard_counter(bound: float) -> str:
    return f"heard_le_{bound:g}"


def _read(name: bytes, written: bytes) -> Beat:
    told = orjson.loads(written)
    return Beat(name.decode(), told["kind"], UnixMs(told["at"]), told["counters"])
