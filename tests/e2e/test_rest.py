"""A dispatcher with nothing to do costs the store next to nothing."""

import asyncio

from tests.e2e.installation import Installation, crm, eventually

INSIDE = {"time", "zrange", "hget", "hset", "zadd", "zrem", "zscore", "xrange", "hdel", "hexists"}
"""What functions call inside the store: counted like commands, but sent by nobody."""
SECONDS = 9.0
"""Two rounds of everything that is done every few seconds."""


async def calls(here: Installation) -> dict[str, int]:
    async with here.opened() as store:
        stats = await store.redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in stats.items()}


async def sent(here: Installation) -> int:
    return sum(number for name, number in (await calls(here)).items() if name not in INSIDE)


async def has_trimmed(here: Installation) -> bool:
    """Looked whether the log has anything to forget: the last of what a start does at once."""
    return "xrange" in await calls(here)


async def has_a_quiet_second(here: Installation) -> bool:
    before = await sent(here)
    await asyncio.sleep(1)
    return await sent(here) - before < 10


async def test_a_dispatcher_at_rest_sends_fewer_than_five_commands_a_second(here: Installation) -> None:
    await here.register(crm(here.sink))
    await here.start_dispatcher()
    await eventually(lambda: has_trimmed(here))
    await eventually(lambda: has_a_quiet_second(here))

    before = await sent(here)
    await asyncio.sleep(SECONDS)
    after = await sent(here)

    assert after - before < 5 * SECONDS
