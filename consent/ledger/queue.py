"""What is owed to whom, and who is at it? Deliveries, in lanes of one recipient and one endpoint each.

A delivery's life, each step one function in the store:

                ┌─ its dispatcher has room ─┐
                │                           ▼
    route ─▶ fan_out ─▶ due ─▶ claim ─▶ leased ─▶ settle ─▶ done | due again | dead
                         ▲                 │ (its dispatcher fell silent: reap)
                         └─────────────────┘
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache

import orjson

from consent.ledger.keys import SEPARATOR, Keys, event_id, event_place, log_order, place_in_log
from consent.ledger.schedule import Claimed, Due, Look, Order, Routed, Settled, Stretch, Verdict
from consent.ledger.settling import Settling
from consent.ledger.state import event_of, events_of
from consent.ledger.store import Store
from consent.ledger.tail import Tail
from consent.model import (
    AttemptRecord,
    Delivery,
    EndpointId,
    Event,
    EventId,
    EventType,
    Lease,
    Millis,
    Msisdn,
    Partition,
    UnixMs,
)
from consent.together import all_of

LEASE_MS = Millis(5000)
"""A dead dispatcher's deliveries are due again this long after its last heartbeat. How soon another one finds out:
dispatcher/deliver.py."""
_STRETCH = 256
_HELD, _DUE = "h", "d"
_EXPIRED_PER_LOOK = 64
_HASTENED_AT_ONCE = 500
"""In one step of the store, which serves nobody else meanwhile."""


_claimed_event = lru_cache(maxsize=1024)(event_of)
"""Every endpoint that is told of an event claims it."""


class Queue:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._settling = Settling(store)
        self._tail: Tail | None = None

    # ── routing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def cursors(self) -> dict[Partition, str]:
        """How far each partition's log has been routed."""
        async with self._store.redis.pipeline(transaction=False) as pipe:
            for keys in self._store.keys:
                pipe.get(keys.routed)
            found = await pipe.execute()
        return {k.partition: c.decode() if c else "0-0" for k, c in zip(self._store.keys, found, strict=True)}

    async def has_routed(self, event: EventId) -> bool:
        """Whether a dispatcher has filed it for those who are to be told."""
        place = event_place(event)
        if place is None or place[0] >= self._store.partitions:
            return False
        routed = await self._store.redis.get(self._store.keys[place[0]].routed)
        return routed is not None and log_order(place[1]) <= log_order(routed.decode())

    async def unrouted(self, cursors: Mapping[Partition, str], *, block: Millis) -> list[Stretch]:
        """What was logged past the cursors; waits up to `block` for something, then returns an empty list."""
        places = {self._store.keys[partition].log: cursor for partition, cursor in cursors.items()}
        partition_of_log = {self._store.keys[partition].log: partition for partition in cursors}
        stretches = []
        self._tail = self._tail or self._store.tail()
        for log, entries in await self._tail.read(places, count=_STRETCH, block=block):
            stretches.append(
                Stretch(
                    partition=partition_of_log[log],
                    before=places[log],
                    after=entries[-1][0].decode(),
                    events=tuple(events_of(partition_of_log[log], entries)),
                )
            )
        return stretches

    async def fan_out(
        self, stretch: Stretch, deliveries: Sequence[Delivery], *, hold: Container[int] = (), token: str = ""
    ) -> Routed:
        """Create the deliveries and move the cursor past the stretch, both or neither. Those whose places are in `hold`
        are leased at once, if nothing is ahead of them in their lanes."""
        keys = self._store.keys[stretch.partition]
        named = [keys.routed, keys.next, keys.unheard, keys.leased]
        arguments: list[str | int] = [stretch.before, stretch.after, LEASE_MS, token]
        for place, delivery in enumerate(deliveries):
            named += _lane_keys(keys, delivery.endpoint, delivery.msisdn)
            arguments += (
                delivery.endpoint,
                delivery.msisdn,
                place_in_log(delivery.event),
                _mark(delivery.is_opt_out, delivery.is_listed),
                "1" if place in hold else "0",
            )
        word, told = await self._store.commit.call("fan_out", named, arguments)
        if word == b"moved":  # whoever was first filed them, or holds them
            return Routed(after=told.decode(), due=frozenset(delivery.endpoint for delivery in deliveries))
        became = list(zip(deliveries, told.decode(), strict=True))
        events = {event.id: event for event in stretch.events}
        return Routed(
            after=stretch.after,
            leases=tuple(
                _first_lease(stretch.partition, one, events[one.event], token)
                for one, letter in became
                if letter == _HELD
            ),
            due=frozenset(one.endpoint for one, letter in became if letter == _DUE),
        )

    # ── attempting ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def look(self, partition: Partition) -> Look:
        keys = self._store.keys[partition]
        now, due, expired, first, unheard = await self._store.commit.call(
            "look", (keys.next, keys.leased, keys.unheard), (_EXPIRED_PER_LOOK,)
        )
        return Look(
            partition=partition,
            now=UnixMs(now),
            due={EndpointId(e.decode()): UnixMs(int(at)) for e, at in zip(due[::2], due[1::2], strict=True)},
            expired=tuple(_lease_name(name) for name in expired),
            first_expiry=UnixMs(int(first)) if first else None,
            unheard=tuple(EndpointId(endpoint.decode()) for endpoint in unheard),
        )

    async def oldest_unheard(self, partition: Partition, endpoints: Sequence[EndpointId]) -> dict[EndpointId, UnixMs]:
        """When the oldest opt-out was recorded that each has not been told of; none for who was told of all."""
        keys = self._store.keys[partition]
        named = (keys.unheard, *map(keys.unheard_by, endpoints))
        found = await self._store.commit.call("unheard", named, endpoints)
        return {endpoint: UnixMs(int(at)) for endpoint, at in zip(endpoints, found, strict=True) if at}

    async def claim(
        self,
        partition: Partition,
        wanted: Mapping[EndpointId, int | tuple[int, int]],
        *,
        token: str,
        first: Order = "urgent",
        fresh: Container[EndpointId] = (),
    ) -> Claimed:
        """Lease up to so many due deliveries of each endpoint, opt-outs first; of a pair, the second says how many of
        them may have been tried before. Of those in `fresh`, what was never tried goes before all that was."""
        keys = self._store.keys[partition]
        named = [keys.next, keys.leased, keys.log]
        arguments: list[str | int] = [LEASE_MS, token, first]
        for endpoint, limit in wanted.items():
            count, tried = limit if isinstance(limit, tuple) else (limit, limit)
            named += [keys.due(endpoint), keys.heads(endpoint)]
            arguments += [endpoint, count, tried, "1" if endpoint in fresh else "0"]
        now, due, claimed = await self._store.commit.call("claim", named, arguments)
        leases = []
        for endpoint, msisdn, place, attempts, fields, *marks in claimed:
            stream_id = place.decode()
            leases.append(
                Lease(
                    partition=partition,
                    endpoint=EndpointId(endpoint.decode()),
                    msisdn=Msisdn(msisdn.decode()),
                    event_id=event_id(partition, stream_id),
                    event=_claimed_event(partition, stream_id, fields[1]) if fields else None,
                    attempt=attempts + 1,
                    token=token,
                    is_replay=bool(marks),
                )
            )
        instants = map(_instant, due)
        due_next = {endpoint: Due(next(instants), next(instants)) for endpoint in wanted}
        return Claimed(leases=tuple(leases), now=UnixMs(now), due=due_next)

    async def settle(
        self, lease: Lease, verdict: Verdict, record: AttemptRecord | None, *, wait: Millis, cause: str = "unknown"
    ) -> Settled | None:
        """End a lease: done, dead, or due again after `wait`. None if it was no longer ours, and nothing changed.
        `cause` is the word under which a dead one is counted."""
        attempted = _json(record) if record else ""
        if verdict == "bury":
            grave = {"msisdn": lease.msisdn, "attempts": lease.attempt, "reason": record.error if record else ""}
            following = f"bury {cause} {_json(grave)}"
        else:
            following = "done" if verdict == "done" else f"{verdict} {wait}"
        return await self._settling.end(lease, record=attempted, next=following)

    async def renew(self, leases: Iterable[Lease]) -> None:
        """The heartbeat: these are still being worked on. All in one flush, for one after the other they would take
        longer on a slow disk than a lease is good for; and what one partition's master cannot renew, others do."""
        held: dict[Partition, list[str]] = {}
        for lease in leases:
            held.setdefault(lease.partition, []).append(f"{lease.endpoint}{SEPARATOR}{lease.msisdn}")
        await all_of(
            self._store.commit.call("renew", (self._store.keys[partition].leased,), (LEASE_MS, *names))
            for partition, names in held.items()
        )

    async def reap(self, look: Look) -> int:
        """Give back the leases that a look found expired; those renewed since stay. Returns how many came back."""
        keys = self._store.keys[look.partition]
        named = [keys.leased, keys.next]
        arguments: list[str] = []
        for endpoint, msisdn in look.expired:
            named += [keys.due(endpoint), keys.heads(endpoint)]
            arguments += [endpoint, msisdn]
        return int(await self._store.commit.call("reap", named, arguments))

    # ── steering ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def retry(self, endpoint: EndpointId, event: Event) -> str:
        """Attempt one delivery now, waiting or dead: lua/retry.lua lists the answers."""
        place = event_place(event.id)
        if place is None:
            return "unknown"
        keys = self._store.keys[place[0]]
        reply = await self._store.commit.call(
            "retry",
            (
                keys.next,
                *_lane_keys(keys, endpoint, event.msisdn),
                keys.unheard,
                keys.dead(endpoint),
                keys.graves(endpoint),
            ),
            (
                endpoint,
                event.msisdn,
                place[1],
                _mark(event.type is EventType.OPTED_OUT, event.is_listed),
            ),
        )
        return str(reply.decode())

    async def discard(self, endpoint: EndpointId, events: Iterable[EventId]) -> int:
        """Forget that some deliveries are dead. Returns how many were."""
        places: defaultdict[Partition, list[str]] = defaultdict(list)
        for event in events:
            if (found := event_place(event)) and found[0] < self._store.partitions:
                places[found[0]].append(found[1])
        counts = await all_of(
            self._store.commit.call(
                "discard", (self._store.keys[each].dead(endpoint), self._store.keys[each].graves(endpoint)), there
            )
            for each, there in places.items()
        )
        return sum(counts)

    async def hasten(self, endpoint: EndpointId) -> list[Partition]:
        """The endpoint works again: what waits there for its next attempt is due now. Returns where there is any."""
        counts = await asyncio.gather(*(self._hasten(keys, endpoint) for keys in self._store.keys))
        return [keys.partition for keys, count in zip(self._store.keys, counts, strict=True) if count]

    async def _hasten(self, keys: Keys, endpoint: EndpointId) -> int:
        count, found = 0, _HASTENED_AT_ONCE
        while found >= _HASTENED_AT_ONCE:
            named = (keys.next, keys.due(endpoint))
            found = await self._store.commit.call("hasten", named, (endpoint, _HASTENED_AT_ONCE))
            count += found
        return count

    async def owed_endpoints(self) -> set[EndpointId]:
        """Every endpoint that is owed something, registered or not."""
        found = {name for keys in self._store.keys for name in await self._store.redis.zrange(keys.next, 0, -1)}
        return {EndpointId(name.decode()) for name in found}

    async def purge(self, endpoint: EndpointId, *, removed_at: UnixMs, is_last: bool) -> None:
        """Forget what an endpoint was owed that was removed then, and nothing of what it is owed since it was added
        again: before that, somebody has done so for the last time."""
        for keys in self._store.keys:
            fixed = (
                keys.next,
                keys.leased,
                keys.unheard,
                keys.purged,
                keys.due(endpoint),
                keys.heads(endpoint),
                keys.unheard_by(endpoint),
                keys.dead(endpoint),
                keys.graves(endpoint),
                keys.given_up(endpoint),
            )
            cursor, left = 0, 1
            while left:
                cursor, heads = await self._store.redis.hscan(keys.heads(endpoint), cursor, count=_STRETCH)
                recipients = [Msisdn(name.decode()) for name in heads]
                lanes = [keys.lane(endpoint, msisdn) for msisdn in recipients]
                arguments = (endpoint, removed_at, "1" if is_last else "0", *recipients)
                left = await self._store.commit.call("purge", (*fixed, *lanes), arguments)


def _first_lease(partition: Partition, delivery: Delivery, event: Event, token: str) -> Lease:
    return Lease(
        partition=partition,
        endpoint=delivery.endpoint,
        msisdn=delivery.msisdn,
        event_id=event.id,
        event=event,
        attempt=1,
        token=token,
    )


def _lane_keys(keys: Keys, endpoint: EndpointId, msisdn: Msisdn) -> tuple[str, str, str, str]:
    return keys.due(endpoint), keys.heads(endpoint), keys.lane(endpoint, msisdn), keys.unheard_by(endpoint)


def _mark(is_opt_out: bool, is_listed: bool) -> str:
    """lua/head.lua says what follows from it."""
    return "l" if is_listed else "1" if is_opt_out else "0"


def _instant(at: bytes) -> UnixMs | None:
    return UnixMs(int(at)) if at else None


def _json(value: AttemptRecord | dict[str, object]) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # half of a surrogate pair in an answer, which only the slow one can write
        return json.dumps(value if isinstance(value, dict) else asdict(value))


def _lease_name(name: bytes) -> tuple[EndpointId, Msisdn]:
    endpoint, msisdn = name.decode().split(SEPARATOR, 1)
    return EndpointId(endpoint), Msisdn(msisdn)
