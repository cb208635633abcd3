"""A whole installation with a console, as its pages are driven: real processes, a sink that may fail, a log-in."""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from standardwebhooks import Webhook

from consent.model import Endpoint
from tests.e2e.installation import Installation, Sink, eventually, free_port, installation

TOKEN = "the-first-token-of-a-test-1234"
WITHIN_S = 60.0
"""For anything to happen: a slow machine is no failure."""
_SCHEDULE = '["0s", "200ms", "200ms"]'


class Running:
    """The processes, and where the console answers."""

    def __init__(self, here: Installation) -> None:
        self.here = here
        self.sink = here.sink
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start_console(self) -> None:
        config = self.here.folder / "console.toml"
        config.write_text(
            (self.here._config(0)).read_text() + f'[console]\nport = {self.port}\ntoken = "{TOKEN}"\n', encoding="utf-8"
        )
        await self.here._spawn("console", [sys.executable, "-m", "console"], config)
        await self.here.wait_for(f"{self.url}/readyz")

    async def texted(self, msisdn: str, words: str, *, identity: str) -> None:
        """Through the receiver, as Nexmo posts it."""
        form = {"msisdn": msisdn, "to": "123456", "messageId": identity, "text": words, "type": "text"}
        async with aiohttp.ClientSession() as session, session.post(self.here.hook(), data=form) as answer:
            assert answer.status == 200

    async def has_heard(self, msisdn: str, *statuses: str) -> None:
        """Wait until the sink was told this of a number, and no more."""
        await eventually(lambda: self.sink.told(msisdn) == list(statuses), within=WITHIN_S)

    async def has_heard_of(self, count: int) -> None:
        """Wait until so many events arrived at the sink."""
        await eventually(lambda: len(self.sink.ids) == count, within=WITHIN_S)


class Listener:
    """A customer's system that was told its secret, and believes nothing else."""

    def __init__(self) -> None:
        self.secret = ""
        self.heard: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        told = Webhook(self.secret).verify(await request.read(), dict(request.headers))
        self.heard.append(told["type"])
        return web.Response()


@asynccontextmanager
async def running(
    folder: Path, *, endpoints: Callable[[Sink], Sequence[Endpoint]] | None = None, schedule: str = _SCHEDULE
) -> AsyncIterator[Running]:
    """With these endpoints, and all that belongs to them; or with nothing at all."""
    async with installation(folder, schedule=schedule) as here:
        found = Running(here)
        if endpoints:  # before the processes, which take a moment to hear of what is registered later
            await here.register(*endpoints(here.sink))
        await here.start_receiver()
        await here.start_dispatcher()
        await found.start_console()
        yield found
