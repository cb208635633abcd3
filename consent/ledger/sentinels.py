"""Where is the master that the sentinels watch? Asked before each connection, so that a failover needs no restart."""

from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from consent.errors import StoreUnavailable
from consent.ledger.address import Address, Sentinels

_PATIENCE_S = 1.0
"""With each sentinel: a command may wait for all of them."""


class Master:
    """Satisfies wire.Where."""

    def __init__(self, known: Sentinels) -> None:
        self.known = known
        self.sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py's own
            [(each.host, each.port) for each in known.sentinels],
            sentinel_kwargs={
                **known.sentinels[0].access(),
                "socket_timeout": _PATIENCE_S,
                "socket_connect_timeout": _PATIENCE_S,
                "protocol": 2,
                "retry": Retry(NoBackoff(), retries=0),  # the next one is asked instead
            },
        )
        self._last: Address | None = None

    async def found(self) -> Address:
        try:
            host, port = await self.sentinel.discover_master(self.known.service)
        except RedisError as exc:
            names = ", ".join(each.name for each in self.known.sentinels)
            raise StoreUnavailable(f"no sentinel names a master for {self.known.service} (asked {names})") from exc
        return self.known.master.at(host, int(port))

    async def has_moved(self) -> bool:
        """Since the last time that this was asked."""
        found = await self.found()
        before, self._last = self._last, found
        return before is not None and before != found

    async def close(self) -> None:
        for client in self.sentinel.sentinels:
            await client.aclose()
