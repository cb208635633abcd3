"""May we trust this server? What it says of itself, and what would break the promise of a 2xx.

`fsync` stands on a server with `appendfsync always`, or on WAITAOF after every flush; `replicated` on WAITAOF with one
replica; `memory` on nothing. A server that evicts or does not persist makes the first two unsafe.

Who is told `CONFIG SET appendonly yes` says at once that it is on; but until the first file is written from what is in
memory, what it appends belongs to no file that a restart would read. It looks like any other rewrite from here, so
during a rewrite WAITAOF is asked, which knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from redis.exceptions import ResponseError

from consent.errors import StoreUnavailable
from consent.ledger.clients import Client
from consent.ledger.commit import Durability
from consent.model import UnixMs

_MIN_VERSION = (7, 0)
_WAITAOF_VERSION = (7, 2)


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
    aof_rewriting: bool
    """Or about to, or the last time in vain."""
    replicas: int
    clock: UnixMs | None = None
    """What time it is there; None where it does not tell."""
    used_memory: int = field(default=0, compare=False)
    most_memory: int = 0
    """What it may use: `maxmemory`, or else all that its machine has; 0 where it does not tell."""

    @property
    def speaks(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.redis_version.split(".")[:2])


async def inspect(redis: Client) -> Server:
    """Through a Cluster's client: the master that has the registry."""
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
        aof_rewriting=bool(info.get("aof_rewrite_in_progress", 0) or info.get("aof_rewrite_scheduled", 0))
        or info.get("aof_last_bgrewrite_status", "ok") != "ok",
        replicas=int(info.get("connected_slaves", 0)),
        clock=UnixMs(int(told) // 1000) if (told := info.get("server_time_usec")) else None,
        used_memory=int(info.get("used_memory", 0)),
        most_memory=int(info.get("maxmemory", 0)) or int(info.get("total_system_memory", 0)),
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


def needed_trailer(server: Server, durability: Durability, *, may_be_replaced: bool = False) -> tuple[int, int] | None:
    """How many disks and replicas each flush must wait for. Where another server may take this one's place between two
    looks, or it rewrites its file, its settings are not relied upon."""
    if durability == "replicated":
        return (1, 1)
    is_in_doubt = (may_be_replaced or server.aof_rewriting) and server.speaks >= _WAITAOF_VERSION
    trusts_settings = server.appendfsync == "always" and not is_in_doubt
    if durability == "fsync" and not trusts_settings:
        return (1, 0)
    return None


def strictest(trailers: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    return max((trailer for trailer in trailers if trailer is not None), default=None)
