"""What does an operator do meanwhile? By the operations of the console and the commands, against the world's store.

Each takes back what it did, however often it has to try: the store may be away just then. And whether or not it heard
that it was done: what the store did not confirm may hold all the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any

from redis.exceptions import RedisError

from config import sections
from config.clock import system_clock
from config.settings import Settings
from consent.errors import ConsentError
from console import endpointcare, hastening, replay
from console.desk import Desk
from console.ranges import Range, order_of
from tests.chaos.schedule import Fault
from tests.chaos.world import PARTITIONS, World, endpoint_id

TROUBLE = (ConsentError, RedisError, OSError)
_AGAIN_S = 0.2
_REPLAYED = "5s"


async def disable(world: World, fault: Fault) -> None:
    name = endpoint_id(fault.target)
    try:
        await endpointcare.disable(_desk(world), name, reason="maintenance", now=system_clock())
        await asyncio.sleep(fault.seconds)
    finally:
        await _insist(lambda: endpointcare.enable(_desk(world), name, now=system_clock()))


async def limit(world: World, fault: Fault) -> None:
    """To so many requests a second, and one at a time."""
    try:
        await _change(world, fault, {"rate": f"{round(fault.amount)}/s", "max_in_flight": 1})
        await asyncio.sleep(fault.seconds)
    finally:
        await _insist(lambda: _change(world, fault, {"rate": "", "max_in_flight": world.in_flight}))


async def tell_again(world: World, fault: Fault) -> None:
    asked = Range(since=_REPLAYED, until=None, after=None)
    order = order_of(endpoint_id(fault.target), asked, (), now=system_clock(), only_dead=False)
    await replay.Replaying(order).carry_out(_desk(world), nullcontext(lambda done, numbers: None))


async def hasten(world: World, fault: Fault) -> None:
    await hastening.retry_waiting(
        _desk(world), endpoint_id(fault.target), now=system_clock(), show=lambda done, numbers: None
    )


async def _change(world: World, fault: Fault, patch: Mapping[str, Any]) -> None:
    await endpointcare.change(_desk(world), endpoint_id(fault.target), patch, now=system_clock())


def _desk(world: World) -> Desk:
    store = sections.Store(url=world.url, partitions=PARTITIONS, durability=world.durability)
    return Desk(settings=Settings(store=store), who="chaos", mask_numbers=True)


async def _insist(deed: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await deed()
        except TROUBLE:
            await asyncio.sleep(_AGAIN_S)
        else:
            return
