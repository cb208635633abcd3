"""A dispatcher with nothing to do costs the store next to nothing."""

import asyncio

from tests.e2e.installation import Installation, crm

INSIDE = {"time", "zrange", "hget", "hset", "zadd", "zrem", "zscore", "xrange", "hdel", "hexists"}
"""What functions call inside the store: counted like commands, but sent by nobody."""
SECONDS = 9.0
"""Two rounds of everything that is done every few seconds."""


async def sent(here: Installation) -> int:
    async with here.opened() as store:
        stats = await store.redis.info("commandstats")
    return sum(entry["calls"] for name, entry in stats.items() if name.removeprefix("cmdstat_") not in INSIDE)


async def test_a_dispatcher_at_rest_sends_fewer_than_five_commands_a_second(here: Installation) -> None:
    await here.register(crm(here.sink))
    await here.start_dispatcher()
    await asyncio.sleep(1)  # the start is over

    before = await sent(here)
    await asyncio.sleep(SECONDS)
    after = await sent(here)

    assert after - before < 5 * SECONDS
