"""Who takes a connection? We, as long as plain posts come over it; aiohttp, from the first byte that is anything else.

A connection starts here. `plain.read` either understands what arrived, whole, and then it is answered here; or the
transport is handed to aiohttp's protocol together with the untouched bytes, for good. Only asyncio's public ways are
used: aiohttp is handed a new connection that happens to have data already. Why: aiohttp's request and response objects
cost more than all that we do with a webhook (bench/README.md, docs/adr/0006-plain-posts.md).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from config.probes import KEEP_ALIVE_S, Handler, binding, server_of
from consent.errors import ConsentError
from receiver import plain
from receiver.answers import serialised
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound


class Taker(Protocol):
    """Takes what plain posts bring."""

    def take(self, token: str, inbound: Inbound) -> "asyncio.Future[Reply]":
        """What to tell the provider. May raise a ConsentError, at once or later."""
        ...

    def refuse(self, token: str, error: ConsentError, *, ms: int) -> Reply:
        """What to tell the provider instead, after so long."""
        ...

    def broke(self) -> None:
        """It was none of that: a fault of ours."""
        ...


log = structlog.get_logger()

_BROKEN = Reply(status=500)
_SWEEP_S = 15.0
_MOST_WAITING = 256 * 1024
"""Bytes of further requests, sent before the answer to the first: then reading pauses."""


class Door:
    """All connections that have brought nothing but plain posts so far."""

    def __init__(self, taker: Taker, others: Callable[[], asyncio.Protocol], *, max_body: int) -> None:
        self.taker = taker
        self.others = others
        self.max_body = max_body
        self.is_closing = False
        self.connections: set[Connection] = set()
        self.under_way: set[asyncio.Future[Reply]] = set()

    async def close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_S)
            for connection in [*self.connections]:
                connection.close_if_silent(since=loop.time() - KEEP_ALIVE_S)

    async def drain(self, grace: float) -> None:
        """Close what is idle, let what is under way be answered."""
        self.is_closing = True
        for connection in [*self.connections]:
            connection.close_if_silent(since=float("inf"))
        if self.under_way:
            _, late = await asyncio.wait(self.under_way, timeout=grace)
            for answering in late:
                answering.cancel()
            await asyncio.sleep(0)  # they are told in the loop's next turn
        for connection in [*self.connections]:
            connection.close_if_silent(since=float("inf"))


class Connection(asyncio.Protocol):
    def __init__(self, door: Door) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._last_heard = self._loop.time()
        self._is_stuck = False
        self._token = ""
        self.answering: asyncio.Future[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a TCP server, so it reads and writes
        if self._door.is_closing:  # accepted just before the port was closed
            transport.close()
            return
        self._door.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._door.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        if self.answering is None and not self._is_stuck:
            self._next()
        elif len(self._data) > _MOST_WAITING and self._transport is not None:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """It does not take its answers: then it gets no more of them."""
        self._is_stuck = True

    def resume_writing(self) -> None:
        self._is_stuck = False
        if self.answering is None and self._data:
            self._next()

    def close_if_silent(self, *, since: float) -> None:
        if self.answering is None and self._last_heard < since and self._transport is not None:
            self._transport.close()

    def _next(self) -> None:
        found = plain.read(self._data)
        if found is None or len(found[1].body) > self._door.max_body:
            self._hand_over()
            return
        self._token, inbound, end = found
        self._data = self._data[end:]
        self._last_heard = self._loop.time()
        self.answering = answering = self._begin(inbound)
        self._door.under_way.add(answering)
        answering.add_done_callback(self._answer)
        if self._transport is not None and len(self._data) <= _MOST_WAITING:
            self._transport.resume_reading()

    def _begin(self, inbound: Inbound) -> "asyncio.Future[Reply]":
        try:
            return self._door.taker.take(self._token, inbound)
        except Exception as exc:  # noqa: BLE001 - told apart where it is answered, like one that comes later
            failed: asyncio.Future[Reply] = self._loop.create_future()
            failed.set_exception(exc)
            return failed

    def _answer(self, answering: "asyncio.Future[Reply]") -> None:
        self._door.under_way.discard(answering)
        self.answering = None
        if answering.cancelled():  # the grace is over, or somebody else's wait was cancelled with ours
            if self._transport is not None:
                self._transport.abort()
            return
        reply = self._reply(answering)
        transport = self._transport
        if transport is None:  # it hung up; what it reported is recorded, and it will send it again
            return
        transport.write(serialised(reply, closing=self._door.is_closing))
        if self._door.is_closing:
            transport.close()
            return
        self._last_heard = self._loop.time()
        if self._data and not self._is_stuck:
            self._next()

    def _reply(self, answering: "asyncio.Future[Reply]") -> Reply:
        try:
            return answering.result()
        except ConsentError as error:
            ms = round((self._loop.time() - self._last_heard) * 1000)
            return self._door.taker.refuse(self._token, error, ms=ms)
        except Exception:  # whatever it was, the provider must hear of it, and send it again
            log.exception("webhook.broke")
            self._door.taker.broke()
            return _BROKEN

    def _hand_over(self) -> None:
        transport, data = self._transport, self._data
        if transport is None:
            return
        self._door.connections.discard(self)
        self._transport, self._data = None, b""
        transport.resume_reading()
        other = self._door.others()
        transport.set_protocol(other)
        other.connection_made(transport)
        other.data_received(data)


@asynccontextmanager
async def open_door(
    taker: Taker,
    handler: Handler,
    host: str,
    port: int,
    *,
    max_body: int,
    grace: float = 5.0,
    is_shared: bool = False,
) -> AsyncIterator[int]:
    """Serve plain posts by `taker`, all else by `handler`. Yields the port. On the way out: stop accepting, let
    requests under way be answered within `grace` seconds, close. A port that is shared has other workers at it, among
    whom the system distributes connections; any other is ours alone, or an error."""
    loop = asyncio.get_running_loop()
    server = server_of(handler, max_body=max_body)
    door = Door(taker, server, max_body=max_body)
    with binding(host, port):
        listener = await loop.create_server(lambda: Connection(door), host, port, backlog=1024, reuse_port=is_shared)
    sweeping = loop.create_task(door.close_idle())
    try:
        yield int(listener.sockets[0].getsockname()[1])
    finally:
        listener.close()
        sweeping.cancel()
        server.pre_shutdown()
        await asyncio.gather(door.drain(grace), server.shutdown(grace))
