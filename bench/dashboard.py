"""How far behind is the dashboard, and what does it cost the store?

    python -m bench.dashboard [--rate 1000] [--seconds 10]

A whole installation takes signed webhooks at an even pace and delivers them, while one person, then three, watch the
page *Now*, each logged in, over its stream of server-sent events. An event is seen with the first picture that shows it
or a newer one; how far behind is the time since the store recorded it. A rate has risen when it is first not nothing.

What a picture costs the store cannot be told from its CPU time at that load, which differs by more between two runs. So
the dispatcher is stopped with a backlog of two seconds, when nothing else happens and there is most to be counted, and
the store's CPU time and commands with viewers are compared with those without. Eight endpoints are registered, as many
as one picture counts the backlog of; one of them is told of events.
"""

import argparse
import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import orjson
from redis.asyncio import Redis

from bench import arrivals, load
from bench.cpu import Meter
from bench.installation import (
    ENDPOINT_SECRET,
    OTHER_CORE,
    SERVER_CORE,
    add_endpoint,
    dispatcher,
    process,
    relay,
    state_of,
    store,
    wait_ready,
)
from bench.webhooks import nexmo_posts
from consent.ledger import Registry, Store
from consent.model import EndpointId
from console.pages.poller import LINGER_S

TOKEN = "bench-console-token-16-chars"
VIEWERS = (1, 3)
_EVENT = re.compile(r"/events/evt_\d+_(\d+)_(\d+)")
_RATE = re.compile(r'Events in</dt><dd class="figure">([\d.,]+)')
_PATIENCE_S = 30.0

Place = tuple[int, int]
"""In the log: milliseconds, and a counter within them."""


@dataclass(slots=True)
class Viewer:
    """Somebody who has the page open, and what she saw when."""

    seen: list[tuple[float, Place]] = field(default_factory=list)
    """When a picture came, in ms, and the newest event that it shows."""
    rates: list[tuple[float, float]] = field(default_factory=list)
    """When a figure came, and how many events a second it says."""

    async def watch(self, url: str) -> None:
        async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            async with http.post("/login", data={"token": TOKEN}) as page:
                page.raise_for_status()
            timeout = aiohttp.ClientTimeout(total=None)
            async with http.get("/live", allow_redirects=False, timeout=timeout) as stream:
                if stream.status != 200:
                    raise SystemExit(f"the log-in did not open the stream: {stream.status}")
                async for line in stream.content:
                    if line.startswith(b"data: "):
                        self._look(time.time() * 1000, orjson.loads(line.removeprefix(b"data: ")))

    def _look(self, now: float, regions: dict[str, str]) -> None:
        if shown := _EVENT.findall(regions.get("latest", "")):
            self.seen.append((now, max((int(ms), int(counter)) for ms, counter in shown)))
        if told := _RATE.search(regions.get("figures", "")):
            self.rates.append((now, float(told[1].replace(",", ""))))

    @property
    def sees_calm(self) -> bool:
        return bool(self.rates) and self.rates[-1][1] == 0

    def has_seen(self, place: Place) -> bool:
        return bool(self.seen) and self.seen[-1][1] >= place

    def risen(self, since: int) -> float:
        """After so many ms she saw that something happens."""
        return next(came - since for came, rate in self.rates if came >= since and rate > 0)

    def behind(self, recorded: list[Place]) -> list[float]:
        """Of each of these events, in order: ms from its record to the first picture as new as it."""
        pictures, lags = iter(self.seen), []
        came, newest = next(pictures, (0.0, (0, 0)))
        for place in recorded:
            while newest < place:
                came, newest = next(pictures)
            lags.append(came - place[0])
        return lags


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of the store, a second."""

    cpu_us: float
    commands: float


class Measuring:
    def __init__(self, url: str, options: argparse.Namespace, *, store_pid: int, dispatcher_pid: int) -> None:
        self._url = url
        self._rate: int = options.rate
        self._seconds: int = options.seconds
        self._port: int = options.port
        self._meter = Meter(store=store_pid)
        self._dispatcher = dispatcher_pid
        self._runs = 0

    async def busy(self, viewers: int) -> tuple[Cost, load.Result]:
        """Prints how far behind each is, from before the first webhook to after the last delivery."""
        async with self._watching(viewers) as watched:
            began = await self._now()
            async with self._costing() as costs:
                posted = await self._post(self._seconds)
                await asyncio.to_thread(arrivals.wait_for, self._port, self._rate * self._seconds)
            recorded = await self._recorded(began)
            await until(lambda: all(viewer.has_seen(recorded[-1]) for viewer in watched), "shows the last event")
        lags = sorted(lag for viewer in watched for lag in viewer.behind(recorded))
        risen = sorted(viewer.risen(recorded[0][0]) for viewer in watched)
        if watched:
            print(
                f"  {viewers} watching: events seen after p50 {lags[len(lags) // 2]:.0f} ms, "
                f"p95 {lags[len(lags) * 95 // 100]:.0f} ms, at most {lags[-1]:.0f} ms; "
                f"rates risen after {risen[0]:.0f} to {risen[-1]:.0f} ms"
            )
        return costs[0], posted

    async def still(self, viewers: Sequence[int]) -> list[Cost]:
        """With a backlog, while nothing happens but that so many watch."""
        os.kill(self._dispatcher, signal.SIGSTOP)
        try:
            await self._post(2)
            costs = []
            for count in viewers:
                async with self._watching(count), self._costing() as found:
                    await asyncio.sleep(self._seconds)
                costs += found
        finally:
            os.kill(self._dispatcher, signal.SIGCONT)
        await asyncio.to_thread(arrivals.wait_for, self._port, self._rate * 2)
        return costs

    async def _post(self, seconds: int) -> load.Result:
        self._runs += 1
        arrivals.forget(self._port)
        posts = nexmo_posts(self._rate * seconds, self._runs)
        posted = await asyncio.to_thread(load.run, self._port + 1, posts, connections=64, rate=self._rate)
        if posted.statuses != {200: len(posts)}:
            raise SystemExit(f"sent {len(posts)}, answered {posted.statuses}")
        return posted

    @asynccontextmanager
    async def _watching(self, count: int) -> AsyncIterator[list[Viewer]]:
        """So many see that nothing happens; or nobody looks any more."""
        viewers = [Viewer() for _ in range(count)]
        async with AsyncExitStack() as stack:
            for viewer in viewers:
                task = asyncio.create_task(viewer.watch(f"http://127.0.0.1:{self._port + 4}"))
                stack.callback(task.cancel)
            if not viewers:
                await asyncio.sleep(LINGER_S + 2)
            await until(lambda: all(viewer.sees_calm for viewer in viewers), "says that nothing happens")
            yield viewers

    @asynccontextmanager
    async def _costing(self) -> AsyncIterator[list[Cost]]:
        """What the store does meanwhile, once it is over."""
        costs: list[Cost] = []
        commands, began = await self._commands(), time.perf_counter()
        self._meter.lap()
        yield costs
        took, used = time.perf_counter() - began, self._meter.lap()["store"]
        costs.append(Cost(cpu_us=used * 1e6 / took, commands=(await self._commands() - commands) / took))

    async def _commands(self) -> int:
        """So far, what functions call among them."""
        async with Redis.from_url(self._url) as redis:
            stats = await redis.info("commandstats")
        return sum(one["calls"] for one in stats.values())

    async def _now(self) -> int:
        async with Redis.from_url(self._url) as redis:
            seconds, micros = await redis.time()
        return int(seconds * 1000 + micros // 1000)

    async def _recorded(self, since: int) -> list[Place]:
        async with Store.open(self._url, partitions=16, durability="fsync") as opened:
            logs = [await opened.redis.xrange(keys.log, since) for keys in opened.keys]
        return sorted(_place(name) for log in logs for name, _ in log)


async def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"the dashboard never {what}")
        await asyncio.sleep(0.05)


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {OTHER_CORE % (os.cpu_count() or 1)})
    port = options.port
    sink = [sys.executable, "-m", "bench.sink", str(port), ENDPOINT_SECRET]
    with store() as (folder, url), process(sink, core=OTHER_CORE):
        asyncio.run(add_endpoint(url, f"http://127.0.0.1:{port}/hook", max_in_flight=64))
        asyncio.run(add_others(url, 7))
        with relay(folder, url, port + 1), dispatcher(folder, url, port + 1) as sending, console(folder, port + 4):
            print(f"{load.machine()}; {options.rate} webhooks a second for {options.seconds} s, 8 endpoints")
            asyncio.run(measured(url, options, dispatcher_pid=sending.pid))


async def measured(url: str, options: argparse.Namespace, *, dispatcher_pid: int) -> None:
    store_pid = (await state_of(url)).pid
    measuring = Measuring(url, options, store_pid=store_pid, dispatcher_pid=dispatcher_pid)
    loaded, posted = await measuring.busy(0)
    print(f"  nobody: {posted.rate:.0f} taken/s, all delivered; store {loaded.cpu_us / 1000:.0f} ms of CPU a second")
    for viewers in VIEWERS:
        await measuring.busy(viewers)
    nobody, *watched = await measuring.still((0, *VIEWERS))
    for viewers, cost in zip(VIEWERS, watched, strict=True):
        more = cost.cpu_us - nobody.cpu_us
        print(
            f"  {viewers} watching: store {more / 1000:.2f} ms of CPU a second more, {more / loaded.cpu_us:.1%}; "
            f"{cost.commands - nobody.commands:.0f} commands a second more"
        )


@contextmanager
def console(folder: Path, port: int) -> Iterator[None]:
    environment = {
        **os.environ,
        "CONSENT_RELAY_CONFIG": str(folder / "bench.toml"),
        "CONSENT_RELAY_CONSOLE__PORT": str(port),
        "CONSENT_RELAY_CONSOLE__TOKEN": TOKEN,
    }
    with process([sys.executable, "-m", "console"], core=SERVER_CORE, env=environment):
        wait_ready(port)
        yield


async def add_others(url: str, count: int) -> None:
    """Who ask for what never comes."""
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        registry = Registry(opened)
        kept = (await registry.directory()).endpoints[EndpointId("acme/sink")]
        for n in range(count):
            await registry.put(replace(kept, id=EndpointId(f"acme/other{n}"), events=("message.status",)))


def _place(name: bytes) -> Place:
    ms, counter = name.split(b"-")
    return int(ms), int(counter)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--port", type=int, default=19170)
    return parser.parse_args()


if __name__ == "__main__":
    main()
