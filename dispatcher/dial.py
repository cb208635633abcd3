"""How is an endpoint reached? Name, TCP, TLS: each is a step that may fail, with an error of its own and its own time.

Only addresses that egress.py vetted are connected to, and it looks again at each when its socket is made.
"""

import asyncio
import errno
import os
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from ssl import SSLContext, SSLError

from aiohttp import AddrInfoType

from dispatcher import egress
from dispatcher.connection import Connection, Owner
from dispatcher.exchange import CannotConnect, ConnectTimeout, Opening
from dispatcher.names import Names
from dispatcher.target import Target


class Dialer:
    def __init__(self, names: Names, tls: SSLContext, allow: Sequence[egress.Network], owner: Owner) -> None:
        self._names = names
        self._tls = tls
        self._open_socket = egress.guarded_sockets(allow)
        self._owner = owner

    async def connect(self, target: Target, *, seconds: float) -> tuple[Connection, Opening]:
        """What took so long is told along. Raises ConnectTimeout, CannotConnect, what a resolver raises, SSLError."""
        began = time.monotonic()
        resolved = None
        try:
            async with asyncio.timeout(seconds):
                addresses = (target.origin.host,) if target.is_address else await self._addresses(target.origin.host)
                resolved = time.monotonic()
                connected = await self._first_of(addresses, target.origin.port, ends=began + seconds)
                has_connected = time.monotonic()
                connection = await self._talking(connected, target)
        except TimeoutError as exc:
            if resolved is None:
                await self._names.blame(target.origin.host)
            raise ConnectTimeout from exc
        is_tls = target.origin.is_tls
        return connection, Opening(
            dns_ms=_ms(began, resolved),
            connect_ms=_ms(resolved, has_connected),
            tls_ms=_ms(has_connected, time.monotonic()) if is_tls else None,
        )

    async def _addresses(self, host: str) -> Sequence[str]:
        try:
            return await self._names.addresses(host)
        except (socket.gaierror, egress.Forbidden, TimeoutError):
            raise
        except OSError as exc:
            raise socket.gaierror(socket.EAI_FAIL, "the resolver failed") from exc

    async def _first_of(self, addresses: Sequence[str], port: int, *, ends: float) -> socket.socket:
        """Each address has an even share of the time that is left, so that a dead one costs the others nothing."""
        failure: OSError = CannotConnect(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        for left in range(len(addresses), 0, -1):
            try:
                async with asyncio.timeout((ends - time.monotonic()) / left):
                    return await self._connected(addresses[-left], port)
            except (CannotConnect, TimeoutError) as exc:
                # Where we have no IPv6, the other address is the one that says how the endpoint is.
                if exc.errno != errno.ENETUNREACH:
                    failure = exc
        raise failure

    async def _connected(self, address: str, port: int) -> socket.socket:
        with ExitStack() as otherwise_closed:
            try:
                opened = otherwise_closed.enter_context(self._open_socket(_addr_info(address, port)))
                opened.setblocking(False)
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await asyncio.get_running_loop().sock_connect(opened, (address, port))
            except egress.Forbidden:
                raise
            except OSError as exc:
                raise CannotConnect(*exc.args) from exc
            otherwise_closed.pop_all()
        return opened

    async def _talking(self, connected: socket.socket, target: Target) -> Connection:
        host, is_tls = target.origin.host.rstrip("."), target.origin.is_tls
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(target.origin, self._owner),
                sock=connected,
                ssl=self._tls if is_tls else None,
                server_hostname=host if is_tls else None,
            )
        except (SSLError, TimeoutError):
            raise
        except OSError as exc:
            raise CannotConnect(*exc.args) from exc
        return connection


def _addr_info(address: str, port: int) -> AddrInfoType:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


def _ms(begin: float, end: float) -> float:
    return (end - begin) * 1000
