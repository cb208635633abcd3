"""Which connection is there for an origin? The one that was used last; idle ones are closed after a while.

There is no limit: the loop limits what is in flight.
"""

import asyncio
import time
from collections import deque

from dispatcher.connection import Connection
from dispatcher.target import Origin


class Pool:
    """Owns every connection, idle or in use, until it is lost."""

    def __init__(self, *, keepalive_seconds: float) -> None:
        self._keepalive = keepalive_seconds
        self._idle: dict[Origin, deque[Connection]] = {}
        """Those that were given back, the last at the right."""
        self._all: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None

    def add(self, connection: Connection) -> None:
        """It is in use from now on."""
        self._all.add(connection)
        if self._emptied is not None:
            connection.close()

    def take(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_open and connection.idle_since + self._keepalive > time.monotonic():
                return connection
            connection.close()
        return None

    def give_back(self, connection: Connection) -> None:
        connection.idle_since = time.monotonic()
        idle = self._idle.get(connection.origin)
        if idle is None:
            idle = self._idle[connection.origin] = deque()
        idle.append(connection)
        if self._sweep is None and self._emptied is None:
            self._sweep_in(self._keepalive)

    def forget(self, connection: Connection) -> None:
        """It is lost."""
        self._all.discard(connection)
        idle = self._idle.get(connection.origin)
        if idle is not None and connection in idle:
            idle.remove(connection)
        if self._emptied is not None and not self._all and not self._emptied.done():
            self._emptied.set_result(None)

    async def close(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        self._emptied = asyncio.get_running_loop().create_future()
        for connection in [*self._all]:
            connection.close()
        if self._all:
            await self._emptied

    def _sweep_in(self, seconds: float) -> None:
        self._sweep = asyncio.get_running_loop().call_later(seconds, self._close_idle)

    def _close_idle(self) -> None:
        """The longest idle are at the left."""
        self._sweep = None
        now = time.monotonic()
        for origin, idle in [*self._idle.items()]:
            while idle and idle[0].idle_since + self._keepalive <= now:
                idle.popleft().close()
            if not idle:
                del self._idle[origin]
        oldest = min((idle[0].idle_since for idle in self._idle.values()), default=None)
        if oldest is not None:
            self._sweep_in(oldest + self._keepalive - now)
