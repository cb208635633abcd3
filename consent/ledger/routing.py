"""Do the dispatchers keep up with what is logged? For whoever logs very much at once.

Whatever goes first among deliveries becomes one only when all is routed that was logged before it. A list that ran far
ahead of the dispatchers would keep a STOP waiting for minutes.
"""

import asyncio
import time

from consent.ledger.queue import Queue
from consent.ledger.store import Store
from consent.model import Partition

_LOOK_EVERY_S = 0.05
_SILENT_S = 1.0
"""Dispatchers that have moved no cursor for so long are not there, or cannot work: nobody waits for them."""


class Routing:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue = Queue(store)
        self._ends: dict[Partition, str] = {}
        self._cursors: dict[Partition, str] = {}
        self._moved_at = time.monotonic()

    async def mark(self) -> None:
        """What is logged by now is what `caught_up` waits for."""
        async with self._store.redis.pipeline(transaction=False) as pipe:
            for keys in self._store.keys:
                pipe.xrevrange(keys.log, count=1)
            found = await pipe.execute()
        self._ends = {
            keys.partition: entries[0][0].decode()
            for keys, entries in zip(self._store.keys, found, strict=True)
            if entries
        }

    async def caught_up(self) -> bool:
        """Waits until all that was marked is routed. False if nobody routes."""
        while True:
            cursors = await self._queue.cursors()
            if all(_order(cursors[partition]) >= _order(end) for partition, end in self._ends.items()):
                return True
            now = time.monotonic()
            if cursors != self._cursors:
                self._cursors, self._moved_at = cursors, now
            elif now - self._moved_at > _SILENT_S:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)


def _order(place: str) -> tuple[int, int]:
    ms, counter = place.split("-")
    return int(ms), int(counter)
