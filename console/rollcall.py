"""How is each worker? Asked again and again at its socket: ready or not, silent, and what it has counted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from config.merging import Merging, Telling
from config.metrics import counter, gauge, once
from config.probes import PROCESS
from config.process import Worker

URL = "http://worker"
"""What stands before a path; where it leads, the socket says."""
_ASK_EVERY_S = 0.5
_ANSWER_WITHIN_S = 5.0
_SILENT_S = 30.0
"""As long as a service manager waits for the signs of life of a process that stands alone: WatchdogSec of its unit."""


class Rollcall:
    def __init__(
        self, workers: Sequence[Worker], *, silent_s: float = _SILENT_S, answer_within_s: float = _ANSWER_WITHIN_S
    ) -> None:
        self._workers = workers
        self._silent_s = silent_s
        self._within = aiohttp.ClientTimeout(total=answer_within_s)
        self._reasons: dict[int, str | None] = {worker.number: "starting" for worker in workers}
        self.merging = Merging(own=REGISTRY.collect)
        self._asking = asyncio.Lock()

    @property
    def ready(self) -> int:
        """How many are."""
        return sum(reason is None for reason in self._reasons.values())

    def incomplete(self) -> str | None:
        """Which are not ready, and why; None when all are."""
        named: dict[str, list[str]] = {}
        for number, reason in self._reasons.items():
            if reason is not None:
                named.setdefault(reason, []).append(str(number))
        return "; ".join(f"worker {', '.join(who)}: {reason}" for reason, who in named.items()) or None

    def unready(self) -> str | None:
        """None as soon as one is ready: whoever sends us work shall not stop because another was started again."""
        return None if self.ready else self.incomplete()

    async def watch(self, worker: Worker, hangs: Callable[[], None]) -> None:
        """For ever. `hangs` is called when it has taken questions for too long without answering."""
        clock = asyncio.get_running_loop().time
        answered = clock()
        async with _connected(worker, self._within) as session:
            while True:
                try:
                    self._reasons[worker.number] = await _reason(session)
                    answered = clock()
                except TimeoutError:
                    self._reasons[worker.number] = "does not answer"
                    if clock() - answered >= self._silent_s:
                        hangs()
                        answered = clock()
                except aiohttp.ClientError:  # nobody is there: it starts, or is to be started again
                    self._reasons[worker.number] = "starting"
                    answered = clock()
                await asyncio.sleep(_ASK_EVERY_S)

    async def count(self) -> None:
        """Ask each what it has counted; once at a time, or an old answer might undo a newer one."""
        async with self._asking:
            await asyncio.gather(*(self._hear(worker) for worker in self._workers))

    async def _hear(self, worker: Worker) -> None:
        try:
            async with _connected(worker, self._within) as session, session.get(f"{URL}/metrics") as response:
                telling = Telling.read(response.headers[PROCESS], await response.text())
        except (aiohttp.ClientError, TimeoutError):
            self.merging.miss(worker.number)
        else:
            self.merging.hear(worker.number, telling)


class Standing(Collector):
    """What a parent adds to what its workers tell."""

    def __init__(self, rollcall: Rollcall, *, workers: int, deaths: Callable[[], int]) -> None:
        self._rollcall = rollcall
        self._workers = workers
        self._deaths = deaths

    def collect(self) -> Iterator[Metric]:
        ready = self._rollcall.ready
        by_state = [(("ready",), ready), (("not_ready",), self._workers - ready)]
        yield gauge("workers", "Workers under this parent.", by_state, labels=("state",))
        yield counter("worker_deaths", "Workers that died, and were started again.", once(self._deaths()))


@asynccontextmanager
async def _connected(worker: Worker, within: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.UnixConnector(str(worker.socket))
    async with aiohttp.ClientSession(connector=connector, timeout=within) as session:
        yield session


async def _reason(session: aiohttp.ClientSession) -> str | None:
    async with session.get(f"{URL}/readyz") as response:
        said = (await response.text()).strip()
        return None if response.status == 200 else said.removeprefix("not ready: ")
