"""kill -9 of any process, in the middle of the load: what was answered 2xx is in the ledger, and arrives, in order."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from tests.e2e.installation import Installation, crm, eventually, text

NUMBERS = [f"1650242{n:04}" for n in range(40)]
ROUNDS = 20
"""So many texts of each number, STOP and START in turn, a second apart: every one of them decides."""


class Provider:
    """Posts what recipients text, one text of a number at a time, and again until it is answered 200."""

    def __init__(self, here: Installation, http: aiohttp.ClientSession) -> None:
        self._here = here
        self._http = http
        self.accepted = 0

    async def run(self) -> None:
        await asyncio.gather(*(self._texts_of(number) for number in NUMBERS))

    async def _texts_of(self, number: str) -> None:
        for turn in range(ROUNDS):
            word = ("STOP", "START")[turn % 2]
            sms = text(number, word, identity=f"{number}-{turn}", at=f"2014-06-27 18:{turn // 60:02}:{turn % 60:02}")
            await self._until_accepted(sms)
            self.accepted += 1

    async def _until_accepted(self, sms: dict[str, str]) -> None:
        for receiver in itertools.cycle((0, 1)):
            try:
                async with self._http.post(
                    self._here.hook(receiver), data=sms, timeout=aiohttp.ClientTimeout(total=5)
                ) as response:
                    if response.status == 200:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.02)


async def kill_receiver(here: Installation) -> None:
    await here.kill("receiver0")
    await here.start_receiver(0)


async def kill_dispatcher(here: Installation) -> None:
    await here.kill("dispatcher0")
    await here.start_dispatcher(0)


async def kill_store(here: Installation) -> None:
    await here.kill("store")
    await here.start_store()


@pytest.mark.parametrize("killing", [kill_receiver, kill_dispatcher, kill_store])
async def test_nothing_acknowledged_is_lost_or_reordered(
    here: Installation, http: aiohttp.ClientSession, killing: Callable[[Installation], Awaitable[None]]
) -> None:
    await here.register(crm(here.sink))
    await asyncio.gather(*(here.start_receiver(n) for n in (0, 1)), *(here.start_dispatcher(n) for n in (0, 1)))
    provider = Provider(here, http)

    load = asyncio.create_task(provider.run())
    for part in (1, 2, 3):
        await eventually(lambda part=part: provider.accepted > part * len(NUMBERS) * ROUNDS // 4, within=60)  # type: ignore[misc]
        await killing(here)
    await load
    expected = [("opted_out", "opted_in")[turn % 2] for turn in range(ROUNDS)]
    await eventually(lambda: all(len(here.sink.told(number)) >= ROUNDS for number in NUMBERS), within=60)

    for number in NUMBERS:
        assert [event.status for event in reversed(await here.history(number))] == expected
        assert here.sink.told(number) == expected
