"""aiohttp and arq: a webhook is answered when its job is in the queue; a worker records it afterwards.

python -m bench.peers.aiohttp_arq PORT URL
"""

import asyncio
import sys

import uvloop
from aiohttp import web
from arq import create_pool

from bench.peers import job
from bench.peers.arq_jobs import redis_at


async def main(port: int, url: str) -> None:
    pool = await create_pool(redis_at(url))

    async def hook(request: web.Request) -> web.Response:
        inbound = job.believed(request.headers["Content-Type"], await request.read())
        await pool.enqueue_job("record", inbound.content_type, inbound.body)
        return web.Response()

    async def ready(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post(job.PATH, hook)
    app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), sys.argv[2]))
