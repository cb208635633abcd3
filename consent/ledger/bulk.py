"""How do a million numbers get into the ledger, and out of it again? In batches, and bucket by bucket.

A line of a list is judged as a change is (lua/enlist.lua), but one that says nothing new leaves no event: the same list
may be read twice, and on from where a killed import stopped.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from consent.ledger.keys import CONSENT_BUCKETS, SEPARATOR, Keys, place_among_all
from consent.ledger.state import ACTOR_LETTER, STATUS_LETTER, origin_number, pack_origin, unpack_state
from consent.ledger.store import Store
from consent.ledger.wire import Reply
from consent.model import (
    LIST,
    AccountId,
    Actor,
    CampaignId,
    ConsentState,
    Msisdn,
    Origin,
    SourceId,
    Status,
    UnixMs,
    Via,
)
from consent.numbers import recipient

LINES_A_CALL = 64
"""A millisecond of the server's time: no webhook waits longer for one. And what the server makes for a call and
throws away behind it stays in its cache: where a call had 256, each line took 6 % longer."""
_CALLS_UNDER_WAY = 420
"""Twice what two flushes take (commit.py): when these end, and they end together, the next two are ready to go."""
_CALLS_AT_FIRST = 32
"""The store need not wait until all that may be under way is made: it takes ten times as long for a call as we do."""
_RESTS = (0, 999)
"""How long after its date a line decides: at once, or at the end of the second (consent/ordering.py)."""
_TOLD = -1
"""Neither: the line says it itself, and what else it knows."""
_BUCKETS_A_TRIP = 64
_PAGE = 1000


class Kind(NamedTuple):
    """What many lines of a list have in common."""

    account: AccountId
    campaign: CampaignId
    status: Status
    actor: Actor = Actor.IMPORT
    is_dated: bool = True
    """False: the list names no date, so it says no more than "now, unless you knew"."""
    is_odd: bool = False


class Entry(NamedTuple):
    """What a list says of one number. A tuple: a million frozen dataclasses would take as long as all the rest."""

    kind: Kind
    msisdn: Msisdn
    decides_at: UnixMs
    occurred_at: UnixMs
    since: int | None = None
    """In seconds: since when the state holds, where it was confirmed later than that."""
    opted_in: int | None = None
    """In seconds: when somebody who is out had opted in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What so many lines came to."""

    changed: int = 0
    confirmed: int = 0
    """The status is the same, the line is newer, or says that the recipient herself opted out: an event, no change."""
    unchanged: int = 0
    older: int = 0
    """The ledger knows something newer."""
    kept_out: int = 0
    """Opted in by the list, and opted out by then: kept opted out."""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            changed=self.changed + other.changed,
            confirmed=self.confirmed + other.confirmed,
            unchanged=self.unchanged + other.unchanged,
            older=self.older + other.older,
            kept_out=self.kept_out + other.kept_out,
        )


class Listed(NamedTuple):
    """What the ledger knows of one number in one campaign, as an export reads it."""

    account: AccountId
    campaign: CampaignId
    msisdn: Msisdn
    state: ConsentState


class _Run(NamedTuple):
    """Lines of one kind that decide equally long after their dates, as the store reads them."""

    kind: Kind
    rest: int
    lines: list[str]


class _Part:
    """What one call takes of a bucket: runs in their order."""

    __slots__ = ("count", "last", "runs", "turn")

    def __init__(self, turn: int, kind: Kind, rest: int) -> None:
        self.turn = turn
        self.last = _Run(kind, rest, [])
        self.runs = [self.last]
        self.count = 0


_Stretch = tuple[AccountId, int]
"""Account and partition: what one call may be about."""
_Turn = defaultdict[_Stretch, list[tuple[int, _Part]]]
"""Parts, each with the number of its bucket."""


class Window:
    """Very many entries, by the bucket that each belongs to: a bucket is read once and written once."""

    def __init__(self, store: Store) -> None:
        self._partitions = store.partitions
        self.turns: list[_Turn] = []
        """In their order. No two parts of a turn are of one bucket: calls that are under way together have no order."""
        self._open: defaultdict[AccountId, dict[int, _Part]] = defaultdict(dict)
        """The last part of each bucket, by its place among those of all partitions."""
        self.count = 0

    def add(self, entries: Sequence[Entry]) -> None:
        """What is kept of an entry is its text: a tuple of numbers would be cold by the time it is written out."""
        partitions, open_parts = self._partitions, dict[int, _Part]()
        before: Kind | None = None
        for kind, msisdn, decides_at, occurred_at, since, opted_in in entries:
            rest: int = decides_at - occurred_at
            if since is None and opted_in is None and rest in _RESTS:
                line = f"{msisdn}{SEPARATOR}{occurred_at}{SEPARATOR}"
            else:
                rest = _TOLD
                line = f"{msisdn}{SEPARATOR}{_dates(occurred_at, decides_at, since, opted_in)}{SEPARATOR}"
            if kind is not before:
                before, open_parts = kind, self._open[kind.account]
            place = place_among_all(msisdn, partitions)
            part = open_parts.get(place)
            if part is None or part.count == LINES_A_CALL:
                part = open_parts[place] = self._opened(kind, rest, place, behind=part)
            last = part.last
            if kind is not last.kind or rest != last.rest:
                last = part.last = _Run(kind, rest, [])
                part.runs.append(last)
            last.lines.append(line)
            part.count += 1
        self.count += len(entries)

    def _opened(self, kind: Kind, rest: int, place: int, *, behind: _Part | None) -> _Part:
        part = _Part(behind.turn + 1 if behind else 0, kind, rest)
        if part.turn == len(self.turns):
            self.turns.append(defaultdict(list))
        partition, bucket = divmod(place, CONSENT_BUCKETS)
        self.turns[part.turn][kind.account, partition].append((bucket, part))
        return part


class Bulk:
    def __init__(self, store: Store) -> None:
        self._store = store

    def window(self) -> Window:
        return Window(self._store)

    async def enlist(self, window: Window, *, received_at: UnixMs, rule: str = "") -> Tally:
        """Record what a list says. Returns when all of it is as durable as configured; StoreUnavailable if it may not
        be: then the same window again. Entries about one number are judged in their order; others in any."""
        under_way: deque[asyncio.Future[Reply]] = deque()
        tally = Tally()
        try:
            for turn in window.turns:
                for batch in self._batches(turn, received_at, rule):
                    if len(under_way) == _CALLS_UNDER_WAY:
                        tally += _tally(await under_way.popleft())
                    elif len(under_way) % _CALLS_AT_FIRST == 0:
                        await asyncio.sleep(0)  # what there is goes out
                    under_way.append(self._store.commit.call("enlist", *batch.call()))
                while under_way:
                    tally += _tally(await under_way.popleft())
        finally:
            for call_left in under_way:
                call_left.cancel()
        return tally

    def _batches(self, turn: _Turn, received_at: UnixMs, rule: str) -> "Iterator[_Batch]":
        for account, partition in sorted(turn):
            batch = _Batch(self._store.keys[partition], account, received_at, rule)
            for bucket, part in turn[account, partition]:
                if batch.count + part.count > LINES_A_CALL:
                    yield batch
                    batch = _Batch(self._store.keys[partition], account, received_at, rule)
                batch.add(bucket, part)
            yield batch

    async def listed(self, accounts: Sequence[AccountId]) -> AsyncIterator[list[Listed]]:
        """All that is known, in no order. Each bucket is as it was at one moment, the whole is not: what changes
        meanwhile comes as it was before or as it is after, and in a crowded bucket may come twice."""
        for keys in self._store.keys:
            origins: dict[int, str] = {}
            for account in accounts:
                names = [keys.consent_bucket(account, bucket) for bucket in range(CONSENT_BUCKETS)]
                for first in range(0, len(names), _BUCKETS_A_TRIP):
                    async for fields in self._fields(names[first : first + _BUCKETS_A_TRIP]):
                        await self._learn(keys, fields, origins)
                        yield [_listed(account, field, packed, origins) for field, packed in fields]

    async def _fields(self, names: Sequence[str]) -> AsyncIterator[list[tuple[bytes, bytes]]]:
        cursors = dict.fromkeys(names, 0)
        while cursors:
            async with self._store.redis.pipeline(transaction=False) as pipe:
                for name, cursor in cursors.items():
                    pipe.hscan(name, cursor, count=_PAGE)
                pages = await pipe.execute()
            yield [found for _, page in pages for found in page.items() if found[0] != b"#"]
            cursors = {name: cursor for name, (cursor, _) in zip(cursors, pages, strict=True) if cursor}

    async def _learn(self, keys: Keys, fields: Sequence[tuple[bytes, bytes]], origins: dict[int, str]) -> None:
        if missing := list({origin_number(packed) for _, packed in fields} - origins.keys()):
            texts = await self._store.redis.hmget(keys.origins, [f"#{number}" for number in missing])
            origins.update(zip(missing, (text.decode() for text in texts), strict=True))


class _Batch:
    """One call as it fills up: of one partition and one account."""

    def __init__(self, keys: Keys, account: AccountId, received_at: UnixMs, rule: str) -> None:
        self._keys = keys
        self._account = account
        self._received_at = received_at
        self._origin = pack_origin(_origin(Via.MANAGER, rule))
        self._kept_out = pack_origin(_origin(Via.IMPORTED, rule))
        self._campaigns: dict[CampaignId, int] = {}
        self._kinds: dict[tuple[Kind, int], int] = {}
        self._buckets: list[str] = []
        self._lines: list[str | int] = []
        self.count = 0

    def add(self, bucket: int, part: _Part) -> None:
        self._buckets.append(self._keys.consent_bucket(self._account, bucket))
        self.count += part.count
        self._lines.append(len(part.runs))
        for run in part.runs:
            self._lines += (self._place(run.kind, run.rest), "".join(run.lines))

    def _place(self, kind: Kind, rest: int) -> int:
        return self._kinds.setdefault((kind, rest), len(self._kinds) + 1)

    def call(self) -> tuple[list[str], list[str | int]]:
        kinds = [word for (kind, rest) in self._kinds for word in self._told(kind, rest)]
        optouts = [self._keys.optout(self._account, campaign) for campaign in self._campaigns]
        common = (len(self._campaigns), len(self._kinds), self._origin, self._kept_out, Via.IMPORTED)
        return (
            [self._keys.log, self._keys.origins, *optouts, *self._buckets],
            [*common, *self._campaigns, *kinds, *self._lines],
        )

    def _told(self, kind: Kind, rest: int) -> tuple[str | int, ...]:
        place = self._campaigns.setdefault(kind.campaign, len(self._campaigns) + 1)
        dated = "d" if kind.is_dated else "n"
        around = told_around(kind, self._received_at, self._origin)
        return (STATUS_LETTER[kind.status], ACTOR_LETTER[kind.actor], dated, place, rest, *around)


def told_around(kind: Kind, received_at: UnixMs, origin: str) -> tuple[str, str]:
    """What state.told says of a change, between the number and the date and behind that: made once, and not a million
    times."""
    before = ("", kind.account, ACTOR_LETTER[kind.actor], "o" if kind.is_odd else "", "")
    return SEPARATOR.join(before), SEPARATOR.join(("", str(received_at), origin, ""))


def _dates(occurred_at: UnixMs, decides_at: UnixMs, since: int | None, opted_in: int | None) -> str:
    return f"{occurred_at} {decides_at} {'' if since is None else since} {'' if opted_in is None else opted_in}"


def _origin(via: Via, rule: str) -> Origin:
    return Origin(actor=Actor.IMPORT, via=via, source=SourceId("import"), provider=LIST, rule=rule)


def _tally(reply: Sequence[int]) -> Tally:
    changed, confirmed, unchanged, older, kept_out = reply
    return Tally(changed=changed, confirmed=confirmed, unchanged=unchanged, older=older, kept_out=kept_out)


def _listed(account: AccountId, field: bytes, packed: bytes, origins: dict[int, str]) -> Listed:
    msisdn, _, campaign = field.decode().partition(SEPARATOR)
    state = unpack_state(packed, origins[origin_number(packed)], is_odd=recipient(msisdn).is_odd)
    return Listed(account, CampaignId(campaign), Msisdn(msisdn), state)
