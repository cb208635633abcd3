"""Is this process alive, is it ready for work, what has it counted? And how a port is served, of either kind.

aiohttp's low-level server: a path is looked up in a table. An Application's routing costs a fifth of a whole request
(bench/README.md), and nobody here needs it.
"""

import asyncio
import os
import re
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from aiohttp import HttpVersion11, web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from consent.errors import Misconfigured

Readiness = Callable[[], str | None]
"""Why the process is not ready; None when it is."""
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Routes = Mapping[str, Handler]
"""Path -> who answers a GET or HEAD of it."""

PROCESS = "Consent-Relay-Process"
"""Of an answer at a worker's socket: which process gave it. Who was started again is another one."""

KEEP_ALIVE_S = 620.0
"""How long a connection may be silent, and half a request's head unfinished: longer than the proxies in front keep one
that they may use again, or they would send a request where we hang up just then. Google's load balancers do for 600 s:
https://cloud.google.com/load-balancing/docs/https#timeouts_and_retries"""
_ORIGIN = re.compile(r"\Ahttps?://[^/?#]*", re.IGNORECASE)
_MAX_BODY = 1024 * 1024


def probes(readiness: Readiness) -> Routes:
    async def live(_: web.BaseRequest) -> web.Response:
        return web.Response(text="alive\n")

    async def ready(_: web.BaseRequest) -> web.Response:
        reason = readiness()
        if reason is None:
            return web.Response(text="ready\n")
        return web.Response(status=503, text=f"not ready: {reason}\n", headers={"Retry-After": "5"})

    return {"/healthz": live, "/readyz": ready}


async def metrics(_: web.BaseRequest) -> web.Response:
    """What prometheus-client knows of any Python process."""
    return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})


def target_of(request: web.BaseRequest) -> str:
    """Path and query as they were sent. Who takes us for a proxy sends the whole URL, which is to be understood:
    https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2"""
    return _ORIGIN.sub("", request.raw_path, count=1)


async def answer(request: web.BaseRequest, routes: Routes) -> web.StreamResponse:
    handler = routes.get(target_of(request).partition("?")[0])
    if handler is None:
        raise web.HTTPNotFound(text="there is nothing at this address\n")
    if request.method not in {"GET", "HEAD"}:
        raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"])
    return await handler(request)


async def welcome_body(request: web.BaseRequest) -> None:
    """Who waits to be asked for the body is asked: https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1"""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def server_of(handler: Handler, *, max_body: int, keep_alive: float = KEEP_ALIVE_S) -> web.Server:
    """aiohttp's low-level server: a factory of protocols, one for each connection."""
    loop = asyncio.get_running_loop()

    def request_of(*parts: object) -> web.BaseRequest:
        return web.BaseRequest(*parts, loop, client_max_size=max_body)  # type: ignore[arg-type, misc]  # its five, as they come

    return web.Server(handler, request_factory=request_of, access_log=None, keepalive_timeout=keep_alive)


@asynccontextmanager
async def internal_port(
    host: str, port: int, readiness: Readiness, counted: Handler = metrics, *, socket: Path | None = None
) -> AsyncIterator[None]:
    """At `socket` instead, where there is one: as a worker's parent wants it."""
    routes = {**probes(readiness), "/metrics": counted}
    process = secrets.token_hex(8)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = await answer(request, routes)
        if socket is not None:
            response.headers[PROCESS] = process
        return response

    async with listening(handle, host, port) if socket is None else _listening_at(handle, socket):
        yield


@asynccontextmanager
async def listening(
    handler: Handler, host: str, port: int, *, max_body: int = _MAX_BODY, grace: float = 5.0
) -> AsyncIterator[int]:
    """Serve; yields the port, which the system chose if `port` is 0. On the way out: stop accepting, let requests under
    way end within `grace` seconds, close."""
    async with _serving(handler, max_body=max_body, grace=grace) as runner:
        with binding(host, port):
            await web.TCPSite(runner, host, port, backlog=1024).start()
        yield int(runner.addresses[0][1])


@contextmanager
def binding(host: str, port: int) -> Iterator[None]:
    """What we cannot listen on is told in a line: Misconfigured."""
    try:
        yield
    except OSError as exc:
        # Of a name that is not found, the number is negative and no errno.
        why = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc.strerror
        told = f"cannot listen on {host} port {port} ({why}): stop what is running there, or set another"
        raise Misconfigured(told) from None


@asynccontextmanager
async def _listening_at(handler: Handler, socket: Path) -> AsyncIterator[None]:
    async with _serving(handler, max_body=_MAX_BODY, grace=5.0) as runner:
        await web.UnixSite(runner, socket).start()
        yield


@asynccontextmanager
async def _serving(handler: Handler, *, max_body: int, grace: float) -> AsyncIterator[web.ServerRunner]:
    runner = web.ServerRunner(server_of(handler, max_body=max_body), handle_signals=False, shutdown_timeout=grace)
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()


def stopping(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """Set by SIGTERM or SIGINT: what is under way is finished, nothing new is begun."""
    event = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event
