"""Workers share one port: each of them serves, one that is killed costs a second try, what is under way is answered."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import aiohttp

from tests.e2e.installation import Installation, crm, eventually, text
from tests.workers.crewed import PATIENCE_S, Crew, crew, is_alive

NUMBERS = [f"1650242{n:04}" for n in range(24)]


class Provider:
    """Posts each text, and once again if the connection breaks: a moment later, when who died is gone. The kernel
    closes what a process had open one by one, and its listening socket may come last."""

    def __init__(self, here: Installation, http: aiohttp.ClientSession) -> None:
        self._here = here
        self._http = http
        self.statuses: list[int] = []
        self.said: Counter[str] = Counter()
        self.is_silent = False
        self.repeated = 0
        self.killed: list[int] = []

    async def texts_of(self, number: str, rounds: Iterable[int]) -> None:
        for turn in rounds:
            word = ("STOP", "START")[turn % 2]
            at = f"2014-06-27 18:{turn // 60:02}:{turn % 60:02}"
            await self.post(text(number, word, identity=f"{number}-{turn}", at=at))
            self.said[number] += 1
            if self.is_silent:
                return

    async def post(self, sms: dict[str, str]) -> None:
        try:
            self.statuses.append(await self._status(sms))
        except aiohttp.ClientError:
            self.repeated += 1
            await eventually(lambda: not any(map(is_alive, self.killed)))
            self.statuses.append(await self._status(sms))

    async def _status(self, sms: dict[str, str]) -> int:
        async with self._http.post(self._here.hook(), data=sms) as response:
            return response.status


def one_shot() -> aiohttp.ClientSession:
    """A connection for each request: a pool would hold some to a worker that died."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, limit=0))


async def test_connections_are_spread_over_the_workers_and_each_of_them_serves(here: Installation) -> None:
    await here.register()
    async with crew(here, "receiver") as receivers, one_shot() as http:
        provider = Provider(here, http)
        await asyncio.gather(*(provider.texts_of(number, range(4)) for number in NUMBERS))

        assert set(provider.statuses) == {200}
        assert receivers.active("webhook.accepted") == {1, 2}


async def test_a_worker_killed_under_load_costs_a_second_try_and_nothing_that_was_acknowledged(
    here: Installation,
) -> None:
    await here.register()
    async with crew(here, "receiver") as receivers, one_shot() as http:
        provider = Provider(here, http)
        load = asyncio.gather(*(provider.texts_of(number, count()) for number in NUMBERS))
        for deaths, victim in ((1, 1), (2, 2)):
            said = len(provider.statuses)
            await eventually(lambda said=said: len(provider.statuses) > said + 100, within=PATIENCE_S)  # type: ignore[misc]
            provider.killed.append(receivers.pids()[victim])
            receivers.kill(victim)
            await receivers.back_after(deaths)
        provider.is_silent = True
        await load

        assert set(provider.statuses) == {200}  # never 503: a new worker takes its share once it is ready
        assert receivers.active("webhook.accepted") == {1, 2}
        for number in NUMBERS:
            expected = [("opted_out", "opted_in")[turn % 2] for turn in range(provider.said[number])]
            assert [event.status for event in reversed(await here.history(number))] == expected


async def test_on_sigterm_each_worker_answers_what_is_under_way(here: Installation) -> None:
    await here.register()
    async with crew(here, "receiver") as receivers, aiohttp.ClientSession() as http:
        provider = Provider(here, http)
        await asyncio.gather(*(provider.texts_of(number, range(1)) for number in NUMBERS))
        assert receivers.active("webhook.accepted") == {1, 2}  # over connections that stay

        here.processes["store"].send_signal(signal.SIGSTOP)
        asking = asyncio.gather(*(provider.texts_of(number, range(1, 2)) for number in NUMBERS))
        await asyncio.sleep(0)
        await eventually(lambda: all_read(here.ports["receiver0"], connections=len(NUMBERS)))
        ending = asyncio.create_task(receivers.end())
        await eventually(lambda: receivers.active("receiver.stopping") == {1, 2}, within=PATIENCE_S)
        here.processes["store"].send_signal(signal.SIGCONT)

        assert await ending == 0
        await asking
        assert provider.statuses == [200] * 2 * len(NUMBERS)
        assert provider.repeated == 0


async def test_a_second_signal_does_not_wait(here: Installation) -> None:
    await here.register()
    async with crew(here, "receiver") as receivers:
        receivers.kill(1, signal.SIGSTOP)  # deaf to the first one
        parent = here.processes.pop(receivers.name)
        workers = receivers.pids()

        parent.send_signal(signal.SIGTERM)
        await eventually(lambda: not is_alive(workers[2]), within=PATIENCE_S)
        assert is_alive(workers[1])
        parent.send_signal(signal.SIGTERM)

        async with asyncio.timeout(5):  # it would have been given 10 s
            await parent.wait()
        assert not is_alive(workers[1])


async def test_no_worker_outlives_a_parent_that_was_killed(here: Installation) -> None:
    await here.register()
    async with crew(here, "receiver") as receivers:
        workers = receivers.pids().values()
        assert len(workers) == 2
        assert all(map(is_alive, workers))

        await here.kill(receivers.name)

        await eventually(lambda: not any(map(is_alive, workers)), within=PATIENCE_S)


async def test_a_load_balancer_keeps_the_machine_while_one_worker_is_ready_and_loses_it_with_the_last(
    here: Installation,
) -> None:
    await here.register()
    async with crew(here, "receiver") as receivers:
        receivers.kill(2, signal.SIGSTOP)
        await eventually(lambda: said(receivers, "not_ready", 1), within=PATIENCE_S)
        assert await receivers.get("/readyz") == (200, "ready\n")

        await here.kill("store")
        receivers.kill(2, signal.SIGCONT)
        await eventually(lambda: said(receivers, "not_ready", 2), within=PATIENCE_S)
        status, why = await receivers.get("/readyz")
        assert status == 503
        assert why.startswith("not ready: worker 1, 2: ")
        assert (await receivers.get("/healthz"))[0] == 200


async def said(receivers: Crew, state: str, count: int) -> bool:
    return await receivers.value("consent_relay_workers", state=state) == count


async def test_a_whole_way_leads_through_workers(here: Installation) -> None:
    await here.register(crm(here.sink))
    async with crew(here, "receiver"), crew(here, "dispatcher"), one_shot() as http:
        provider = Provider(here, http)
        await asyncio.gather(*(provider.texts_of(number, range(3)) for number in NUMBERS))

        await eventually(lambda: all(len(here.sink.told(number)) == 3 for number in NUMBERS), within=PATIENCE_S)
        assert all(here.sink.told(number) == ["opted_out", "opted_in", "opted_out"] for number in NUMBERS)


def all_read(port: int, *, connections: int) -> bool:
    """Whether so many connections are open at the port, and everything was read that came over them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established = [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]
    return len(established) >= connections and all(row[4].endswith(":00000000") for row in established)
