"""A whole installation in real processes: store, receivers, dispatchers, and an endpoint that listens."""

import asyncio
import itertools
import os
import secrets
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from standardwebhooks import Webhook

from consent.ledger import Backlog, Ledger, Registry, Store
from consent.model import Account, Endpoint, Event, Msisdn
from console import embedded
from tests.builders import ACME, SECRET, a_campaign, a_source, an_endpoint
from tests.listening import listening

TOKEN = "t0ken-of-at-least-16-chars"
ROOT = Path(__file__).parents[2]
_RUNNERS = 16
_RUNNER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = range(20_000 + _RUNNER % _RUNNERS, 32_000, _RUNNERS)
"""Below those from which systems choose one for each connection: else it may be taken before it is listened at. Tests
that run beside this one have others, or they may take that of a process which is being restarted."""
_FIRST = secrets.randbelow(len(_PORTS))  # the other kind of chance has the same seed in every test run
_NEXT = itertools.cycle([*_PORTS[_FIRST:], *_PORTS[:_FIRST]])


def free_port() -> int:
    """Another one each time, for who asked before may not listen yet."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", next(_NEXT)))
            return int(probe.getsockname()[1])


async def eventually(holds: Callable[[], Awaitable[bool]] | Callable[[], bool], *, within: float = 20) -> None:
    """Wait for a condition, not for a time."""
    deadline = time.monotonic() + within
    while True:
        answer = holds()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s")
        await asyncio.sleep(0.02)


@dataclass
class Sink:
    """A customer's endpoint. Verifies every signature with the reference library, and keeps what came, in order."""

    url: str = ""
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """webhook-id and body of what was answered with 2xx."""
    answers: dict[str, int] = field(default_factory=dict)
    """What to answer for a number; 200 for all others."""
    refused: int = 0
    """How many were answered otherwise."""

    async def take(self, request: web.Request) -> web.Response:
        content = await request.read()
        body: dict[str, Any] = Webhook(SECRET).verify(content, dict(request.headers))
        status = self.answers.get(body["data"]["msisdn"], self.answers.get("*", 200))
        if status < 300:
            self.received.append((request.headers["webhook-id"], body))
        else:
            self.refused += 1
        return web.Response(status=status)

    def told(self, msisdn: str) -> list[str]:
        """What was told of a number, in the order of its arrival, repeats dropped."""
        ids = dict.fromkeys(name for name, body in self.received if body["data"]["msisdn"] == msisdn)
        bodies = dict(reversed(self.received))
        return [bodies[name]["data"]["status"] for name in ids]

    @property
    def ids(self) -> set[str]:
        return {name for name, _ in self.received}


class Installation:
    starts_within_s = 20.0

    def __init__(self, folder: Path, *, schedule: str, extra: str) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("receiver0", "receiver1", "in0", "in1", "dis0", "dis1")}
        self.processes: dict[str, Process] = {}
        self._schedule = schedule
        self._extra = extra
        self.url = f"unix://{folder}/store.sock"
        self.sink = Sink()

    def hook(self, receiver: int = 0, token: str = TOKEN) -> str:
        return f"http://127.0.0.1:{self.ports[f'receiver{receiver}']}/hooks/{token}"

    async def start_store(self) -> None:
        command = embedded.command(embedded.find_binary(), self.folder, self.folder / "store.sock")
        (self.folder / "store").mkdir(exist_ok=True)
        await self._spawn("store", command)
        await embedded.wait_ready(self.url, timeout=20)

    async def start_receiver(self, number: int = 0) -> None:
        config = self._config(number)
        await self._spawn(f"receiver{number}", [sys.executable, "-m", "receiver"], config)
        await self.wait_for(f"http://127.0.0.1:{self.ports[f'receiver{number}']}/readyz", of=f"receiver{number}")

    async def start_dispatcher(self, number: int = 0) -> None:
        await self._spawn(f"dispatcher{number}", [sys.executable, "-m", "dispatcher"], self._config(number))
        await self.wait_for(f"http://127.0.0.1:{self.ports[f'dis{number}']}/readyz", of=f"dispatcher{number}")

    async def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> int:
        process = self.processes.pop(name)
        process.send_signal(how)
        return await process.wait()

    def log_of(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    async def register(self, *endpoints: Endpoint) -> None:
        async with self.opened() as store:
            registry = Registry(store)
            for row in (Account(id=ACME), a_campaign(), a_source(token=TOKEN), *endpoints):
                await registry.put(row)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        async with Store.open(self.url, partitions=16, durability="fsync") as store:
            yield store

    async def history(self, msisdn: str) -> list[Event]:
        async with self.opened() as store:
            return await Ledger(store).history(ACME, Msisdn(msisdn), limit=10_000)

    async def owed(self, endpoint: Endpoint) -> int:
        async with self.opened() as store:
            return (await Backlog(store).depth(endpoint.id)).owed

    async def wait_for(self, url: str, *, of: str = "") -> None:
        """`of`: the process that is to answer. If it ends instead, its last words are the failure."""

        async def answers() -> bool:
            if of and self.processes[of].returncode is not None:
                raise AssertionError(f"{of} ended: {self.log_of(of)[-2000:]}")
            try:
                async with aiohttp.ClientSession() as session, session.get(url) as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        await eventually(answers, within=self.starts_within_s)

    async def _spawn(self, name: str, command: list[str], config: Path | None = None) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CONSENT_RELAY")}
        if config:
            environment["CONSENT_RELAY_CONFIG"] = str(config)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, env=environment, stdout=log, stderr=log
            )

    def _config(self, number: int) -> Path:
        path = self.folder / f"relay{number}.toml"
        path.write_text(
            f'[store]\nurl = "{self.url}"\n'
            f"[receiver]\nport = {self.ports[f'receiver{number}']}\ninternal_port = {self.ports[f'in{number}']}\n"
            f'parts_wait = "1s"\n'
            f"[dispatcher]\nport = {self.ports[f'dis{number}']}\nschedule = {self._schedule}\n"
            f'egress_allow = ["127.0.0.0/8"]\n{self._extra}\n'
        )
        return path


@asynccontextmanager
async def installation(
    folder: Path,
    *,
    schedule: str = '["0s", "100ms", "100ms", "200ms", "200ms", "200ms", "500ms", "24h"]',
    extra: str = "",
) -> AsyncIterator[Installation]:
    """Store and sink are up; the processes are the test's to start."""
    here = Installation(folder, schedule=schedule, extra=extra)
    async with AsyncExitStack() as stack:
        here.sink.url = await stack.enter_async_context(listening(here.sink.take))
        stack.push_async_callback(_end, here)
        await here.start_store()
        yield here


async def _end(here: Installation) -> None:
    for name in sorted(here.processes, key=lambda name: name == "store"):
        await here.kill(name)


def crm(sink: Sink, **changed: Any) -> Endpoint:
    return an_endpoint("crm", url=sink.url, **changed)


def text(msisdn: str, word: str, *, identity: str, at: str = "2014-06-27 18:31:33", **more: str) -> dict[str, str]:
    """The parameters of an inbound SMS as Nexmo posts them."""
    return {
        "msisdn": msisdn,
        "to": "123456",
        "messageId": identity,
        "text": word,
        "type": "text",
        "keyword": word.split(maxsplit=1)[0].upper(),
        "message-timestamp": at,
        **more,
    }
