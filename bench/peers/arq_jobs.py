"""What does an arq worker do? It records a queued webhook, or makes a queued delivery, 64 at once.

python -m bench.peers.arq_jobs URL

It does what is queued when it is told to, by a signal. It looks for jobs as often as it can, where its default would
be twice a second, and keeps no results.
"""

import asyncio
import sys
from typing import Any

import aiohttp
import uvloop
from arq.connections import RedisSettings
from arq.worker import Worker
from redis.asyncio import Redis
from standardwebhooks import Webhook

from bench.installation import ENDPOINT_SECRET
from bench.peers import job
from bench.peers.signed import headers_for

AT_ONCE = 64
_LOOK_EVERY_S = 0.005

Context = dict[str, Any]


def redis_at(url: str) -> RedisSettings:
    return RedisSettings(unix_socket_path=url.removeprefix("unix://"), max_connections=job.MOST_CONNECTIONS)


async def record(context: Context, content_type: str, body: bytes) -> None:
    function, count, words = job.call_for(job.believed(content_type, body))
    await context["redis"].fcall(function, count, *words)


async def deliver(context: Context, target: str, name: str, body: str) -> None:
    headers = headers_for(context["webhook"], name, body)
    async with context["http"].post(target, data=body.encode(), headers=headers) as answer:
        answer.raise_for_status()
    await context["redis"].hset(job.DELIVERED, name, answer.status)


async def main(url: str) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(job.GO, told.set)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        Redis.from_url(url) as redis,
    ):
        context = {"http": http, "webhook": Webhook(ENDPOINT_SECRET)}
        await redis.set(job.LISTENS, 1)
        while True:
            await told.wait()
            told.clear()
            worker = _worker(url, context)
            await worker.async_run()
            await worker.close()


def _worker(url: str, context: Context) -> Worker:
    return Worker(
        functions=[record, deliver],
        redis_settings=redis_at(url),
        ctx=context,
        max_jobs=AT_ONCE,
        poll_delay=_LOOK_EVERY_S,
        keep_result=0,
        handle_signals=False,
        burst=True,
    )


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
