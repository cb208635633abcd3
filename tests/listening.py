"""A customer's system, as far as a test needs one: it takes what is posted to it."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

Taking = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def listening(take: Taking, *, path: str = "/hook", tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Its URL."""
    app = web.Application()
    app.router.add_post(path, take)
    server = TestServer(app, scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    try:
        yield f"{server.scheme}://{server.host}:{server.port}{path}"
    finally:
        await server.close()
