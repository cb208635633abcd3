"""What waits, what died, what was tried? The queue as an operator looks at it. Reads only."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Literal

from consent.ledger.keys import BAND_MS, CLOCK_SKEW_MS, Keys, event_id, event_place, log_order
from consent.ledger.store import Store
from consent.ledger.tail import entries_of
from consent.ledger.wire import Reply, pack
from consent.model import AttemptRecord, EndpointId, EventId, Msisdn, Opening, UnixMs

_PAGE = 500
_REPLAYED = frozenset({"R", "r"})
"""The marks that lua/head.lua gives to a replay; another sign may follow."""
_KNOWN = frozenset(field.name for field in fields(AttemptRecord))


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """One delivery that has not arrived."""

    endpoint: EndpointId
    event: EventId
    msisdn: Msisdn
    state: Literal["due", "in_flight", "behind", "dead"]
    """behind: an earlier one for the same number goes first."""
    attempts: int
    due_at: UnixMs | None = None
    reason: str = ""
    is_replay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    endpoint: EndpointId
    event: EventId
    msisdn: Msisdn
    at: UnixMs
    record: AttemptRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How much one endpoint is owed. Counts of recipients, not of what waits behind their first."""

    owed: int
    in_flight: int
    dead: int


class Backlog:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def owed(self, endpoint: EndpointId, *, limit: int = 100) -> list[Owed]:
        """What an endpoint is owed, dead ones last."""
        found: list[Owed] = []
        for keys in self._store.keys:
            async for name, _ in self._store.redis.hscan_iter(keys.heads(endpoint), count=_PAGE):
                found += await self.lane(keys, endpoint, Msisdn(name.decode()))
                if len(found) >= limit:
                    return found[:limit]
        return [*found, *await self.dead(endpoint, limit=limit - len(found))]

    async def one(self, endpoint: EndpointId, event: EventId, msisdn: Msisdn) -> Owed | None:
        """What has become of one delivery, unless it arrived or never was: without reading all others."""
        keys = self._store.keys_of(msisdn)
        lane = await self.lane(keys, endpoint, msisdn)
        if waiting := next((owed for owed in lane if owed.event == event), None):
            return waiting
        place = event_place(event)
        if place is None or await self._store.redis.zscore(keys.dead(endpoint), place[1]) is None:
            return None
        return buried(endpoint, event, await self._store.redis.hget(keys.graves(endpoint), place[1]))

    async def lane(self, keys: Keys, endpoint: EndpointId, msisdn: Msisdn) -> list[Owed]:
        """All that one endpoint is owed about one number: its head, and what waits behind it. At one moment, for what
        waits becomes the head."""
        head, score, behind = await self._store.at_one_moment(
            pack(("HGET", keys.heads(endpoint), msisdn)),
            pack(("ZSCORE", keys.due(endpoint), msisdn)),
            pack(("LRANGE", keys.lane(endpoint, msisdn), 0, -1)),
        )
        if head is None:
            return []
        place, attempts, mark, token = head.decode().split(" ")
        due_at = None if score is None else UnixMs(int(score) % BAND_MS)
        first = Owed(
            endpoint=endpoint,
            event=event_id(keys.partition, place),
            msisdn=msisdn,
            state="due" if token == "-" else "in_flight",  # noqa: S105  # the queue's word for "nobody holds it"
            attempts=int(attempts),
            due_at=due_at,
            is_replay=mark[0] in _REPLAYED,
        )
        waiting = [entry.decode().split(" ") for entry in behind]
        return [first] + [
            Owed(
                endpoint=endpoint,
                event=event_id(keys.partition, place),
                msisdn=msisdn,
                state="behind",
                attempts=0,
                is_replay=mark in _REPLAYED,
            )
            for place, mark in waiting
        ]

    async def dead(self, endpoint: EndpointId, *, limit: int = 100) -> list[Owed]:
        """Given up, newest first in each partition."""
        found: list[Owed] = []
        for keys in self._store.keys:
            if len(found) >= limit:
                break
            places = await self._store.redis.zrange(keys.dead(endpoint), 0, limit - len(found) - 1, desc=True)
            if not places:
                continue
            graves = await self._store.redis.hmget(keys.graves(endpoint), places)
            found += [
                buried(endpoint, event_id(keys.partition, place.decode()), grave)
                for place, grave in zip(places, graves, strict=True)
            ]
        return found

    async def dead_in_order(self, endpoint: EndpointId) -> list[EventId]:
        """Given up, of each number the oldest first, whenever that was given up."""
        found: list[EventId] = []
        for keys in self._store.keys:
            places = [place.decode() for place in await self._store.redis.zrange(keys.dead(endpoint), 0, -1)]
            found += [event_id(keys.partition, place) for place in sorted(places, key=log_order)]
        return found

    async def depths(self, endpoints: Iterable[EndpointId]) -> dict[EndpointId, Depth]:
        """One after the other, so that nobody else waits long behind them."""
        return {endpoint: await self.depth(endpoint) for endpoint in endpoints}

    async def depth(self, endpoint: EndpointId) -> Depth:
        """In one short trip, for some ask every few seconds."""
        heads = [pack(("HLEN", keys.heads(endpoint))) for keys in self._store.keys]
        due = [pack(("ZCARD", keys.due(endpoint))) for keys in self._store.keys]
        dead = [pack(("ZCARD", keys.dead(endpoint))) for keys in self._store.keys]
        counts = await self._store.reads.ask([*heads, *due, *dead])
        partitions = self._store.partitions
        owed, waiting = sum(counts[:partitions]), sum(counts[partitions : 2 * partitions])
        # Two counts at slightly different times: a delivery may just have been given back.
        return Depth(owed=owed, in_flight=max(owed - waiting, 0), dead=sum(counts[2 * partitions :]))

    async def given_up(self, endpoint: EndpointId) -> Counter[str]:
        """How many deliveries died, by the word for the last failure; those that were revived since are counted too."""
        async with self._store.redis.pipeline(transaction=False) as pipe:
            for keys in self._store.keys:
                pipe.hgetall(keys.given_up(endpoint))
            tables = await pipe.execute()
        counts: Counter[str] = Counter()
        for found in tables:
            counts.update({word.decode(): int(count) for word, count in found.items()})
        return counts

    async def attempts(self, *, of_each: int, only_failed: bool = False) -> list[Attempt]:
        """The last ones, newest first: so many of each partition."""
        named = [[keys.failures] if only_failed else keys.trails for keys in self._store.keys]
        trails = iter(
            await self._store.reads.ask(
                [pack(("XREVRANGE", name, "+", "-", "COUNT", of_each)) for names in named for name in names]
            )
        )
        found: list[Attempt] = []
        for keys, names in zip(self._store.keys, named, strict=True):
            found += _newest_first(keys, list(islice(trails, len(names))))[:of_each]
        return sorted(found, key=lambda attempt: attempt.at, reverse=True)

    async def attempts_on(self, event: EventId) -> list[Attempt]:
        """Those of one event that are still on record, newest first."""
        place = event_place(event)
        if place is None or place[0] >= self._store.partitions:
            return []
        keys, recorded_at = self._store.keys[place[0]], int(place[1].partition("-")[0])
        since = max(recorded_at - CLOCK_SKEW_MS, 0)  # a replica that took over may have a slower clock
        trails = await self._store.reads.ask([pack(("XREVRANGE", name, "+", since)) for name in keys.trails])
        return _newest_first(keys, trails, of=place[1])


def _newest_first(keys: Keys, trails: Sequence[Reply], of: str | None = None) -> list[Attempt]:
    """Of one partition, and of one event if it is named by its place there."""
    wanted = of.encode() if of else None
    found = [
        attempt_of(keys, stream_id, entry)
        for trail in trails
        for stream_id, entry in entries_of(trail)
        if wanted in (None, entry[b"event"])
    ]
    return sorted(found, key=lambda attempt: attempt.at, reverse=True)


def buried(endpoint: EndpointId, event: EventId, grave: bytes | None) -> Owed:
    written = json.loads(grave or b"{}")
    return Owed(
        endpoint=endpoint,
        event=event,
        msisdn=Msisdn(written.get("msisdn", "")),
        state="dead",
        attempts=written.get("attempts", 0),
        reason=written.get("reason", ""),
    )


def attempt_of(keys: Keys, stream_id: bytes, entry: Mapping[bytes, bytes]) -> Attempt:
    return Attempt(
        endpoint=EndpointId(entry[b"endpoint"].decode()),
        event=event_id(keys.partition, entry[b"event"].decode()),
        msisdn=Msisdn(entry[b"msisdn"].decode()),
        at=UnixMs(int(stream_id.split(b"-")[0])),
        record=_record(entry[b"record"]),
    )


def _record(written: bytes) -> AttemptRecord:
    """A newer dispatcher may have written more than we know of, an older one less."""
    told = {name: content for name, content in json.loads(written).items() if name in _KNOWN}
    if opening := told.get("opening"):
        told["opening"] = Opening(**opening)
    return AttemptRecord(**told)
