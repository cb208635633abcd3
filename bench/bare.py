"""The yardstick: an aiohttp handler that reads the body and answers 200, on uvloop."""

import asyncio
import sys

import uvloop
from aiohttp import web


async def hook(request: web.Request) -> web.Response:
    await request.read()
    return web.Response()


async def main(port: int) -> None:
    app = web.Application()
    app.router.add_post("/hooks/{token}", hook)
    app.router.add_get("/readyz", lambda _: _ready())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


async def _ready() -> web.Response:
    return web.Response()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
