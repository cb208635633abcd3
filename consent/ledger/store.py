"""Which server do we stand on, and may we trust it? Opens every connection, and checks what a 2xx would promise.

`fsync` stands on a server with `appendfsync always`, or on WAITAOF after every flush; `replicated` on WAITAOF with one
replica; `memory` on nothing. A server that evicts or does not persist makes the first two unsafe.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as StoreGone
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as StoreSilent

from consent.errors import Misconfigured, StoreUnavailable, StoreUnsafe
from consent.ledger.commit import Durability, GroupCommit
from consent.ledger.keys import REGISTRY_META, Keys, partition_of
from consent.ledger.reads import Reads
from consent.ledger.wire import Address, Wire
from consent.model import Msisdn, Partition

Client = Any
"""redis-py's client. Its hints are unions over every way to decode; ours never decodes, so replies are bytes."""
LAYOUT = "1"
"""Of the keys and values. A store of another layout is refused rather than misread."""
_MIN_VERSION = (7, 0)
_WAITAOF_VERSION = (7, 2)
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What `doctor` tells of the server, and what safety is judged by."""

    name: str
    version: str
    redis_version: str
    """Whose commands it speaks: every Valkey says 7.2.4, the last Redis before they parted."""
    appendonly: bool
    appendfsync: str
    maxmemory: int
    maxmemory_policy: str
    is_loading: bool
    aof_failing: bool
    replicas: int

    @property
    def speaks(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.redis_version.split(".")[:2])


class Store:
    """One server, three ways in: `commit` for the functions that change things, `reads` for what is asked all the time,
    `redis` for everything else."""

    def __init__(
        self, redis: Client, commit: GroupCommit, reads: Reads, *, partitions: int, durability: Durability
    ) -> None:
        self.redis = redis
        self.commit = commit
        self.reads = reads
        self.partitions = partitions
        self.durability = durability
        self.keys = tuple(Keys(Partition(p)) for p in range(partitions))

    def keys_of(self, msisdn: Msisdn) -> Keys:
        return self.keys[partition_of(msisdn, self.partitions)]

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, partitions: int, durability: Durability) -> AsyncIterator["Store"]:
        """Connect lazily: a store that is away makes calls fail, not the start."""
        address = Address.of(url)
        commit = GroupCommit(Wire(address, timeout=_TIMEOUT_S), Wire(address, timeout=_TIMEOUT_S))
        reads = Reads(Wire(address, timeout=_TIMEOUT_S))
        redis = client(url)
        store = cls(redis, commit, reads, partitions=partitions, durability=durability)
        try:
            yield store
        finally:
            await store.commit.close()
            await store.reads.close()
            await redis.aclose()

    async def ensure_safe(self) -> Server:
        """Raise StoreUnsafe unless a flush is as durable as promised, Misconfigured if the layout is another one's."""
        server = await inspect(self.redis)
        await self._ensure_layout()
        dangers = unsafe(server, self.durability)
        if dangers:
            raise StoreUnsafe("; ".join(dangers))
        self.commit.require(needed_trailer(server, self.durability))
        return server

    async def _ensure_layout(self) -> None:
        wanted = {"partitions": str(self.partitions), "layout": LAYOUT}
        for name, value in wanted.items():
            await self.redis.hsetnx(REGISTRY_META, name, value)
        kept = await self.redis.hgetall(REGISTRY_META)
        for name, value in wanted.items():
            if (found := kept[name.encode()].decode()) != value:
                raise Misconfigured(
                    f"store.{name}: this store was laid out with {found}, the configuration says {value}; "
                    f"set it back to {found}, or export and import into an empty store"
                )


class _Pipeline(Pipeline):
    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        async with _in_our_words():
            return await super().execute(raise_on_error)


class _Client(Redis):
    """Speaks of an absent store in our own words, so that nobody outside the ledger knows of redis-py."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        async with _in_our_words():
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py's own

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> _Pipeline:
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


@asynccontextmanager
async def _in_our_words() -> AsyncIterator[None]:
    """The time limit is ours too: redis-py's goes through asyncio.wait_for, which before Python 3.12 may swallow a
    cancellation, and then a process that is told to stop never does. https://github.com/python/cpython/issues/86296"""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            yield
    except TimeoutError:
        raise StoreUnavailable(f"the store did not answer within {_TIMEOUT_S:g} s") from None
    except (StoreGone, StoreSilent) as exc:
        raise StoreUnavailable(f"the store cannot be reached: {exc}") from exc
    except RuntimeError as exc:
        # uvloop's word for a connection that was reset while nobody used it; redis-py knows OSError alone.
        if "is closed" not in str(exc):
            raise
        raise StoreUnavailable(f"the store cannot be reached: {exc}") from exc
    except ResponseError as exc:  # full, read-only, its disk failed, a right is missing
        raise StoreUnavailable(f"the store refused: {exc}") from exc


def client(url: str) -> Client:
    return _Client.from_url(
        url,
        socket_connect_timeout=_TIMEOUT_S,
        socket_timeout=None,
        health_check_interval=0,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=2),
        protocol=2,
    )


async def inspect(redis: Client) -> Server:
    info = await redis.info()
    return Server(
        name=str(info.get("server_name", "redis")),
        version=str(info.get("valkey_version") or info.get("redis_version", "0.0")),
        redis_version=str(info.get("redis_version", "0.0")),
        appendonly=bool(info.get("aof_enabled", 0)),
        appendfsync=await _setting(redis, "appendfsync"),
        maxmemory=int(info.get("maxmemory", 0)),
        maxmemory_policy=str(info.get("maxmemory_policy", "noeviction")),
        is_loading=bool(info.get("loading", 0)),
        aof_failing=info.get("aof_last_write_status", "ok") != "ok",
        replicas=int(info.get("connected_slaves", 0)),
    )


async def _setting(redis: Client, name: str) -> str:
    try:
        return str((await redis.config_get(name)).get(name, ""))
    except StoreUnavailable as exc:
        if isinstance(exc.__cause__, ResponseError):  # managed services forbid CONFIG
            return ""
        raise


def unsafe(server: Server, durability: Durability) -> list[str]:
    """Why a 2xx would promise too much; empty when it would not. Each with its remedy."""
    reasons = []
    if server.speaks < _MIN_VERSION:
        reasons.append(f"{server.name} {server.version} has no Functions: use Redis 7.0, Valkey 7.2 or newer")
    if server.is_loading:
        reasons.append("the server is still loading its data: wait")
    if durability == "memory":
        return reasons
    if server.maxmemory and server.maxmemory_policy != "noeviction":
        reasons.append(f"it may evict consent (maxmemory-policy {server.maxmemory_policy}): set noeviction")
    if not server.appendonly:
        reasons.append('it does not persist (appendonly no): set appendonly yes, or store.durability = "memory"')
    elif server.aof_failing:
        reasons.append("its last write to the append-only file failed: look at the disk")
    if server.appendfsync != "always" and server.speaks < _WAITAOF_VERSION:
        reasons.append("it neither fsyncs always nor has WAITAOF: set appendfsync always")
    if durability == "replicated" and server.speaks < _WAITAOF_VERSION:
        reasons.append(f"{server.name} {server.version} has no WAITAOF, which replicated durability needs")
    if durability == "replicated" and not server.replicas:
        reasons.append('it has no replica connected, which store.durability = "replicated" needs')
    return reasons


def needed_trailer(server: Server, durability: Durability) -> tuple[int, int] | None:
    if durability == "replicated":
        return (1, 1)
    if durability == "fsync" and server.appendfsync != "always":
        return (1, 0)
    return None
