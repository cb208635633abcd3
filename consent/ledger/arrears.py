"""What has not arrived, page by page? Deliveries that wait, are under way, or were given up, by endpoint and partition.

Lanes are read by the store's own scan: what stays owed while somebody turns the pages is on one of them, whatever comes
and goes. The cursor names nobody: where it must say which lane was last, it has a digest of the number.
"""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from consent.errors import Refused
from consent.ledger.backlog import Backlog, Owed, buried
from consent.ledger.keys import Keys, event_id
from consent.ledger.store import Store
from consent.model import EndpointId, Msisdn

STATES = frozenset({"due", "in_flight", "behind", "dead"})
_DEAD = frozenset({"dead"})
_SCAN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrearsPage:
    owed: tuple[Owed, ...]
    """A few more than asked for, maybe: neither what waits for one number is torn apart, nor a step of the scan."""
    next: str | None
    """The cursor behind them; None where there is nothing more."""


class _Place(NamedTuple):
    endpoint: str = ""
    partition: int = 0
    is_dead: bool = False
    scan: int = 0
    """Of the lanes: the store's cursor; of the dead: when the last one was given up, in ms."""
    last: str = ""
    """Of the lanes: a digest of the number; of the dead: the place in the log."""

    @property
    def word(self) -> str:
        return urlsafe_b64encode(json.dumps(self, separators=(",", ":")).encode()).decode().rstrip("=")

    @property
    def step(self) -> tuple[str, int, bool]:
        return self.endpoint, self.partition, self.is_dead


class Arrears:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._redis = store.redis
        self._backlog = Backlog(store)

    async def page(
        self, endpoints: Sequence[EndpointId], *, states: Collection[str] = STATES, after: str, limit: int
    ) -> ArrearsPage:
        """Of these endpoints, in the order of their names. Refused for a cursor that was never handed out."""
        start, found = _place(after) if after else _Place(), list[Owed]()
        for endpoint in sorted(name for name in endpoints if name >= start.endpoint):
            for place in await self._steps(endpoint, states):
                if place.step < start.step:
                    continue
                here: _Place | None = start if place.step == start.step else place
                while here is not None:
                    if len(found) >= limit:
                        return ArrearsPage(owed=tuple(found), next=here.word)
                    more, here = await self._look(here, limit - len(found), states)
                    found += more
        return ArrearsPage(owed=tuple(found), next=None)

    async def _steps(self, endpoint: EndpointId, states: Collection[str]) -> list[_Place]:
        """Where there is anything at all: one trip for the endpoints that are owed nothing, which are most."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for keys in self._store.keys:
                pipe.hlen(keys.heads(endpoint))
                pipe.zcard(keys.dead(endpoint))
            counts = await pipe.execute()
        wanted = (bool(set(states) - _DEAD), "dead" in states)
        return list(_nonempty(endpoint, counts, wanted))

    async def _look(self, here: _Place, limit: int, states: Collection[str]) -> tuple[list[Owed], _Place | None]:
        """What is next in this step, and where the step goes on; None where it is done."""
        if here.is_dead:
            return await self._dead(here, limit)
        return await self._lanes(here, limit, states)

    async def _lanes(self, here: _Place, limit: int, states: Collection[str]) -> tuple[list[Owed], _Place | None]:
        keys, endpoint = self._store.keys[here.partition], EndpointId(here.endpoint)
        scan, heads = await self._redis.hscan(keys.heads(endpoint), here.scan, count=min(limit, _SCAN))
        # Few lanes come in one answer, however many were asked for. A step of a longer scan is not to be torn apart:
        # once lanes have gone, the same step reaches further, to others that were never shown.
        is_all = not here.scan and not int(scan)
        lanes = sorted((_digest(msisdn), msisdn) for msisdn in heads)
        found: list[Owed] = []
        for digest, msisdn in lanes:
            if digest <= here.last:
                continue
            if is_all and len(found) >= limit:
                return found, here
            lane = await self._backlog.lane(keys, endpoint, Msisdn(msisdn.decode()))
            found += [owed for owed in lane if owed.state in states]
            here = here._replace(last=digest)
        return found, here._replace(scan=int(scan), last="") if int(scan) else None

    async def _dead(self, here: _Place, limit: int) -> tuple[list[Owed], _Place | None]:
        """Given up last, first."""
        keys, endpoint = self._store.keys[here.partition], EndpointId(here.endpoint)
        marks = await self._marks(keys, endpoint, here, limit + 1)
        if not marks:
            return [], None
        is_more, marks = len(marks) > limit, marks[:limit]
        graves = await self._redis.hmget(keys.graves(endpoint), [place for _, place in marks])
        found = [
            buried(endpoint, event_id(keys.partition, place), grave)
            for (_, place), grave in zip(marks, graves, strict=True)
        ]
        at, last = marks[-1]
        return found, here._replace(scan=at, last=last) if is_more else None

    async def _marks(self, keys: Keys, endpoint: EndpointId, here: _Place, count: int) -> list[tuple[int, str]]:
        """Those behind the last one; many may have been given up in the same instant."""
        found: list[tuple[int, str]] = []
        skipped, newest = 0, str(here.scan) if here.last else "+inf"
        while len(found) < count:
            batch = await self._redis.zrange(
                keys.dead(endpoint), newest, "-inf", desc=True, byscore=True, offset=skipped, num=count, withscores=True
            )
            marks = [(int(at), place.decode()) for place, at in batch]
            found += [mark for mark in marks if not here.last or mark < (here.scan, here.last)]
            skipped += len(batch)
            if len(batch) < count:
                break
        return found[:count]


def _nonempty(endpoint: EndpointId, counts: Sequence[int], wanted: tuple[bool, bool]) -> Iterator[_Place]:
    for index, count in enumerate(counts):
        is_dead = index % 2 == 1
        if count and wanted[is_dead]:
            yield _Place(endpoint, index // 2, is_dead)


def _digest(msisdn: bytes) -> str:
    return blake2b(msisdn, digest_size=8).hexdigest()


def _place(word: str) -> _Place:
    wrong = Refused("after: expected the `next` of an earlier answer")
    try:
        match json.loads(urlsafe_b64decode(word + "=" * (-len(word) % 4))):
            case [str(endpoint), int(partition), bool(is_dead), int(scan), str(last)] if 0 <= scan < 2**64:
                return _Place(endpoint, partition, is_dead, scan, last)
    except (binascii.Error, ValueError, RecursionError):
        raise wrong from None
    raise wrong
