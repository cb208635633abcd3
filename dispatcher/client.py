"""Our own HTTP client: posts to plain URLs over kept connections, and knows nothing else of HTTP.

    target.py      where to, and the request's bytes            pure
    pool.py        a connection that was kept, or
    dial.py        a new one: names.py, egress.py, TLS
    connection.py  writes the request, reads the response
    response.py    what the response's bytes mean               pure

Why not aiohttp's: it costs four fifths of a delivery. Where something is not plain, aiohttp is asked all the same
(carrier.py). docs/adr/0014-delivery-client.md
"""

import ssl
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver

from dispatcher import egress
from dispatcher.dial import Dialer
from dispatcher.exchange import CONNECT_SHARE, Answer, Client, Request
from dispatcher.names import Names
from dispatcher.pool import Pool
from dispatcher.target import Target, target_of, written


class PlainClient:
    """Owns the connections; neither the resolver nor `others`, which takes what is not plain. Use as `async with`."""

    def __init__(
        self,
        others: Client,
        *,
        resolver: AbstractResolver,
        tls: ssl.SSLContext,
        egress_allow: Sequence[egress.Network] = (),
        keepalive_seconds: float = egress.KEEPALIVE_SECONDS,
    ) -> None:
        self._others = others
        self._names = Names(egress.GuardedResolver(resolver, egress_allow))
        self._pool = Pool(keepalive_seconds=keepalive_seconds)
        self._dialer = Dialer(self._names, tls, egress_allow, self._pool)
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._opened.enter_async_context(self._names)
        self._opened.push_async_callback(self._pool.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    async def post(self, request: Request, *, seconds: float) -> Answer:
        """A server may close an idle connection at the very moment we write to it. That is no failure of the endpoint,
        and the webhook-id makes a repetition harmless: so once more at once, on a new connection, in the time that is
        left. An endpoint that hangs up on a new connection, or after it began to answer, has failed.
        """
        target = target_of(request.url, request.content_type)
        if target is None:
            return await self._others.post(request, seconds=seconds)
        data = written(target, request)
        kept = self._pool.take(target.origin)
        if kept is None:
            return await self._post_anew(target, data, seconds)
        began = time.monotonic()
        try:
            return await kept.exchange(data, seconds=seconds)
        except TimeoutError:
            raise
        except OSError:
            left = seconds - (time.monotonic() - began)
            if kept.has_heard or left <= 0:
                raise
        return await self._post_anew(target, data, left)

    async def _post_anew(self, target: Target, data: bytes, seconds: float) -> Answer:
        began = time.monotonic()
        connection, opening = await self._dialer.connect(target, seconds=seconds * CONNECT_SHARE)
        self._pool.add(connection)
        left = seconds - (time.monotonic() - began)
        return await connection.exchange(data, seconds=left, opening=opening)
