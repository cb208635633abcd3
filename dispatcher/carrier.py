"""aiohttp's client, with the guards of egress.py: for every post that is not plain, and to hold our own client against.

A timeout of more than five seconds is rounded up to a whole one.
"""

import ssl
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver

from dispatcher import egress
from dispatcher.exchange import CONNECT_SHARE, HEADERS, KEPT_BYTES, READ_BYTES, Answer, Request


@dataclass(slots=True)
class _Connection:
    is_new: bool = False
    """A socket was opened for this request; otherwise one is used that was kept from an earlier request."""


# Set for the time of one request. aiohttp's tracing could tell the same, at a fifth of the deliveries per second.
_CONNECTION: ContextVar[_Connection] = ContextVar("connection")


class Carrier:
    """Owns the connections, not the resolver. Use as `async with`."""

    def __init__(
        self,
        *,
        resolver: AbstractResolver,
        tls: ssl.SSLContext,
        egress_allow: Sequence[egress.Network] = (),
        proxy: str = "",
    ) -> None:
        """With a proxy it is the proxy that is resolved and connected to; who may be reached then is its to say."""
        self._resolver = resolver
        self._tls = tls
        self._allow = egress.EVERYWHERE if proxy else tuple(egress_allow)
        self._proxy = proxy or None
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._session = await self._open(reuses_connections=True)
        self._fresh = await self._open(reuses_connections=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    async def post(self, request: Request, *, seconds: float) -> Answer:
        """Once more at once where client.py does it: a kept connection that was closed under the request."""
        started = time.monotonic()
        connection = _Connection()
        _CONNECTION.set(connection)
        try:
            return await _post(self._session, request, proxy=self._proxy, seconds=seconds)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            left = seconds - (time.monotonic() - started)
            if connection.is_new or left <= 0:
                raise
            return await _post(self._fresh, request, proxy=self._proxy, seconds=left)

    async def _open(self, *, reuses_connections: bool) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=egress.connector(
                self._allow,
                resolver=self._resolver,
                tls=self._tls,
                reuses_connections=reuses_connections,
                on_open=_note_new_connection,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers=HEADERS,
        )
        return await self._opened.enter_async_context(session)


async def _post(session: aiohttp.ClientSession, request: Request, *, proxy: str | None, seconds: float) -> Answer:
    async with session.post(
        request.url,
        headers={"Content-Type": request.content_type, **request.headers},
        data=request.content,
        proxy=proxy,
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(total=seconds, connect=seconds * CONNECT_SHARE),
    ) as response:
        return Answer(response.status, response.headers.get("Retry-After"), await _beginning(response))


def _note_new_connection() -> None:
    _CONNECTION.get().is_new = True


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """The status was the answer: whatever becomes of the body does not take it back."""
    read = bytearray()
    try:
        while len(read) < READ_BYTES and (piece := await response.content.read(READ_BYTES)):
            read += piece
    except (aiohttp.ClientError, OSError):
        response.close()
    return bytes(read[:KEPT_BYTES])
