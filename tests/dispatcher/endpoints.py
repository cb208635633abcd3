"""Customers' endpoints below HTTP, and the two clients that post to them."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network
from typing import Any

import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from dispatcher import failure
from dispatcher.carrier import Carrier
from dispatcher.client import PlainClient
from dispatcher.egress import Network, SystemResolver, trusting_the_system
from dispatcher.exchange import Client, Request

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
CONTENT = '{"text":"ARRÊT"}'.encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Said = tuple[int, bytes] | str
"""Status and body, or the word for no answer."""


class Names(AbstractResolver):
    """Answers from a list, one entry a question, the last one for ever."""

    def __init__(self, *answers: Iterable[str]) -> None:
        self._answers = [list(answer) for answer in answers]
        self.questions: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.questions.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]

    async def close(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def a_client(
    kind: str,
    *,
    names: AbstractResolver | None = None,
    tls: ssl.SSLContext | None = None,
    allow: tuple[Network, ...] = LOOPBACK,
    **ours: Any,
) -> AsyncIterator[Client]:
    """`ours`, with aiohttp behind it as in real life, or `aiohttp` alone."""
    async with AsyncExitStack() as opened:
        resolver = names or SystemResolver()
        opened.push_async_callback(resolver.close)
        context = tls or trusting_the_system()
        others = await opened.enter_async_context(Carrier(resolver=resolver, tls=context, egress_allow=allow))
        if kind == "aiohttp":
            yield others
            return
        client = PlainClient(others, resolver=resolver, tls=context, egress_allow=allow, **ours)
        yield await opened.enter_async_context(client)


async def said(client: Client, url: str, *, content: bytes = CONTENT, seconds: float = 5) -> Said:
    request = Request(url, "application/json", {"webhook-id": "evt_1"}, content)
    try:
        answer = await client.post(request, seconds=seconds)
    except failure.EXPECTED as exc:
        return failure.word_of(exc)
    return answer.status, answer.beginning


@dataclass
class Server:
    url: str
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    """Each of them whole."""


def certified(authority: trustme.CA, host: str, **certificate: datetime) -> ssl.SSLContext:
    """For a server of this name."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host, **certificate).configure_cert(context)
    return context


class Endless:
    """Says ever more, until the client hangs up."""

    def __init__(self, beginning: bytes) -> None:
        self._beginning = beginning
        self.written = 0
        self.was_left = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write(self._beginning)
        try:
            while True:
                writer.write(b"a" * 65536)
                await writer.drain()
                self.written += 65536
        finally:
            self.was_left.set()


async def request_from(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def connected(
    handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """Whoever connects is given to the handler, and hung up on afterwards."""
    handlers: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await handler(reader, writer)
        except (OSError, EOFError):
            pass  # the client hung up, which is what some tests are about
        except asyncio.CancelledError:
            pass  # by ourselves, below; asyncio's server would complain of it
        finally:
            handlers.discard(task)
            writer.close()

    listening = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that a long request is not taken at once
    server = await asyncio.start_server(handle, sock=listening, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/hook"
    finally:
        server.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


@asynccontextmanager
async def answering(
    answer: bytes, *, closes: bool = False, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """Every request has the same answer; with `closes`, the connection ends behind it."""
    server = Server("")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        while True:
            server.requests.append(await request_from(reader))
            writer.write(answer)
            await writer.drain()
            if closes:
                return

    async with connected(handle, tls=tls, host=host) as url:
        server.url = url
        yield server
