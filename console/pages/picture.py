"""What is going on right now? Everything that changes while somebody looks, read from the store in a few trips."""

import asyncio
from dataclasses import dataclass

from consent.directory import Directory
from consent.ledger import Backlog, Depth, Glance, Health, Pulse, Standing, Store
from consent.ledger.recent import Recent
from consent.model import EndpointId, Event, Partition, UnixMs
from console.desk import Desk
from console.pages.figures import Figures, Heard
from console.pages.plot import Plot, plot

LATEST = 8
"""Events shown as they come."""
_DEPTHS_A_LOOK = 4
"""Endpoints whose backlog is counted in one look: with more of them, those that are owed something take turns first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLine:
    id: EndpointId
    word: str
    """healthy, failing, resting (nothing is sent for a moment), disabled."""
    reason: str
    owed: int
    in_flight: int
    dead: int
    oldest_ms: int | None
    """How long its oldest opt-out has waited that it was not told of."""
    delivered: float
    """A second, lately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    at: UnixMs
    events: Plot
    deliveries: Plot
    events_rate: float
    deliveries_rate: float
    failed_rate: float
    heard: Heard
    endpoints: tuple[EndpointLine, ...]
    """Those that want attention first."""
    latest: tuple[Event, ...]
    """Newest first."""
    processes: dict[str, int]
    """Heard of in the last day, by kind."""
    deadline_ms: int
    trouble: str = ""
    """Why the store could not be read."""

    @property
    def owed(self) -> int:
        return sum(endpoint.owed for endpoint in self.endpoints)

    @property
    def in_flight(self) -> int:
        return sum(endpoint.in_flight for endpoint in self.endpoints)

    @property
    def dead(self) -> int:
        return sum(endpoint.dead for endpoint in self.endpoints)

    @property
    def unwell(self) -> tuple[EndpointLine, ...]:
        return tuple(endpoint for endpoint in self.endpoints if endpoint.word != "healthy")

    @property
    def oldest(self) -> EndpointLine | None:
        """Whose opt-out has waited longest."""
        waiting = [endpoint for endpoint in self.endpoints if endpoint.oldest_ms is not None]
        return max(waiting, key=lambda endpoint: endpoint.oldest_ms or 0, default=None)


class Looking:
    """Looks again and again, and remembers what need not be asked each time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._figures = Figures()
        self._directory = Directory.of(-1)
        self._depths: dict[EndpointId, Depth] = {}
        self._next_in_turn = 0

    async def look(self, now: UnixMs) -> Picture:
        async with self._desk.reading() as store:
            beats, standings, version = await asyncio.gather(
                Pulse(store).beats(), Health(store).standings(), self._desk.registry(store).version()
            )
            if version != self._directory.version:
                self._directory = await self._desk.registry(store).directory()
            self._figures.note(beats, now)
            glance = Glance(store)
            # By the store's clock, which wrote when an opt-out was recorded: ours may differ.
            owed, unheard, clock = await asyncio.gather(glance.owed(), glance.unheard(), store.now(Partition(0)))
            oldest = {endpoint: max(clock - since, 0) for endpoint, since in unheard.items()}
            await self._count(store, owed)
            latest = await Recent(store).page(after="", limit=LATEST, wanted=lambda _: True)
        kinds = [beat.kind for beat in beats]
        processes = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
        return self._picture(now, self._lines(now, standings, oldest), latest.events, processes)

    async def _count(self, store: Store, owed: set[EndpointId]) -> None:
        known = sorted(self._directory.endpoints)
        self._depths = {endpoint: self._depths.get(endpoint, Depth(owed=0, in_flight=0, dead=0)) for endpoint in known}
        busy = owed | {endpoint for endpoint, depth in self._depths.items() if depth.owed}
        turn = known[self._next_in_turn :] + known[: self._next_in_turn]
        half = _DEPTHS_A_LOOK // 2
        chosen = [endpoint for endpoint in turn if endpoint in busy][:half]
        chosen += [endpoint for endpoint in turn if endpoint not in chosen][: _DEPTHS_A_LOOK - len(chosen)]
        self._next_in_turn = (self._next_in_turn + half) % max(len(known), 1)
        self._depths |= await Backlog(store).depths(chosen)

    def _lines(
        self, now: UnixMs, standings: dict[EndpointId, Standing], oldest: dict[EndpointId, int]
    ) -> list[EndpointLine]:
        return [
            self._line(endpoint, standings.get(endpoint, Standing()), oldest.get(endpoint), now)
            for endpoint in sorted(self._directory.endpoints)
        ]

    def _picture(
        self, now: UnixMs, lines: list[EndpointLine], latest: tuple[Event, ...], processes: dict[str, int]
    ) -> Picture:
        figures = self._figures
        return Picture(
            at=now,
            events=plot(figures.series("events", now)),
            deliveries=plot(figures.series("delivered", now)),
            events_rate=figures.rate("events", now),
            deliveries_rate=figures.rate("delivered", now),
            failed_rate=figures.rate("failed", now),
            heard=figures.heard(),
            endpoints=tuple(sorted(lines, key=_urgency)),
            latest=latest,
            processes=processes,
            deadline_ms=self._desk.settings.dispatcher.optout_deadline,
        )

    def _line(self, name: EndpointId, standing: Standing, oldest_ms: int | None, now: UnixMs) -> EndpointLine:
        endpoint, depth = self._directory.endpoints[name], self._depths[name]
        is_resting = standing.opened > 0 and standing.shut_until > now
        word = "disabled" if endpoint.disabled else standing.word
        return EndpointLine(
            id=name,
            word="resting" if word == "healthy" and is_resting else word,
            reason=endpoint.disabled or standing.reason,
            owed=depth.owed,
            in_flight=depth.in_flight,
            dead=depth.dead,
            oldest_ms=oldest_ms,
            delivered=self._figures.rate(f"endpoint:{name}:delivered", now),
        )


_WORST_FIRST = ("failing", "disabled", "resting", "healthy")


def _urgency(line: EndpointLine) -> tuple[int, int, str]:
    return (_WORST_FIRST.index(line.word), -(line.oldest_ms or 0), line.id)
