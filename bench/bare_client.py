"""The yardstick: a loop of aiohttp's client that posts the same body again and again, unsigned and unrecorded.

python -m bench.bare_client URL COUNT CONNECTIONS prints the posts per second.
"""

import asyncio
import sys
import time

import aiohttp
import uvloop

BODY = b'{"type":"consent.opted_out","timestamp":"2014-06-27T18:31:33Z","data":{"event_id":"%s"}}' % (b"x" * 480)
"""As long as a notification usually is."""


async def main(url: str, count: int, connections: int) -> None:
    left = iter(range(count))
    headers = {"Content-Type": "application/json"}

    async def worker(session: aiohttp.ClientSession) -> None:
        for _ in left:
            async with session.post(url, data=BODY, headers=headers) as answer:
                await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(worker(session) for _ in range(connections)))
        print(count / (time.perf_counter() - began))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
