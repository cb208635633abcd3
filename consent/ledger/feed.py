"""What happened since? One account's events from a cursor on, a page at a time, none skipped and none twice.

Of one recipient they come in the order of the log; between recipients by time as far as a page reaches. What other
accounts did, and what came too late to decide anything, is passed over, and the cursor moves past it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import hiredis

from consent.errors import Gone, StoreUnavailable
from consent.ledger.cursor import Place, places_of, word_of
from consent.ledger.keys import SEPARATOR
from consent.ledger.state import event_of
from consent.ledger.store import Store
from consent.ledger.wire import EXEC, MULTI, Reply, pack
from consent.model import AccountId, Event, Partition

_MOST_READ = 5000
"""Entries of the log that one page may cost, whoever they belong to."""
_STRETCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    events: tuple[Event, ...]
    next: str
    """The cursor behind them."""
    has_more: bool
    """There was more of the log to read; it may be other accounts' alone."""


class _Entry(NamedTuple):
    """In the order of time; of one partition, of its log."""

    ms: int
    counter: int
    partition: Partition
    content: bytes


class Feed:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._reads = store.reads

    async def page(self, account: AccountId, *, after: str, limit: int) -> Page:
        """Without a cursor: from the beginning of what is kept. Gone if events behind the cursor were removed."""
        places = dict(enumerate(places_of(after, partitions=self._store.partitions))) if after else {}
        unread = [keys.partition for keys in self._store.keys]
        found: list[Event] = []
        size, left = -(-limit // len(unread)), _MOST_READ
        while unread and left > 0 and len(found) < limit:
            entries, ended = await self._stretches(unread, places, size)
            taken = _taken(entries, account, limit - len(found), places, found)
            behind = {entry.partition for entry in entries[taken:]}
            unread = [partition for partition in unread if partition in behind or partition not in ended]
            left -= len(entries)
            size = min(2 * size, _STRETCH)
        cursor = word_of([places[partition] for partition in range(self._store.partitions)])
        return Page(events=tuple(found), next=cursor, has_more=bool(unread))

    async def end(self) -> str:
        """The cursor behind all that there is now."""
        streams = await self._ask([keys.partition for keys in self._store.keys], {}, 0)
        return word_of([stream.end for stream in streams])

    async def _stretches(
        self, partitions: Sequence[Partition], places: dict[int, Place], size: int
    ) -> tuple[list[_Entry], set[Partition]]:
        """The next entries of each partition, by time, and the partitions that have no more of them."""
        entries: list[_Entry] = []
        ended: set[Partition] = set()
        for partition, stream in zip(partitions, await self._ask(partitions, places, size), strict=True):
            place = places[partition] = stream.checked(places.get(partition))
            new = stream.behind(place)[:size]
            entries += [_entry(partition, entry) for entry in new]
            if len(new) < size:
                ended.add(partition)
        return sorted(entries), ended

    async def _ask(self, partitions: Sequence[Partition], places: dict[int, Place], size: int) -> "list[_Stream]":
        commands = []
        for partition in partitions:
            log, place = self._store.keys[partition].log, places.get(partition, Place())
            # Together, or what is removed between the two could not be told from what was never there.
            commands += [
                MULTI,
                pack(("XINFO", "STREAM", log)),
                pack(("XRANGE", log, place.stream_id, "+", "COUNT", size + 1)),
                EXEC,
            ]
        replies = await self._reads.ask(commands)
        return [_Stream.of(*reply) for reply in replies[3::4]]


class _Stream(NamedTuple):
    added: int
    """How many entries it ever had."""
    length: int
    last: tuple[int, int]
    entries: list[Reply]
    """From the place of the cursor on, where that is still there."""

    @classmethod
    def of(cls, info: Reply, entries: Reply) -> "_Stream":
        if isinstance(info, hiredis.ReplyError):  # nothing was ever logged here
            return cls(0, 0, (0, 0), [])
        told = dict(zip(info[::2], info[1::2], strict=True))
        return cls(told[b"entries-added"], told[b"length"], _id(told[b"last-generated-id"]), entries)

    @property
    def end(self) -> Place:
        return Place(*self.last, self.added)

    def checked(self, place: Place | None) -> Place:
        """The place, if everything behind it is still there; the first there is, for who has none."""
        removed = self.added - self.length
        if place is None:
            return Place(passed=removed)
        if place.passed < removed:
            raise Gone(
                "events behind this cursor were removed when they were older than store.retention: call without "
                "`after` to begin again with what is kept, and ask /v1/consent for what holds now"
            )
        # In a log that an older copy took the place of, other entries have come to where the cursor was.
        if place.passed > removed and not self._holds(place):
            raise Gone("the log behind this cursor was replaced: call without `after` to begin again with what is kept")
        return place

    def behind(self, place: Place) -> list[Reply]:
        return self.entries[1:] if self._holds(place) else self.entries

    def _holds(self, place: Place) -> bool:
        return bool(self.entries) and _id(self.entries[0][0]) == (place.ms, place.counter)


def _taken(
    entries: Sequence[_Entry], account: AccountId, room: int, places: dict[int, Place], found: list[Event]
) -> int:
    """Moves places past entries, oldest first, until `room` events of the account are found. How many it passed."""
    mark = f"{SEPARATOR}{account}{SEPARATOR}".encode()
    for count, (ms, counter, partition, content) in enumerate(entries):
        if room == 0:
            return count
        places[partition] = Place(ms, counter, places[partition].passed + 1)
        if mark not in content:
            continue
        event = _event(partition, f"{ms}-{counter}", content)
        if event.account == account and not event.superseded:
            found.append(event)
            room -= 1
    return len(entries)


def _event(partition: Partition, stream_id: str, content: bytes) -> Event:
    try:
        return event_of(partition, stream_id, content)
    except ValueError as exc:  # during a release: it will be read when this process has been replaced, too
        raise StoreUnavailable("a newer version of the relay recorded an event that this one cannot read") from exc


def _entry(partition: Partition, entry: Reply) -> _Entry:
    stream_id, (_, content) = entry
    return _Entry(*_id(stream_id), partition, content)


def _id(stream_id: bytes) -> tuple[int, int]:
    ms, counter = stream_id.split(b"-")
    return int(ms), int(counter)
