"""How is an endpoint told again? Events of the log by the time they were recorded, and their way back into the lanes.

A passage holds all that was recorded up to one instant, whatever the partition. So that instant alone, the mark, says
how far somebody got, and the next passage begins behind it.
"""

import asyncio
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from consent.ledger.keys import Keys, event_place
from consent.ledger.state import events_of
from consent.ledger.store import Store
from consent.model import Delivery, EndpointId, Event, EventId, Partition, UnixMs

_STRETCH = 500
"""Entries of one partition's log, and deliveries in one call of the store, at most."""
_LAST_COUNTER = 2**63


class Mark(NamedTuple):
    """An instant of the log, written as its entries are named."""

    ms: int
    counter: int

    @classmethod
    def of(cls, word: str) -> "Mark | None":
        """None for what is no mark."""
        ms, _, counter = word.partition("-")
        return cls(int(ms), int(counter)) if ms.isdecimal() and counter.isdecimal() else None

    @classmethod
    def before(cls, instant: UnixMs) -> "Mark":
        return cls(max(instant - 1, 0), _LAST_COUNTER)

    @property
    def word(self) -> str:
        return f"{self.ms}-{self.counter}"


BEGINNING = Mark(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    events: tuple[Event, ...]
    """Oldest first."""
    reached: Mark
    """All up to here was in this passage or an earlier one."""
    forgotten: int = 0
    """So many were asked for that the log does not have any more."""


class Replays:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def log_begins(self) -> UnixMs | None:
        """From when on no event is missing; None where none was ever removed."""
        begins = []
        for keys in self._store.keys:
            if await self._store.redis.exists(keys.log):
                log = await self._store.redis.xinfo_stream(keys.log)
                if log["entries-added"] > log["length"]:
                    first = log["first-entry"]
                    begins.append(_mark(first[0] if first else log["last-generated-id"]).ms)
        return UnixMs(max(begins)) if begins else None

    async def events(self, after: Mark, until: Mark) -> AsyncIterator[Passage]:
        """What was routed by now; what was not will be sent in any case."""
        ends = await self._routed(until)
        while True:
            async with self._store.redis.pipeline(transaction=False) as pipe:
                for keys in self._store.keys:
                    pipe.xrange(keys.log, f"({after.word}", ends[keys.partition].word, count=_STRETCH)
                stretches = await pipe.execute()
            # Where there may be more, nobody can tell yet what lies behind its last entry.
            known = min((_mark(stretch[-1][0]) for stretch in stretches if len(stretch) == _STRETCH), default=None)
            found: list[tuple[Mark, Event]] = []
            for keys, stretch in zip(self._store.keys, stretches, strict=True):
                entries = [entry for entry in stretch if known is None or _mark(entry[0]) <= known]
                marks = [_mark(stream_id) for stream_id, _ in entries]
                found += zip(marks, events_of(keys.partition, entries), strict=True)
            found.sort(key=lambda each: each[0])
            after = known or (found[-1][0] if found else after)
            yield Passage(events=tuple(event for _, event in found), reached=after)
            if known is None:
                return

    async def dead(self, endpoint: EndpointId, after: Mark, until: Mark) -> AsyncIterator[Passage]:
        """What the endpoint was given up on by now, by the time the events were recorded."""
        found: list[tuple[Mark, Keys]] = []
        for keys in self._store.keys:
            marks = map(_mark, await self._store.redis.zrange(keys.dead(endpoint), 0, -1))
            found += [(mark, keys) for mark in marks if after < mark <= until]
        found.sort(key=lambda each: each[0])
        while found:
            last, _ = found[:_STRETCH][-1]
            # Two partitions may have an event each under one mark: who goes on behind it must have had both.
            end = bisect_right(found, last, key=lambda each: each[0])
            page, found = found[:end], found[end:]
            async with self._store.redis.pipeline(transaction=False) as pipe:
                for mark, keys in page:
                    pipe.xrange(keys.log, mark.word, mark.word)
                logged = await pipe.execute()
            events = [
                event
                for (_, keys), entries in zip(page, logged, strict=True)
                for event in events_of(keys.partition, entries)
            ]
            yield Passage(events=tuple(events), reached=last, forgotten=len(page) - len(events))

    async def queue(self, endpoint: EndpointId, deliveries: Sequence[Delivery], *, only_dead: bool) -> Counter[str]:
        """In the order of the log. Each behind what waits for its number; lua/replay.lua lists the answers."""
        by_partition: defaultdict[Partition, list[tuple[str, Delivery]]] = defaultdict(list)
        for delivery in deliveries:
            partition, place = _place(delivery.event)
            by_partition[partition].append((place, delivery))
        answers = await asyncio.gather(
            *(
                self._queue(self._store.keys[partition], endpoint, owed, only_dead=only_dead)
                for partition, owed in by_partition.items()
            )
        )
        return sum(answers, Counter())

    async def _queue(
        self, keys: Keys, endpoint: EndpointId, owed: Iterable[tuple[str, Delivery]], *, only_dead: bool
    ) -> Counter[str]:
        named = [
            keys.next,
            keys.unheard,
            keys.due(endpoint),
            keys.heads(endpoint),
            keys.unheard_by(endpoint),
            keys.dead(endpoint),
            keys.graves(endpoint),
        ]
        arguments: list[str] = [endpoint, "dead" if only_dead else "any"]
        for place, delivery in owed:
            named.append(keys.lane(endpoint, delivery.msisdn))
            arguments += [delivery.msisdn, place, "1" if delivery.is_urgent else "0"]
        return Counter(word.decode() for word in await self._store.commit.call("replay", named, arguments))

    async def _routed(self, until: Mark) -> dict[Partition, Mark]:
        async with self._store.redis.pipeline(transaction=False) as pipe:
            for keys in self._store.keys:
                pipe.get(keys.routed)
            cursors = await pipe.execute()
        return {
            keys.partition: min(until, _mark(cursor) if cursor else BEGINNING)
            for keys, cursor in zip(self._store.keys, cursors, strict=True)
        }


def _mark(stream_id: bytes) -> Mark:
    ms, counter = stream_id.split(b"-")
    return Mark(int(ms), int(counter))


def _place(event: EventId) -> tuple[Partition, str]:
    place = event_place(event)
    if place is None:
        raise ValueError(f"{event} is no event id")
    return place
