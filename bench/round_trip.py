"""The yardstick of bench/check.py: an aiohttp handler, on uvloop, that asks the store once by redis-py.

It has no credentials, no campaigns and no spelling of numbers: the least that a check could be.
"""

import asyncio
import sys

import uvloop
from aiohttp import web
from redis.asyncio import Redis

from consent.ledger.keys import Keys, consent_field, partition_of
from consent.model import AccountId, CampaignId, Msisdn, Partition

_PARTITIONS = 16
_LOGS = [Keys(Partition(partition)) for partition in range(_PARTITIONS)]
_ACME = AccountId("acme")


async def main(port: int, url: str) -> None:
    # Its default of 100 connections would answer 256 clients with errors.
    redis = Redis.from_url(url, max_connections=1024)

    async def check(request: web.Request) -> web.Response:
        campaign, msisdn = CampaignId(request.match_info["campaign"]), Msisdn(request.match_info["number"])
        key = _LOGS[partition_of(msisdn, _PARTITIONS)].consent(_ACME, msisdn)
        state = await redis.hget(key, consent_field(msisdn, campaign))
        return web.json_response({"may_text": state is not None and state[:1] == b"i"})

    async def ready(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/v1/consent/{campaign}/{number}", check)
    app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), sys.argv[2]))
