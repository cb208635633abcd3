"""By which connections does one get at the store? One server, the one that sentinels name, or all masters of a Cluster.

Each way in is opened when it is first used: a store that is away makes calls fail, not the start.
"""

import asyncio
from typing import Protocol

from consent.errors import StoreUnavailable
from consent.ledger.address import Address, Cluster, Location, Sentinels
from consent.ledger.clients import TIMEOUT_S, Client, client, cluster_client, node_client, sentinel_client
from consent.ledger.cluster import ClusterCommit
from consent.ledger.cluster_reads import ClusterReads
from consent.ledger.commit import GroupCommit
from consent.ledger.reads import Reads
from consent.ledger.safety import Server, inspect
from consent.ledger.sentinels import Master
from consent.ledger.slots import SlotMap
from consent.ledger.tail import ClusterTail, ServerTail, Tail
from consent.ledger.wire import Where, Wire


class Topology(Protocol):
    @property
    def redis(self) -> Client: ...

    @property
    def commit(self) -> GroupCommit | ClusterCommit: ...

    @property
    def reads(self) -> Reads | ClusterReads: ...

    @property
    def may_fail_over(self) -> bool:
        """Another server may take the place of one without our doing."""
        ...

    async def servers(self) -> list[Server]:
        """Those that changes go to, as they say they are. After a failover, the ways in lead to the new ones."""
        ...

    async def told(self) -> dict[str, Server | StoreUnavailable]:
        """The same by name, where there are several, with those that do not answer."""
        ...

    async def master_of(self, key: str) -> Client:
        """A client of the one server that has the key, for commands that name none."""
        ...

    def tail(self) -> Tail: ...

    async def close(self) -> None: ...


def topology_of(location: Location, url: str) -> Topology:
    match location:
        case Sentinels():
            return WatchedServer(Master(location))
        case Cluster():
            return Masters(location)
    return OneServer(location, client(url))


class OneServer:
    may_fail_over = False

    def __init__(self, where: Where, redis: Client) -> None:
        self.redis = redis
        self.commit = GroupCommit(Wire(where, timeout=TIMEOUT_S), Wire(where, timeout=TIMEOUT_S))
        self.reads = Reads(Wire(where, timeout=TIMEOUT_S))

    async def servers(self) -> list[Server]:
        return [await inspect(self.redis)]

    async def told(self) -> dict[str, Server | StoreUnavailable]:
        return {"": (await self.servers())[0]}

    async def master_of(self, key: str) -> Client:
        return self.redis

    def tail(self) -> Tail:
        return ServerTail(self.redis)

    async def close(self) -> None:
        await self.commit.close()
        await self.reads.close()
        await self.redis.aclose()


class WatchedServer(OneServer):
    """By sentinels. A connection that breaks, or whose server is no master any more, is made again to the new one."""

    may_fail_over = True

    def __init__(self, master: Master) -> None:
        super().__init__(master, sentinel_client(master))
        self._master = master

    async def servers(self) -> list[Server]:
        # Sentinels and we may see different things: a master that they have replaced may still answer us.
        if await self._master.has_moved():
            self.commit.hang_up()
            self.reads.hang_up()
            await self.redis.connection_pool.disconnect()
        return await super().servers()

    async def close(self) -> None:
        await super().close()
        await self._master.close()


class Masters:
    """Of a Cluster."""

    may_fail_over = True

    def __init__(self, cluster: Cluster) -> None:
        self._slots = SlotMap(cluster)
        self._nodes: dict[Address, Client] = {}
        self.redis = cluster_client(cluster)
        self.commit = ClusterCommit(self._slots, timeout=TIMEOUT_S)
        self.reads = ClusterReads(self._slots, timeout=TIMEOUT_S)

    async def servers(self) -> list[Server]:
        """Those that answer: calls of one that does not fail by themselves, and the others' shall not."""
        told = (await self.told()).values()
        servers = [each for each in told if isinstance(each, Server)]
        failures = [each for each in told if isinstance(each, StoreUnavailable)]
        if not servers:
            raise next(iter(failures), StoreUnavailable("the cluster has no masters"))
        return servers

    async def told(self) -> dict[str, Server | StoreUnavailable]:
        await self._slots.renew()
        masters = self._slots.masters
        answers = await asyncio.gather(*map(self._told, masters))
        return {master.name: answer for master, answer in zip(masters, answers, strict=True)}

    async def master_of(self, key: str) -> Client:
        return self._to(await self._slots.found(key))

    def tail(self) -> Tail:
        return ClusterTail(self._slots, timeout=TIMEOUT_S)

    async def close(self) -> None:
        await self.commit.close()
        await self.reads.close()
        await self._slots.close()
        for node in self._nodes.values():
            await node.aclose()
        await self.redis.aclose()

    def _to(self, node: Address) -> Client:
        if node not in self._nodes:
            self._nodes[node] = node_client(node)
        return self._nodes[node]

    async def _told(self, node: Address) -> Server | StoreUnavailable:
        try:
            return await inspect(self._to(node))
        except StoreUnavailable as exc:
            return exc
