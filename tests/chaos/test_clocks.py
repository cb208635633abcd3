"""A clock that jumps, where chance would seldom find the moment that hurts."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from consent.model import Status
from tests.chaos import ledger_records
from tests.chaos.messages import CAMPAIGNS, Message, script
from tests.chaos.provider import Provider
from tests.chaos.records import Sent
from tests.chaos.schedule import DISPATCHERS, HANGING, RECEIVERS
from tests.chaos.sink import Mood
from tests.chaos.world import World, world
from tests.e2e.installation import eventually

AN_HOUR = 3600.0


def some(count: int) -> list[Message]:
    return script(1, events=count, numbers=count, now=int(time.time()))


def a_long_stop() -> Message:
    return next(one for one in some(500) if one.is_long and one.status is Status.OPTED_OUT)


@pytest.fixture
async def here() -> AsyncIterator[World]:
    async with world(processes=RECEIVERS[:1]) as built:
        yield built


@pytest.fixture
async def provider(here: World) -> AsyncIterator[Provider]:
    async with aiohttp.ClientSession() as http:
        yield Provider(http, [here.ports[name][0] for name in RECEIVERS[:1]], random.Random(1))


async def test_half_a_stop_is_not_judged_early_by_a_receiver_whose_clock_runs_ahead(
    here: World, provider: Provider
) -> None:
    stop = a_long_stop()

    await provider.post_part(Sent(stop), 0, 0)
    await here.end("receiver0", signal.SIGKILL)
    await here.start("receiver0", ahead=AN_HOUR)  # it looks for overdue parts at once
    await here.wait_ready("receiver0")
    await provider.post_part(Sent(stop), 1, 0)

    async with here.opened() as store:
        states = await ledger_records.states_of(store, [stop.msisdn])
    assert {cell: standing.status for cell, standing in states.items()} == {
        (stop.msisdn, campaign): Status.OPTED_OUT for campaign in CAMPAIGNS
    }


async def test_a_dispatcher_whose_clock_was_set_back_takes_over_from_a_dead_one(
    here: World, provider: Provider
) -> None:
    late, dead = DISPATCHERS
    await here.start(late, ahead=AN_HOUR)
    await here.start(dead)
    await asyncio.gather(here.wait_ready(late), here.wait_ready(dead))
    here.set_clock_ahead(late, 0)
    here.sinks[HANGING].mood = Mood.HANG
    for message in some(40):
        await provider.insist(message, 0, within=5)
    await eventually(lambda: len(here.sinks[HANGING].arrivals) > 10)

    await here.end(dead, signal.SIGKILL)
    here.sinks[HANGING].mood = Mood.WELL

    async with here.opened() as store:
        await eventually(lambda: ledger_records.is_settled(store, here.sinks), within=30)
