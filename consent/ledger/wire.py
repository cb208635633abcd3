"""How do many commands cross to the store at once? One connection: all out in one write, replies back in order.

redis-py spends more on each command than aiohttp on a whole request (bench/README.md), so the hot path packs commands
with hiredis and reads replies off the socket itself. Everything that is not hot goes through redis-py.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import hiredis

from consent.errors import StoreUnavailable
from consent.ledger.address import Address

Reply = Any
"""What the store answered: bytes, int, None or a list of these; a hiredis.ReplyError in the place of a failure."""


pack: Callable[[tuple[str | bytes | int, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]  # its stub names a tuple of one
"""One command as the bytes to send."""
MULTI, EXEC = pack(("MULTI",)), pack(("EXEC",))
_ASKING = pack(("ASKING",))
_REMEDY = "user, password and database come from store.url"


class Where(Protocol):
    async def found(self) -> Address:
        """Where the server is now; asked before each connection. StoreUnavailable if nobody knows."""
        ...


class StoreRefused(StoreUnavailable):
    """The store answered one command with an error."""

    def __init__(self, reply: object) -> None:
        super().__init__(f"the store refused: {reply}")
        self.reply = str(reply)


class _Replies(asyncio.Protocol):
    """Collects replies until as many have come as commands went out."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._replies: list[Reply] = []
        self._expected = 0
        self._waiter: asyncio.Future[list[Reply]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reader, replies = self._reader, self._replies
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not False:
                replies.append(reply)
        except hiredis.HiredisError as broken:
            self._fail(StoreUnavailable(f"the store answered something that is no RESP: {broken}"))
            self.close()
            return
        if self._waiter is not None and len(replies) >= self._expected:
            waiter, self._waiter, self._replies = self._waiter, None, []
            if not waiter.done():
                waiter.set_result(replies)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(StoreUnavailable(f"the store closed the connection ({exc or 'end of stream'})"))

    def _fail(self, error: StoreUnavailable) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        self._waiter = None

    def exchange(self, packed: bytes, expected: int) -> "asyncio.Future[list[Reply]]":
        if self._transport is None or self._transport.is_closing():
            raise StoreUnavailable("the connection to the store is closed")
        self._waiter = asyncio.get_running_loop().create_future()
        self._expected = expected
        self._transport.write(packed)
        return self._waiter

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Wire:
    """One connection, opened when first needed and again after it broke. Not for concurrent use: commit.py and reads.py
    share one each."""

    def __init__(self, where: Where, *, timeout: float) -> None:
        self._where = where
        self._timeout = timeout
        self._replies: _Replies | None = None

    async def exchange(self, commands: Sequence[bytes]) -> list[Reply]:
        """Send packed commands, return their replies in order. StoreUnavailable when that did not happen in time; then
        any of them may have taken effect."""
        try:
            async with asyncio.timeout(self._timeout):
                replies = await self._connected()
                return await replies.exchange(b"".join(commands), len(commands))
        except TimeoutError:
            self.close()
            raise StoreUnavailable(f"the store did not answer within {self._timeout:g} s") from None
        except OSError as exc:
            raise StoreUnavailable(f"the store cannot be reached: {exc}") from exc
        except asyncio.CancelledError:
            self.close()
            raise

    async def _connected(self) -> _Replies:
        if self._replies is not None and self._replies.is_open:
            return self._replies
        loop = asyncio.get_running_loop()
        address = await self._where.found()
        if address.path:
            _, replies = await loop.create_unix_connection(_Replies, address.path)
        else:
            tls = address.tls.context() if address.tls else None
            _, replies = await loop.create_connection(_Replies, address.host, address.port, ssl=tls)
        self._replies = replies
        greeting = []
        if address.password:
            credentials = (address.username, address.password) if address.username else (address.password,)
            greeting.append(pack(("AUTH", *credentials)))
        if address.database:
            greeting.append(pack(("SELECT", address.database)))
        if greeting:
            for answer in await replies.exchange(b"".join(greeting), len(greeting)):
                if isinstance(answer, hiredis.ReplyError):
                    replies.close()
                    raise StoreUnavailable(f"the store refused the connection: {answer} ({_REMEDY})")
        return replies

    def close(self) -> None:
        if self._replies is not None:
            self._replies.close()
            self._replies = None


class Asking(Wire):
    """To a node of a Cluster that is about to get a slot, and serves its keys to who says so before each command."""

    async def exchange(self, commands: Sequence[bytes]) -> list[Reply]:
        asked: list[bytes] = []
        answers: list[int] = []
        is_open = False
        for command in commands:
            if not is_open:  # within a transaction, what was said before MULTI holds
                asked.append(_ASKING)
            is_open = command == MULTI or (is_open and command != EXEC)
            answers.append(len(asked))
            asked.append(command)
        replies = await super().exchange(asked)
        return [replies[i] for i in answers]
