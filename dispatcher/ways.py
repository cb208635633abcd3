"""By which way does an endpoint get its posts? A client for each: another certificate or proxy, other connections.

Most endpoints name neither, and share the plain client.
"""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import NamedTuple, Self

from aiohttp.abc import AbstractResolver

from config.client_certificates import present
from consent.model import Endpoint
from dispatcher import egress
from dispatcher.carrier import Carrier
from dispatcher.client import PlainClient
from dispatcher.exchange import Client


class Way(NamedTuple):
    certificate: str = ""
    key: str = ""
    proxy: str = ""


PLAIN = Way()


class Ways:
    """Owns the clients, not the resolver. Use as `async with`."""

    def __init__(
        self,
        *,
        resolver: AbstractResolver,
        tls: ssl.SSLContext | None = None,
        egress_allow: Sequence[egress.Network] = (),
        proxy: str = "",
    ) -> None:
        """`tls` to trust others than the system does; a client certificate is never put into it."""
        self._resolver = resolver
        self._tls = tls
        self._allow = egress_allow
        self._proxy = proxy
        self._clients: dict[Way, Client] = {}
        self._opening = asyncio.Lock()
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    def known(self, endpoint: Endpoint) -> Client | None:
        return self._clients.get(self._way(endpoint))

    async def opened(self, endpoint: Endpoint) -> Client:
        """Raises Unpresentable: the next attempt looks at the files again."""
        way = self._way(endpoint)
        async with self._opening:
            if way not in self._clients:
                self._clients[way] = await self._open(way, await asyncio.to_thread(self._context, endpoint))
        return self._clients[way]

    def _way(self, endpoint: Endpoint) -> Way:
        proxy = endpoint.proxy or self._proxy
        if not (proxy or endpoint.client_certificate):
            return PLAIN
        return Way(endpoint.client_certificate, endpoint.client_key, proxy)

    def _context(self, endpoint: Endpoint) -> ssl.SSLContext:
        if not endpoint.client_certificate:
            return self._tls or egress.trusting_the_system()
        context = egress.new_context()
        if self._tls:
            context.load_verify_locations(cadata=b"".join(self._tls.get_ca_certs(binary_form=True)))
        present(context, endpoint)
        return context

    async def _open(self, way: Way, tls: ssl.SSLContext) -> Client:
        carrier = Carrier(resolver=self._resolver, tls=tls, egress_allow=self._allow, proxy=way.proxy)
        others = await self._opened.enter_async_context(carrier)
        if way.proxy:
            return others
        plain = PlainClient(others, resolver=self._resolver, tls=tls, egress_allow=self._allow)
        return await self._opened.enter_async_context(plain)
