"""How much is each endpoint owed? For who asks about all of them every few seconds: one short trip an endpoint."""

from collections.abc import Iterable

from consent.ledger.backlog import Depth
from consent.ledger.store import Store
from consent.ledger.wire import pack
from consent.model import EndpointId


class Depths:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, endpoints: Iterable[EndpointId]) -> dict[EndpointId, Depth]:
        """One after the other, so that nobody else waits long behind them."""
        return {endpoint: await self._depth(endpoint) for endpoint in endpoints}

    async def _depth(self, endpoint: EndpointId) -> Depth:
        heads = [pack(("HLEN", keys.heads(endpoint))) for keys in self._store.keys]
        due = [pack(("ZCARD", keys.due(endpoint))) for keys in self._store.keys]
        dead = [pack(("ZCARD", keys.dead(endpoint))) for keys in self._store.keys]
        counts = await self._store.reads.ask([*heads, *due, *dead])
        partitions = self._store.partitions
        owed, waiting = sum(counts[:partitions]), sum(counts[partitions : 2 * partitions])
        # Two counts at slightly different times: a delivery may just have been given back.
        return Depth(owed=owed, in_flight=max(owed - waiting, 0), dead=sum(counts[2 * partitions :]))
