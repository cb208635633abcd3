"""What is being tried right now? Attempts of all dispatchers, as they are settled."""

from collections.abc import AsyncIterator, Mapping

from consent.ledger.backlog import Attempt, attempt_of
from consent.ledger.store import Store
from consent.model import Millis

_PAGE = 500


class Trail:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def end(self) -> dict[str, str]:
        """The place behind all that there is now."""
        places: dict[str, str] = {}
        for keys in self._store.keys:
            for name in keys.trails:
                last = await self._store.redis.xrevrange(name, "+", "-", count=1)
                places[name] = last[0][0].decode() if last else "0-0"
        return places

    async def follow(self, after: Mapping[str, str], *, block: Millis) -> AsyncIterator[list[Attempt]]:
        """Those behind a place, oldest first; an empty list whenever `block` passed without one."""
        by_stream, cursors = {name: keys for keys in self._store.keys for name in keys.trails}, dict(after)
        tail = self._store.tail()
        try:
            while True:
                batch: list[Attempt] = []
                for name, entries in await tail.read(cursors, count=_PAGE, block=block):
                    cursors[name] = entries[-1][0].decode()
                    batch += [attempt_of(by_stream[name], stream_id, entry) for stream_id, entry in entries]
                yield sorted(batch, key=lambda attempt: attempt.at)
        finally:
            await tail.close()
