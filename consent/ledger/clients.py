"""How is redis-py made to speak of an absent store in our own words? One client for each kind of installation.

So that nobody outside the ledger knows of redis-py.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.cluster import ClusterNode, ClusterPipeline, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterError,
    InvalidResponse,
    RedisClusterException,
    ResponseError,
)
from redis.exceptions import ConnectionError as StoreGone
from redis.exceptions import TimeoutError as StoreSilent

from consent.errors import StoreUnavailable
from consent.ledger.address import Address, Cluster
from consent.ledger.keys import REGISTRY_META
from consent.ledger.sentinels import Master

Client = Any
"""redis-py's client. Its hints are unions over every way to decode; ours never decodes, so replies are bytes."""
TIMEOUT_S = 5.0
_MOST_CONNECTIONS = 1024
"""To each node of a Cluster. Opened when needed, and kept."""


_QUESTIONS = frozenset({"INFO", "TIME", "PING", "CONFIG GET"})


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


class _ClusterPipeline(ClusterPipeline):
    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        async with _in_our_words():
            return await super().execute(raise_on_error, allow_redirections)


class _ClusterClient(RedisCluster):
    """Of what has no key, questions go to the master that has the registry."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        async with _in_our_words():
            await self.initialize()
            if args[0] in _QUESTIONS:
                options["target_nodes"] = self.get_node_from_key(REGISTRY_META)
            elif args[0] == "BGREWRITEAOF":
                options["target_nodes"] = self.get_nodes()
            return await super().execute_command(*args, **options)

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> _ClusterPipeline:
        return _ClusterPipeline(self, transaction)  # type: ignore[abstract]  # its base forgot a mere annotation


@asynccontextmanager
async def _in_our_words() -> AsyncIterator[None]:
    """The time limit is ours too: redis-py's goes through asyncio.wait_for, which before Python 3.12 may swallow a
    cancellation, and then a process that is told to stop never does. https://github.com/python/cpython/issues/86296"""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield
    except TimeoutError:
        raise StoreUnavailable(f"the store did not answer within {TIMEOUT_S:g} s") from None
    except (StoreGone, StoreSilent, RedisClusterException, ClusterError) as exc:
        is_known = not isinstance(exc, AuthenticationError) and not isinstance(exc.__cause__, AuthenticationError)
        remedy = "" if is_known else " (user and password come from store.url)"
        raise StoreUnavailable(f"the store cannot be reached: {exc}{remedy}") from exc
    except RuntimeError as exc:
        # uvloop's word for a connection that was reset while nobody used it; redis-py knows OSError alone.
        if "is closed" not in str(exc):
            raise
        raise StoreUnavailable(f"the store cannot be reached: {exc}") from exc
    except InvalidResponse as exc:  # a web server, say
        raise StoreUnavailable(f"the store answered something that is no RESP: {exc}") from exc
    except ResponseError as exc:  # full, read-only, its disk failed, a right is missing
        raise StoreUnavailable(f"the store refused: {exc}") from exc


def client(url: str) -> Client:
    return _Client.from_url(url, **_MANNERS, retry=_retry())


def node_client(node: Address) -> Client:
    return _Client(host=node.host, port=node.port, **node.access(), **_MANNERS, retry=_retry())


def sentinel_client(master: Master) -> Client:
    known = master.known
    return master.sentinel.master_for(
        known.service,
        redis_class=_Client,
        db=known.master.database,
        **known.master.access(),
        **_MANNERS,
        retry=_retry(),
    )


def cluster_client(cluster: Cluster) -> Client:
    return _ClusterClient(
        startup_nodes=[ClusterNode(seed.host, seed.port) for seed in cluster.seeds],
        require_full_coverage=False,
        max_connections=_MOST_CONNECTIONS,
        **cluster.seeds[0].access(),
        **_MANNERS,
        retry=_retry(),
    )


_MANNERS: dict[str, Any] = {
    "socket_connect_timeout": TIMEOUT_S,
    "socket_timeout": None,
    "health_check_interval": 0,
    "protocol": 2,
}


def _retry() -> Retry:
    return Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=2)
