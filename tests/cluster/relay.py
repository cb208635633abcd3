"""Real receivers and dispatchers on a store of several servers, and a provider who sends again what was not taken."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from consent.ledger import Durability, Ledger
from consent.model import Msisdn
from tests.builders import ACME
from tests.e2e.installation import Installation, crm, eventually, text
from tests.listening import listening

PATIENCE_S = 60.0
NUMBERS = [f"1650242{n:04}" for n in range(24)]
"""In 16 partitions, some of them on each master."""


class Relay(Installation):
    """Its store is somebody else's to start."""

    def __init__(self, folder: Path, url: str, durability: Durability) -> None:
        schedule = '["0s", "200ms", "500ms", "1s", "1s", "1s", "2s", "2s", "2s", "5s", "5s", "24h"]'
        super().__init__(folder, schedule=schedule, extra='[log]\nformat = "json"')
        self.url = url
        self._durability = durability

    def _config(self, number: int) -> Path:
        path = super()._config(number)
        path.write_text(path.read_text().replace("[store]\n", f'[store]\ndurability = "{self._durability}"\n'))
        return path


@asynccontextmanager
async def relay(
    folder: Path, url: str, *, durability: Durability, start: Collection[str] = ("receiver", "dispatcher")
) -> AsyncIterator[Relay]:
    """Registered and ready: a sink, and these processes."""
    here = Relay(folder, url, durability)
    async with AsyncExitStack() as stack:
        here.sink.url = await stack.enter_async_context(listening(here.sink.take))
        stack.push_async_callback(_end, here)
        await here.register(crm(here.sink))
        if "receiver" in start:
            await here.start_receiver()
        if "dispatcher" in start:
            await here.start_dispatcher()
        yield here


async def _end(here: Installation) -> None:
    for name in list(here.processes):
        await here.kill(name)


@dataclass
class Provider:
    """Texts of many numbers, one after the other for each; again and again until each was taken."""

    here: Relay
    told: dict[str, list[str]] = field(default_factory=dict)
    """What was acknowledged, by number, in order."""
    refused: int = 0
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def count(self) -> int:
        return sum(map(len, self.told.values()))

    async def text_all(self) -> None:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http,
            asyncio.TaskGroup() as tasks,
        ):
            for number in NUMBERS:
                tasks.create_task(self._text(http, number))

    async def more(self, count: int) -> None:
        """Until so many more were acknowledged."""
        enough = self.count + count
        await eventually(lambda: self.count >= enough, within=PATIENCE_S)

    async def _text(self, http: aiohttp.ClientSession, number: str) -> None:
        said = self.told.setdefault(number, [])
        while not self.is_over.is_set():
            word, at = ("STOP", "START")[len(said) % 2], len(said)
            query = text(
                number,
                word,
                identity=f"{number}-{at}",
                at=f"2014-06-27 {18 + at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}",
            )
            while not await self._is_taken(http, query):
                self.refused += 1
                await asyncio.sleep(0.1)
            said.append("opted_out" if word == "STOP" else "opted_in")
            await asyncio.sleep(0.05)

    async def _is_taken(self, http: aiohttp.ClientSession, query: dict[str, str]) -> bool:
        try:
            async with http.get(self.here.hook(), params=query) as response:
                assert response.status in {200, 503}, await response.text()
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


@asynccontextmanager
async def texting(here: Relay) -> AsyncIterator[Provider]:
    """While the body lasts. At its end everything acknowledged is in the ledger, once, and was delivered in order."""
    provider = Provider(here)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(provider.text_all())
        await provider.more(len(NUMBERS))
        try:
            yield provider
        finally:
            provider.is_over.set()
    async with here.opened() as store:
        histories = {number: await Ledger(store).history(ACME, Msisdn(number), limit=10_000) for number in NUMBERS}
    recorded = {number: [event.status for event in reversed(events)] for number, events in histories.items()}
    assert recorded == provider.told
    sink = here.sink
    await eventually(lambda: len(sink.ids) >= provider.count, within=PATIENCE_S)
    assert {number: sink.told(number) for number in NUMBERS} == provider.told
    for name in ("receiver0", "dispatcher0"):
        # Each standing task once for each of the few outages, however often it tried.
        assert here.log_of(name).count("background.failing") < 20, here.log_of(name)
