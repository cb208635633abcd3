"""Is this process alive, and is it ready for work? The internal port answers, on a listener of its own."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

Readiness = Callable[[], str | None]
"""Why the process is not ready; None when it is."""


def add_probes(router: web.UrlDispatcher, readiness: Readiness) -> None:
    async def live(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def ready(_: web.Request) -> web.Response:
        reason = readiness()
        if reason is None:
            return web.Response(text="ready\n")
        return web.Response(status=503, text=f"not ready: {reason}\n", headers={"Retry-After": "5"})

    router.add_get("/healthz", live)
    router.add_get("/readyz", ready)


async def metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})


@asynccontextmanager
async def internal_port(host: str, port: int, readiness: Readiness) -> AsyncIterator[None]:
    app = web.Application()
    add_probes(app.router, readiness)
    app.router.add_get("/metrics", metrics)
    async with listening(app, host, port):
        yield


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int, *, grace: float = 5.0) -> AsyncIterator[int]:
    """Serve `app`; yields the port, which the system chose if `port` is 0. On the way out: stop accepting, let requests
    under way end within `grace` seconds, close."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=grace)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def stopping(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """Set by SIGTERM or SIGINT: what is under way is finished, nothing new is begun."""
    event = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event
