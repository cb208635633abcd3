"""How is a page kept true while it is open? Server-sent events, each with regions of the page as they are now.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

import orjson
from aiohttp import web
from markupsafe import Markup

from config.clock import steady_clock
from consent.errors import StoreUnavailable, Throttled, Unauthorised
from console.server.guard import ensure_still
from console.server.keys import STOPPING

Regions = Mapping[str, Markup]
"""HTML by the id of the element that it belongs into."""

LONGEST_S = 300.0
"""Then the browser comes again."""
ASKED_EVERY_S = 3.0
"""Whether who watches still may: a token may be revoked, a log-in may end."""
_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def streamed(request: web.Request, regions: AsyncIterator[Regions]) -> web.StreamResponse:
    """Until the regions end, which is told; or the time is up, or who watches may no more, which is not: then the
    browser connects again, and is judged anew."""
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    with suppress(ConnectionError):
        await response.write(b"retry: 1000\n\n")
        try:
            async with asyncio.timeout(LONGEST_S):
                await _write(request, response, regions)
        except (TimeoutError, Unauthorised, Throttled):
            return response
        if not request.app[STOPPING].is_set():
            await response.write(b"event: end\ndata: {}\n\n")
    return response


async def _write(request: web.Request, response: web.StreamResponse, regions: AsyncIterator[Regions]) -> None:
    told: dict[str, str] = {}
    asked_at = steady_clock()
    async for fresh in regions:
        if steady_clock() - asked_at >= ASKED_EVERY_S * 1000:
            await _ensure_still(request)
            asked_at = steady_clock()
        changed = {name: html for name, html in fresh.items() if told.get(name) != html}
        told |= changed
        # Also when nothing changed: the browser shows that it is connected, and we find out that it is gone.
        await response.write(b"event: regions\ndata: " + orjson.dumps(changed) + b"\n\n")


async def _ensure_still(request: web.Request) -> None:
    """Where the store is away nobody can say, and there is nothing new to see."""
    with suppress(StoreUnavailable):
        await ensure_still(request)
