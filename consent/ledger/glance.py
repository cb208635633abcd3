"""Who is owed something, and since when was who not told of an opt-out? For a dashboard, which asks twice a second.

Looks tell the same (queue.py). These are plain reads: a tenth of what a function costs the store, and none of its disk.
"""

from consent.ledger.store import Store
from consent.ledger.wire import pack
from consent.model import EndpointId, UnixMs


class Glance:
    def __init__(self, store: Store) -> None:
        self._reads = store.reads
        self._keys = store.keys

    async def owed(self) -> set[EndpointId]:
        """All who are owed something, registered or not."""
        found = await self._reads.ask([pack(("ZRANGE", keys.next, 0, -1)) for keys in self._keys])
        return {EndpointId(name.decode()) for names in found for name in names}

    async def unheard(self) -> dict[EndpointId, UnixMs]:
        """When the oldest opt-out was recorded that each was not told of, in the store's time; none for who was told of
        all."""
        found = await self._reads.ask([pack(("ZRANGE", keys.unheard, 0, -1)) for keys in self._keys])
        places = [
            (keys, EndpointId(name.decode()))
            for keys, names in zip(self._keys, found, strict=True)
            for name in names  # who has been told of all since is among them for a while
        ]
        if not places:
            return {}
        firsts = await self._reads.ask(
            [pack(("ZRANGE", keys.unheard_by(endpoint), 0, 0, "WITHSCORES")) for keys, endpoint in places]
        )
        oldest: dict[EndpointId, UnixMs] = {}
        for (_, endpoint), first in zip(places, firsts, strict=True):
            if first:
                at = UnixMs(int(first[1]))
                oldest[endpoint] = min(at, oldest.get(endpoint, at))
        return oldest
