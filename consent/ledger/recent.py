"""What happened lately, in all partitions? The event log page by page, newest first.

A page is cut at one place of the whole log, so what is recorded meanwhile moves nothing on the pages behind it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from consent.errors import Refused
from consent.ledger.keys import event_place
from consent.ledger.state import events_of
from consent.ledger.store import Store
from consent.model import Event

MOST_READ = 20_000
"""Entries that one page may cost; where few of them are wanted, it ends early and says where to go on."""
_STRETCH = 200
_WORD = re.compile(r"([0-9]{1,15})-([0-9]{1,19})-([0-9]{1,4})")


class _Place(NamedTuple):
    ms: int
    counter: int
    partition: int

    @property
    def word(self) -> str:
        return f"{self.ms}-{self.counter}-{self.partition}"


_END = _Place(10**15, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentPage:
    events: tuple[Event, ...]
    """Newest first."""
    next: str | None
    """The cursor behind them; None where nothing is older."""


class Recent:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, *, after: str, limit: int, wanted: Callable[[Event], bool]) -> RecentPage:
        """Refused for a cursor that was never handed out."""
        place, read, found = _place(after) if after else _END, 0, list[Event]()
        size = min(_STRETCH, max(2, 2 * limit // self._store.partitions))
        while read < MOST_READ:
            entries, is_last = await self._stretch(place, size)
            for place, event in entries:
                if wanted(event):
                    found.append(event)
                    if len(found) == limit:
                        is_last = is_last and (place, event) == entries[-1]
                        return RecentPage(events=tuple(found), next=None if is_last else place.word)
            if is_last:
                return RecentPage(events=tuple(found), next=None)
            read, size = read + len(entries), min(_STRETCH, 2 * size)
        return RecentPage(events=tuple(found), next=place.word)

    async def _stretch(self, before: _Place, size: int) -> tuple[list[tuple[_Place, Event]], bool]:
        """The next entries, newest first; and whether there are no more."""
        async with self._store.redis.pipeline(transaction=False) as pipe:
            for keys in self._store.keys:
                # Two partitions may have an entry each under one id; then the partition decides which is older.
                bound = f"{before.ms}-{before.counter}"
                pipe.xrevrange(keys.log, bound if keys.partition < before.partition else f"({bound}", "-", count=size)
            stretches = await pipe.execute()
        entries: list[tuple[_Place, Event]] = []
        known = _Place(0, 0, 0)
        for keys, stretch in zip(self._store.keys, stretches, strict=True):
            read = [(_of(event), event) for event in events_of(keys.partition, stretch)]
            entries += read
            if len(read) == size:  # where there may be more, nobody can tell yet what lies behind its last entry
                known = max(known, read[-1][0])
        entries.sort(key=lambda entry: entry[0], reverse=True)
        return [entry for entry in entries if entry[0] >= known], known == _Place(0, 0, 0)


def _of(event: Event) -> _Place:
    found = event_place(event.id)
    assert found is not None  # noqa: S101 - the log named it so
    partition, stream_id = found
    ms, counter = stream_id.split("-")
    return _Place(int(ms), int(counter), partition)


def _place(word: str) -> _Place:
    found = _WORD.fullmatch(word)
    if found is None:
        raise Refused("after: expected the `next` of an earlier answer")
    return _Place(*map(int, found.groups()))
