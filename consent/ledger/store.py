"""What do we stand on? The store of one installation, and whether it keeps what a 2xx would promise.

Which servers those are: topology.py. What is asked of them: safety.py.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consent.errors import Misconfigured, StoreUnavailable, StoreUnsafe
from consent.ledger.address import location_of
from consent.ledger.clients import Client
from consent.ledger.commit import Durability
from consent.ledger.keys import REGISTRY_META, Keys, partition_of
from consent.ledger.safety import Server, inspect, needed_trailer, strictest, unsafe
from consent.ledger.tail import Tail
from consent.ledger.topology import Topology, topology_of
from consent.ledger.wire import EXEC, MULTI, Reply
from consent.model import Msisdn, Partition, UnixMs

__all__ = ["LAYOUT", "Client", "Server", "Store", "inspect", "needed_trailer", "unsafe"]

LAYOUT = "1"
"""Of the keys and values. A store of another layout is refused rather than misread."""


class Store:
    """Three ways in: `commit` for the functions that change things, `reads` for what is asked all the time, `redis` for
    everything else. On a Cluster no command may have keys of different tags, and `redis` knows no transactions."""

    def __init__(self, topology: Topology, *, partitions: int, durability: Durability) -> None:
        self._topology = topology
        self.redis = topology.redis
        self.commit = topology.commit
        self.reads = topology.reads
        self.partitions = partitions
        self.durability = durability
        self._tails: list[Tail] = []
        self.keys = tuple(Keys(Partition(p)) for p in range(partitions))

    def keys_of(self, msisdn: Msisdn) -> Keys:
        return self.keys[partition_of(msisdn, self.partitions)]

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, partitions: int, durability: Durability) -> AsyncIterator["Store"]:
        """Connect lazily: a store that is away makes calls fail, not the start."""
        topology = topology_of(location_of(url), url)
        store = cls(topology, partitions=partitions, durability=durability)
        try:
            yield store
        finally:
            for tail in store._tails:
                await tail.close()
            await topology.close()

    def tail(self) -> Tail:
        """To hear of what is logged. Who needs it no more closes it; if not, the store does in the end."""
        tail = self._topology.tail()
        self._tails.append(tail)
        return tail

    async def at_one_moment(self, *commands: bytes) -> list[Reply]:
        """The replies to packed commands that change nothing, all about keys of one tag, with nothing in between."""
        replies: list[Reply] = (await self.reads.ask([MULTI, *commands, EXEC]))[-1]
        return replies

    async def now(self, partition: Partition) -> UnixMs:
        """By the clock that leases, due times and deadlines of this partition go by."""
        seconds, micros = await (await self._master_of(partition)).time()
        return UnixMs(seconds * 1000 + micros // 1000)

    async def servers(self) -> list[Server]:
        """All that changes go to: one, or each master of a Cluster that answers."""
        return await self._topology.servers()

    async def told(self) -> dict[str, Server | StoreUnavailable]:
        """What each of them says of itself, or why it does not, by its name; a single one has none."""
        return await self._topology.told()

    async def ensure_safe(self) -> Server:
        """Raise StoreUnsafe unless a flush is as durable as promised, Misconfigured if the layout is another one's."""
        servers = await self.servers()
        await self._ensure_layout()
        dangers = dict.fromkeys(danger for server in servers for danger in unsafe(server, self.durability))
        if dangers:
            raise StoreUnsafe("; ".join(dangers))
        may_fail_over = self._topology.may_fail_over
        self.commit.require(
            strictest(needed_trailer(server, self.durability, may_be_replaced=may_fail_over) for server in servers)
        )
        return servers[0]

    async def _master_of(self, partition: Partition) -> Client:
        return await self._topology.master_of(self.keys[partition].log)

    async def _ensure_layout(self) -> None:
        wanted = {"partitions": str(self.partitions), "layout": LAYOUT}
        kept = await self.redis.hgetall(REGISTRY_META)
        if missing := {name: value for name, value in wanted.items() if name.encode() not in kept}:
            for name, value in missing.items():
                await self.redis.hsetnx(REGISTRY_META, name, value)
            kept = await self.redis.hgetall(REGISTRY_META)
        for name, value in wanted.items():
            found = kept.get(name.encode(), value.encode()).decode()  # none, if the store was emptied just now
            if found != value:
                raise Misconfigured(
                    f"store.{name}: this store was laid out with {found}, the configuration says {value}; "
                    f"set it back to {found}, or export and import into an empty store"
                )
