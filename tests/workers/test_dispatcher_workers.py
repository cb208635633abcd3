"""Dispatcher workers share a backlog by the leases in the store: in order for each number, whoever of them dies."""

import asyncio

import aiohttp
import pytest

from tests.e2e.installation import Installation, crm, eventually, text
from tests.workers.crewed import PATIENCE_S, crew

NUMBERS = [f"1650242{n:04}" for n in range(40)]
ROUNDS = 12


async def fill(here: Installation, numbers: list[str] = NUMBERS, rounds: int = ROUNDS) -> None:
    async with aiohttp.ClientSession() as http:
        for turn in range(rounds):
            word = ("STOP", "START")[turn % 2]
            texts = [text(n, word, identity=f"{n}-{turn}", at=f"2014-06-27 18:00:{turn:02}") for n in numbers]
            answers = await asyncio.gather(*(http.post(here.hook(), data=sms) for sms in texts))
            assert {answer.status for answer in answers} == {200}


@pytest.mark.parametrize("killed", [False, True], ids=["both live", "one is killed"])
async def test_two_workers_drain_a_backlog_in_order_for_each_number(here: Installation, killed: bool) -> None:
    await here.register(crm(here.sink))
    await here.start_receiver()
    await fill(here)
    expected = [("opted_out", "opted_in")[turn % 2] for turn in range(ROUNDS)]

    async with crew(here, "dispatcher") as dispatchers:
        if killed:
            await eventually(lambda: len(here.sink.received) > len(NUMBERS), within=PATIENCE_S)
            dispatchers.kill(1)
        await eventually(lambda: all(len(here.sink.told(n)) >= ROUNDS for n in NUMBERS), within=PATIENCE_S)
        if killed:
            await dispatchers.back_after(1)
        await fill(here, ["16502429999"], rounds=40)
        await eventually(lambda: len(here.sink.told("16502429999")) == 40, within=PATIENCE_S)

    assert all(here.sink.told(number) == expected for number in NUMBERS)


async def test_both_workers_deliver(here: Installation) -> None:
    await here.register(crm(here.sink))
    await here.start_receiver()
    async with crew(here, "dispatcher") as dispatchers:
        sent = 0
        async with asyncio.timeout(PATIENCE_S):
            while dispatchers.active("delivery.attempted") != {1, 2}:
                await fill(here, [f"1650243{sent + n:04}" for n in range(100)], rounds=1)
                sent += 100
        await eventually(lambda: len(here.sink.ids) == sent, within=PATIENCE_S)

        assert await dispatchers.value("consent_relay_attempts_total", outcome="delivered") == sent
        assert await dispatchers.value("consent_relay_optout_delivered_seconds_count") == sent


async def test_what_waits_in_the_store_is_told_once_and_not_once_for_each_worker(here: Installation) -> None:
    here.sink.answers["*"] = 500
    await here.register(crm(here.sink))
    await here.start_receiver()
    await fill(here, rounds=1)
    async with crew(here, "dispatcher") as dispatchers:

        async def all_owed() -> bool:
            found = [await dispatchers.value("consent_relay_deliveries", state=s) for s in ("due", "leased", "dead")]
            assert sum(found) <= len(NUMBERS)
            return sum(found) == len(NUMBERS)

        await eventually(all_owed, within=PATIENCE_S)
        tried = here.sink.refused
        assert await dispatchers.value("consent_relay_attempts_total") >= tried
