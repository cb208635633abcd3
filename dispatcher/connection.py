"""One connection to an endpoint: writes a request, reads its response, one after the other. Thin: response.py reads."""

import asyncio
import time
from typing import Protocol

from dispatcher.exchange import Answer, BadResponse, Opening, Timings
from dispatcher.response import Head, Reader
from dispatcher.target import Origin


class Owner(Protocol):
    def give_back(self, connection: "Connection") -> None:
        """It can carry another request."""
        ...

    def forget(self, connection: "Connection") -> None:
        """It is lost."""
        ...


class Connection(asyncio.Protocol):
    """Takes one request at a time. After an exchange it gives itself back, or closes itself."""

    def __init__(self, origin: Origin, owner: Owner) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.has_heard = False
        """Any byte of an answer to the last request."""
        self._owner = owner
        self._early: bytes | None = b""
        """Some say that they are busy before they were asked. None from the first request on."""
        self._transport: asyncio.Transport | None = None
        self._reader = Reader()
        self._read: asyncio.Future[Head] | None = None
        self._heard_at = self._ended_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes, *, seconds: float, opening: Opening | None = None) -> Answer:
        """`opening` is what the connection cost, if it is new. Raises OSError, BadResponse."""
        loop = asyncio.get_running_loop()
        self._reader = reader = Reader()
        self._read = read = loop.create_future()
        self.has_heard = False
        deadline = loop.call_later(seconds, self._end, TimeoutError())
        written_at = time.monotonic()
        try:
            early, self._early = self._early, None
            if early:
                self.data_received(early)
            if self._transport is None:
                self._end(ConnectionResetError())
            else:
                self._transport.write(request)
            head = await read
        finally:
            deadline.cancel()
            self._read = None
            if reader.is_in_step and not early and self._is_free:
                self._owner.give_back(self)
            else:
                self.close()
        unread = time.monotonic() - self._ended_at
        timings = Timings(opening, (self._heard_at - written_at) * 1000, unread * 1000)
        return Answer(head.status, head.retry_after, reader.beginning, timings)

    @property
    def _is_free(self) -> bool:
        """An answer may come before the request was taken to its end: its rest would be read as the next request."""
        return self.is_open and self._transport is not None and not self._transport.get_write_buffer_size()

    def close(self) -> None:
        """At once: what is unread will not be read, and nobody waits for a farewell of TLS."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a TCP connection, so it reads and writes

    def data_received(self, data: bytes) -> None:
        read, reader = self._read, self._reader
        if read is None or read.done():
            if self._early is None:
                self.close()  # nobody asked for it, so it must not be there when somebody does
            else:
                self._early += data
            return
        self._ended_at = time.monotonic()
        if not self.has_heard:
            self.has_heard = True
            self._heard_at = self._ended_at
        try:
            is_read = reader.feed(data)
        except BadResponse as exc:
            read.set_exception(exc)
            return
        if is_read and reader.head is not None:
            read.set_result(reader.head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(exc or ConnectionResetError())
        self._owner.forget(self)

    def _end(self, failure: Exception) -> None:
        """There will be no more. A status was the answer, whatever has become of the body."""
        if self._read is None or self._read.done():
            return
        if self._reader.head is not None:
            self._ended_at = time.monotonic()
            self._read.set_result(self._reader.head)
        else:
            self._read.set_exception(failure)
