"""One of the documented APIs on a port of its own: a real desk behind a real door, spoken to in bytes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from receiver.apis.call import Route
from receiver.apis.desk import Desk
from receiver.codecs.codec import Reply
from receiver.door import open_door
from receiver.inbound import Inbound
from tests.receiver.taking import Taking

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    body: bytes
    was_welcomed: bool = False
    """Told to go on with the body."""


AnyResponse = TypeVar("AnyResponse", bound=Response)


@asynccontextmanager
async def port_of(routes: Sequence[Route]) -> AsyncIterator[int]:
    desk = Desk(routes)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await desk.answer(request) or web.Response(status=404)

    async def no_hooks(token: str, inbound: Inbound) -> Reply:
        return Reply(status=404)

    async with open_door(Taking(no_hooks), handle, "127.0.0.1", 0, max_body=65536) as port:
        yield port


async def exchanged(port: int, request: bytes, kind: type[AnyResponse]) -> AnyResponse:
    """What is answered to these bytes; of a request that waits to be welcomed, the body comes after that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head, blank, body = request.partition(b"\r\n\r\n")
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(head + blank)
            is_waiting = b"Expect: 100-continue" in head
            welcome = await reader.readuntil(b"\r\n\r\n") if is_waiting else b""
            writer.write(body)
            status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            length = 0 if head.startswith(b"HEAD") else int(headers.get("content-length", 0))
            answer = await reader.readexactly(length)
            if headers.get("connection") == "close":
                assert await reader.read() == b""
    finally:
        writer.close()
    return kind(int(status_line.split()[1]), headers, answer, welcome.startswith(b"HTTP/1.1 100 "))
