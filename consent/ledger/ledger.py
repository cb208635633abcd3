"""What is known of each number, and what happened to it: the consent state and the event log.

Changes go through `apply`, one function call in the store (lua/apply.lua); reads go past it and change nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from consent.ledger.keys import SEPARATOR, Keys, consent_field, event_place
from consent.ledger.recording import applied, digest, keys_and_arguments
from consent.ledger.state import (
    events_of,
    origin_number,
    unpack_state,
)
from consent.ledger.store import Store
from consent.ledger.wire import pack
from consent.model import (
    AccountId,
    Applied,
    CampaignId,
    Change,
    ConsentState,
    Duplicate,
    EndpointId,
    Event,
    EventId,
    Millis,
    Msisdn,
    Partition,
    UnixMs,
)
from consent.numbers import recipient

T = TypeVar("T")

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPart:
    """One part of a concatenated text, as the store keeps it until the rest is there."""

    msisdn: Msisdn
    group: str
    """Names the text: source, sender, number, reference, total. The same for all of its parts."""
    identity: str
    number: int
    total: int
    content: str
    """Whatever the holder needs to judge the whole; opaque here."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Kept; its siblings are not all there."""


@dataclass(frozen=True, slots=True)
class Whole:
    """All parts are there (or as many as ever came): the contents, to be joined, judged and applied."""

    group: str
    contents: tuple[str, ...]


def _itself(outcome: Applied) -> Applied:
    return outcome


class Ledger:
    def __init__(self, store: Store) -> None:
        self._store = store

    def apply(self, change: Change) -> "asyncio.Future[Applied]":
        """Record a change once. Done when it is as durable as configured; StoreUnavailable if it may not be."""
        return self.apply_then(change, _itself)

    def apply_then(self, change: Change, then: Callable[[Applied], T]) -> "asyncio.Future[T]":
        """`apply`, and what `then` makes of its outcome: one future for both, as there is one for every webhook."""
        keys = self._store.keys_of(change.msisdn)
        named, arguments = keys_and_arguments(change, keys)
        return self._store.commit.ask("apply", named, arguments, lambda reply: then(applied(reply, keys.partition)))

    async def hold_part(self, part: HeldPart, *, wait: Millis, now: UnixMs) -> Whole | Waiting | Duplicate:
        """Keep a part. `Whole` when it completes the text, and for every repeat until `apply` settles the group."""
        keys = self._store.keys_of(part.msisdn)
        reply = await self._store.commit.call(
            "hold_part",
            (keys.parts(part.group), keys.partials, *keys.seen(part.msisdn, now)),
            (part.group, part.number, digest(part.identity), part.content, part.total, wait),
        )
        match reply:
            case [b"duplicate"]:
                return Duplicate()
            case [b"complete", *contents]:
                return Whole(part.group, tuple(content.decode() for content in contents))
        return Waiting()

    async def overdue_parts(self, partition: Partition, *, limit: int = 100) -> list[Whole]:
        """Texts whose missing parts did not come in time: to be judged by what is there.

        In time by the store's clock, which set the limit: by one that runs ahead, half a STOP would be judged alone.
        """
        keys = self._store.keys[partition]
        now = await self._store.now(partition)
        groups = await self._store.redis.zrange(keys.partials, "-inf", now, byscore=True, offset=0, num=limit)
        whole = []
        for group in groups:
            name = group.decode()
            contents = await self._store.redis.hvals(keys.parts(name))
            whole.append(Whole(name, tuple(content.decode() for content in contents)))
        return whole

    async def state(self, account: AccountId, campaign: CampaignId, msisdn: Msisdn) -> ConsentState | None:
        return (await self.states(account, (campaign,), msisdn))[0]

    async def states(
        self, account: AccountId, campaigns: Sequence[CampaignId], msisdn: Msisdn
    ) -> list[ConsentState | None]:
        """What is known of one number, per campaign; None where it was never seen."""
        if not campaigns:
            return []
        keys = self._store.keys_of(msisdn)
        fields = [consent_field(msisdn, campaign) for campaign in campaigns]
        packed = await self._store.redis.hmget(keys.consent(account, msisdn), fields)
        numbers = [f"#{origin_number(state)}" for state in packed if state is not None]
        texts = dict(zip(numbers, await self._store.redis.hmget(keys.origins, numbers), strict=True)) if numbers else {}
        is_odd = recipient(msisdn).is_odd
        return [
            None
            if state is None
            else unpack_state(state, (texts[f"#{origin_number(state)}"] or b"").decode(), is_odd=is_odd)
            for state in packed
        ]

    async def event(self, event: EventId) -> Event | None:
        place = event_place(event)
        if place is None or place[0] >= self._store.partitions:
            return None
        partition, stream_id = place
        entries = await self._store.redis.xrange(self._store.keys[partition].log, stream_id, stream_id)
        return events_of(partition, entries)[0] if entries else None

    async def history(self, account: AccountId, msisdn: Msisdn, *, limit: int = 100) -> list[Event]:
        """What happened to one number, newest first, as far back as the log is kept. Reads a whole partition."""
        return await self.history_at((account,), msisdn, limit=limit)

    async def history_at(self, accounts: Container[AccountId], msisdn: Msisdn, *, limit: int = 100) -> list[Event]:
        """The same at several accounts, in one pass."""
        keys, number = self._store.keys_of(msisdn), msisdn.encode("utf-8", "surrogatepass")
        found: list[Event] = []
        newest = "+"
        while len(found) < limit:
            entries = await self._store.redis.xrevrange(keys.log, newest, "-", count=_PAGE)
            if not entries:
                break
            telling = [entry for entry in entries if number in entry[1][b"event"]]  # to read all costs 30 times as much
            page = events_of(keys.partition, telling)
            found += [event for event in page if event.msisdn == msisdn and event.account in accounts]
            newest = f"({entries[-1][0].decode()}"
        return found[:limit]

    async def newest(self, limit: int) -> list[Event]:
        """The last events of all partitions, oldest first."""
        events: list[Event] = []
        for keys in self._store.keys:
            events += events_of(keys.partition, await self._store.redis.xrevrange(keys.log, "+", "-", count=limit))
        return sorted(events, key=lambda event: (event.received_at, event.sequence))[-limit:]

    async def follow(self, *, block: Millis) -> AsyncIterator[list[Event]]:
        """Events as they are recorded, from now on; an empty list whenever `block` passed without one."""
        cursors = dict.fromkeys((keys.log for keys in self._store.keys), "$")
        for keys in self._store.keys:
            last = await self._store.redis.xrevrange(keys.log, "+", "-", count=1)
            cursors[keys.log] = last[0][0].decode() if last else "0-0"
        partition_of_log = {keys.log: keys.partition for keys in self._store.keys}
        tail = self._store.tail()
        try:
            while True:
                batch: list[Event] = []
                for log, entries in await tail.read(cursors, count=_PAGE, block=block):
                    cursors[log] = entries[-1][0].decode()
                    batch += events_of(partition_of_log[log], entries)
                yield batch
        finally:
            await tail.close()

    async def trim(self, partition: Partition, older_than: UnixMs) -> int:
        """Forget events older than `older_than`, except what is still owed to somebody. Returns how many went."""
        keys = self._store.keys[partition]
        oldest = await self._store.redis.xrange(keys.log, count=1)
        if not oldest or _ms_of(oldest[0][0]) >= older_than:
            return 0
        keep_from: int = min(older_than, await self._routed_until(keys))
        for endpoint in await self._owed(keys):
            cursor, is_begun = 0, False
            while cursor or not is_begun:
                cursor, heads = await self._store.redis.hscan(keys.heads(endpoint), cursor, count=1000)
                is_begun = True
                # As text: all begin with an event, and for the next centuries all instants have as many digits.
                owed = await self._owed_to(keys, endpoint, [Msisdn(name.decode()) for name in heads])
                keep_from = min(keep_from, _ms_of(min(owed, default=b"%d-" % keep_from)))
        return int(await self._store.redis.xtrim(keys.log, minid=f"{keep_from}-0", approximate=True))

    async def _owed(self, keys: Keys) -> set[EndpointId]:
        """Who is owed something: the head of each lane is due, now or later, or leased. At one moment, for it may go
        from one to the other."""
        due, leased = await self._store.at_one_moment(
            pack(("ZRANGE", keys.next, 0, -1)), pack(("ZRANGE", keys.leased, 0, -1))
        )
        return {EndpointId(name.decode().partition(SEPARATOR)[0]) for name in (*due, *leased)}

    async def _owed_to(self, keys: Keys, endpoint: EndpointId, recipients: Sequence[Msisdn]) -> Iterator[bytes]:
        """Heads and what waits behind them: what was replayed or retried waits behind what is newer. At one moment,
        for what waits becomes the head."""
        if not recipients:
            return iter(())
        heads, *lanes = await self._store.at_one_moment(
            pack(("HMGET", keys.heads(endpoint), *recipients)),
            *(pack(("LRANGE", keys.lane(endpoint, msisdn), 0, -1)) for msisdn in recipients),
        )
        return chain(filter(None, heads), *lanes)

    async def _routed_until(self, keys: Keys) -> int:
        return _ms_of(await self._store.redis.get(keys.routed) or b"0-0")


def _ms_of(place: bytes) -> int:
    """The instant in a log entry's id, or in what begins with one."""
    return int(place.partition(b"-")[0])
