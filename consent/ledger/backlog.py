"""What waits, what died, what was tried? The queue as an operator looks at it. Reads only."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from consent.ledger.keys import BAND_MS, Keys, event_id
from consent.ledger.store import Store
from consent.model import AttemptRecord, EndpointId, EventId, Msisdn, UnixMs

_PAGE = 500


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
            async for name, head in self._store.redis.hscan_iter(keys.heads(endpoint), count=_PAGE):
                found += await self._lane(keys, endpoint, Msisdn(name.decode()), head.decode())
                if len(found) >= limit:
                    return found[:limit]
        return [*found, *await self.dead(endpoint, limit=limit - len(found))]

    async def _lane(self, keys: Keys, endpoint: EndpointId, msisdn: Msisdn, head: str) -> list[Owed]:
        place, attempts, _, token = head.split(" ")
        score = await self._store.redis.zscore(keys.due(endpoint), msisdn)
        behind = await self._store.redis.lrange(keys.lane(endpoint, msisdn), 0, _PAGE)
        due_at = None if score is None else UnixMs(int(score) % BAND_MS)
        first = Owed(
            endpoint=endpoint,
            event=event_id(keys.partition, place),
            msisdn=msisdn,
            state="due" if token == "-" else "in_flight",  # noqa: S105  # the queue's word for "nobody holds it"
            attempts=int(attempts),
            due_at=due_at,
        )
        return [first] + [
            Owed(
                endpoint=endpoint,
                event=event_id(keys.partition, entry.decode().split(" ")[0]),
                msisdn=msisdn,
                state="behind",
                attempts=0,
            )
            for entry in behind
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
            for place, grave in zip(places, await self._store.redis.hmget(keys.graves(endpoint), places), strict=True):
                written = json.loads(grave or b"{}")
                found.append(
                    Owed(
                        endpoint=endpoint,
                        event=event_id(keys.partition, place.decode()),
                        msisdn=Msisdn(written.get("msisdn", "")),
                        state="dead",
                        attempts=written.get("attempts", 0),
                        reason=written.get("reason", ""),
                    )
                )
        return found

    async def depth(self, endpoint: EndpointId) -> Depth:
        async with self._store.redis.pipeline(transaction=False) as pipe:
            for keys in self._store.keys:
                pipe.hlen(keys.heads(endpoint))
                pipe.zcard(keys.due(endpoint))
                pipe.zcard(keys.dead(endpoint))
            counts = await pipe.execute()
        owed, due, dead = sum(counts[::3]), sum(counts[1::3]), sum(counts[2::3])
        return Depth(owed=owed, in_flight=owed - due, dead=dead)

    async def given_up(self, endpoint: EndpointId) -> Counter[str]:
        """How many deliveries died, by the word for the last failure; those that were revived since are counted too."""
        counts: Counter[str] = Counter()
        for keys in self._store.keys:
            found = await self._store.redis.hgetall(keys.given_up(endpoint))
            counts.update({word.decode(): int(count) for word, count in found.items()})
        return counts

    async def attempts(self, event: EventId | None = None, *, limit: int = 100) -> list[Attempt]:
        """The last attempts, newest first; of one event, or of all."""
        found: list[Attempt] = []
        for keys in self._store.keys:
            for stream_id, fields in await self._store.redis.xrevrange(keys.attempts, "+", "-", count=_PAGE * 20):
                attempted = event_id(keys.partition, fields[b"event"].decode())
                if event is not None and attempted != event:
                    continue
                found.append(
                    Attempt(
                        endpoint=EndpointId(fields[b"endpoint"].decode()),
                        event=attempted,
                        msisdn=Msisdn(fields[b"msisdn"].decode()),
                        at=UnixMs(int(stream_id.split(b"-")[0])),
                        record=AttemptRecord(**json.loads(fields[b"record"])),
                    )
                )
        return sorted(found, key=lambda attempt: attempt.at, reverse=True)[:limit]
