"""A whole installation that can be hurt: one store, two receivers, two dispatchers in processes of their own, a way to
the store that can be cut, and three endpoints. All on loopback, in a folder that is gone afterwards.

However the suite ends, so do its processes: each leads a group of its own, and the relay's own lifeline, a small
process at the other end of a pipe, stops those groups when the suite is gone (console/lifeline.py).
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from redis.asyncio import Redis

from consent.ledger import Durability, Registry, Store
from consent.model import Account, AccountId, Campaign, Endpoint, EndpointId, Source, SourceId
from console import embedded
from console.lifeline import Lifeline
from tests.chaos import jumping, sink
from tests.chaos.link import Link, linked
from tests.chaos.messages import CAMPAIGNS, SHORT_CODE, SIGNATURE_SECRET, TOKENS
from tests.chaos.schedule import DISPATCHERS, FALTERING, HANGING, RECEIVERS, STEADY, STORE
from tests.chaos.sink import Sink
from tests.chaos.waiting import came_true
from tests.e2e.installation import eventually, free_port

ROOT = Path(__file__).parents[2]
ACME = AccountId("acme")
PARTITIONS = 16
ENDPOINTS = (STEADY, FALTERING, HANGING)
REPLICA = "replica"
MANY_SOON = ["0s", "200ms", "500ms", *["1s"] * 20, *["2s"] * 200]
"""No delivery is ever given up: whatever does not arrive is lost."""
_READY_S = 30.0


def socket_of(folder: Path, number: int) -> Path:
    return folder / f"store{number}.sock"


def endpoint_id(name: str) -> EndpointId:
    return EndpointId(f"{ACME}/{name}")


@dataclass(slots=True)
class World:
    folder: Path
    link: Link
    sinks: dict[str, Sink]
    lifeline: Lifeline
    in_flight: int = 16
    has_replica: bool = False
    """Of the store; then durability is "replicated", and the store may be lost for good."""
    primary: int = 0
    """Which of two stores is the one."""
    processes: dict[str, Process] = field(default_factory=dict)
    ports: dict[str, tuple[int, int]] = field(default_factory=dict)
    died: list[str] = field(default_factory=list)
    """Who ended without being told to, and how."""

    @property
    def url(self) -> str:
        """Straight to the store, past the link that everybody else goes by."""
        return f"unix://{socket_of(self.folder, self.primary)}"

    @property
    def durability(self) -> Durability:
        return "replicated" if self.has_replica else "fsync"

    def log_of(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def is_running(self, name: str) -> bool:
        return name in self.processes and self.processes[name].returncode is None

    async def start(self, name: str, *, ahead: float = 0.0) -> None:
        """A store is waited for. The others are not, since they may have none; their clock may run so far ahead."""
        if name == STORE:
            await self._start_store(name, self.primary)
            return
        module = name.rstrip("0123456789")
        jumping.set_ahead(self._ahead(name), ahead)
        command = [sys.executable, "-m", "tests.chaos.jumping", str(self._ahead(name)), module]
        await self._spawn(name, command, CONSENT_RELAY_CONFIG=str(self._configured(name)))

    async def start_ready(self, names: Sequence[str]) -> None:
        for name in names:
            await self.start(name)
        await asyncio.gather(*(self.wait_ready(name) for name in names if name != STORE))

    async def start_replica(self) -> None:
        """An empty one; it copies everything."""
        number = 1 - self.primary
        shutil.rmtree(self.folder / str(number), ignore_errors=True)
        await self._start_store(REPLICA, number)
        async with Redis.from_url(f"unix://{socket_of(self.folder, number)}") as redis:
            await redis.replicaof("127.0.0.1", str(self._port_of_store(self.primary)))

            async def is_linked() -> bool:
                return str((await redis.info("replication"))["master_link_status"]) == "up"

            await eventually(is_linked, within=_READY_S)

    async def fail_over(self, *, after: float) -> None:
        """The store is gone for good; the replica takes its place, and gets a replica of its own."""
        await self.end(STORE, signal.SIGKILL)
        await asyncio.sleep(after)
        self.processes[STORE] = self.processes.pop(REPLICA)
        self.primary = 1 - self.primary
        async with Redis.from_url(self.url) as redis:
            await redis.replicaof("NO", "ONE")
        self.link.path = socket_of(self.folder, self.primary)
        await self.start_replica()

    async def _start_store(self, name: str, number: int) -> None:
        data, path = self.folder / str(number), socket_of(self.folder, number)
        (data / "store").mkdir(parents=True, exist_ok=True)
        command = embedded.command(embedded.find_binary(), data, path)
        if self.has_replica:  # stores find one another by TCP alone
            command += ["--port", str(self._port_of_store(number)), "--bind", "127.0.0.1"]
        await self._spawn(name, command)
        await embedded.wait_ready(f"unix://{path}", timeout=_READY_S)

    def _port_of_store(self, number: int) -> int:
        return self.ports.setdefault(f"store{number}", (free_port(), 0))[0]

    def send(self, name: str, number: signal.Signals) -> None:
        if self.is_running(name):
            self.processes[name].send_signal(number)

    async def end(self, name: str, how: signal.Signals) -> None:
        """SIGTERM gets as long as an operator's patience lasts, then force."""
        process = self.processes[name]
        self._note_death(name)
        if process.returncode is None:
            process.send_signal(how)
            try:
                async with asyncio.timeout(20):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self.lifeline.forget(process.pid)
        del self.processes[name]

    def deaths(self) -> list[str]:
        """Those of processes that still should run, too."""
        for name in self.processes:
            self._note_death(name)
        return self.died

    def _note_death(self, name: str) -> None:
        if (code := self.processes[name].returncode) is not None:
            self.died.append(f"{name} ended by itself with {code}")

    def set_clock_ahead(self, name: str, seconds: float) -> None:
        jumping.set_ahead(self._ahead(name), seconds)

    async def wait_ready(self, name: str) -> None:
        url = f"http://127.0.0.1:{self.ports[name][1]}/readyz"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:

            async def is_ready() -> bool:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(url) as response:
                        return response.status == 200
                return False

            if not await came_true(is_ready, within=_READY_S):
                raise AssertionError(f"{name} was not ready: {self.log_of(name).read_text()[-2000:]}")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        async with Store.open(self.url, partitions=PARTITIONS, durability="memory") as store:
            yield store

    async def register(self) -> None:
        async with self.opened() as store:
            registry = Registry(store)
            await registry.put(Account(id=ACME))
            for campaign in CAMPAIGNS:
                await registry.put(Campaign(account=ACME, id=campaign, short_code=SHORT_CODE))
            for provider, token in TOKENS.items():
                secret = SIGNATURE_SECRET if provider == "nexmo" else ""
                await registry.put(
                    Source(
                        account=ACME,
                        id=SourceId(provider),
                        provider=provider,
                        token=token,
                        signature_secret=secret,
                    )
                )
            for name, listener in self.sinks.items():
                await registry.put(
                    Endpoint(
                        account=ACME,
                        id=endpoint_id(name),
                        url=listener.url,
                        secrets=(sink.SECRET,),
                        max_in_flight=self.in_flight,
                    )
                )

    def keep_logs(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for file in self.folder.glob("*.log"):
            shutil.copy(file, folder)

    async def close(self) -> None:
        for name in sorted(self.processes, key=lambda name: name in {STORE, REPLICA}):
            await self.end(name, signal.SIGKILL)

    async def _spawn(self, name: str, command: Sequence[str], **environment: str) -> None:
        ours = {key: value for key, value in os.environ.items() if not key.startswith("CONSENT_RELAY")}
        with self.log_of(name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT,
                env={**ours, **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes[name] = process
        self.lifeline.watch(process.pid)

    def _ahead(self, name: str) -> Path:
        return self.folder / f"{name}.ahead"

    def _configured(self, name: str) -> Path:
        public, internal = self.ports.setdefault(name, (free_port(), free_port()))
        path = self.folder / f"{name}.toml"
        path.write_text(
            f'[store]\nurl = "{self.link.url}"\npartitions = {PARTITIONS}\n'
            f'durability = "{self.durability}"\n'
            f"[receiver]\nport = {public}\ninternal_port = {internal}\n"
            f'[dispatcher]\nport = {internal}\nschedule = {MANY_SOON}\ntimeout = "3s"\n'
            f'egress_allow = ["127.0.0.0/8"]\n[log]\nformat = "json"\n'
        )
        return path


@asynccontextmanager
async def world(
    *,
    endpoints: Sequence[str] = ENDPOINTS,
    processes: Sequence[str] = (*RECEIVERS, *DISPATCHERS),
    in_flight: int = 16,
    has_replica: bool = False,
) -> AsyncIterator[World]:
    """Everything registered, the store and these processes ready. A short folder: a socket's path has little room."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cr-chaos-")))
        lifeline = stack.enter_context(Lifeline())
        link = await stack.enter_async_context(linked(socket_of(folder, 0)))
        sinks = {name: await stack.enter_async_context(sink.listening(name)) for name in endpoints}
        here = World(folder, link, sinks, lifeline, in_flight, has_replica)
        stack.push_async_callback(here.close)
        await here.start(STORE)
        if has_replica:
            await here.start_replica()
        await here.register()
        await here.start_ready(processes)
        yield here
