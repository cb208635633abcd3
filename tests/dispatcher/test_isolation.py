"""One bad endpoint harms nobody else; its own deliveries are held for it, in order, and none is spent on a closed door.

Everything is real: the store, the loop, and endpoints on loopback that hang, drag, fail or answer.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook
from structlog.testing import capture_logs

from config.background import persist
from config.clock import system_clock
from consent.ledger import Backlog, Bulk, Entry, Health, HealthRules, Kind, Ledger, Queue, Registry, Replays, Store
from consent.model import Change, Endpoint, EventType, Millis, Msisdn, Recorded, Status
from dispatcher.announce import Announcing
from dispatcher.attempt import Attempts
from dispatcher.deadline import Deadline
from dispatcher.deliver import Delivering
from dispatcher.distribute import Distributing
from dispatcher.gate import Gate
from dispatcher.retry import RetryPolicy
from dispatcher.send import Sender
from tests.builders import ACME, ALERTS, BOB, NOON, SECRET, a_delivery, a_start, a_stop, an_endpoint
from tests.e2e.installation import eventually
from tests.listening import listening

RULES = HealthRules(breaker_failures=5, breaker_wait=Millis(200), breaker_longest=Millis(400), failing_for=Millis(0))
TIMEOUT, LONG = Millis(2000), Millis(600_000)


class Endpoints:
    """Answers by path as told; keeps what arrived, in order."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, Callable[[], Awaitable[web.Response]]] = {}
        self.asked: defaultdict[str, int] = defaultdict(int)
        self.arrived: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    async def take(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        body = Webhook(SECRET).verify(await request.read(), dict(request.headers))
        self.asked[name] += 1
        response = await self.answers.get(name, fine)()
        if response.status == 200:
            self.arrived[name].append(body)
        return response

    def told(self, name: str) -> dict[str, list[str]]:
        """By number, in the order of arrival."""
        lanes: defaultdict[str, list[str]] = defaultdict(list)
        for body in self.arrived[name]:
            lanes[body["data"]["msisdn"]].append(body["data"]["status"])
        return dict(lanes)


async def fine() -> web.Response:
    return web.Response()


async def hangs() -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


async def drags() -> web.Response:
    await asyncio.sleep(0.4)
    return web.Response()


async def takes_a_moment() -> web.Response:
    await asyncio.sleep(0.01)
    return web.Response()


async def fails() -> web.Response:
    return web.Response(status=500)


class Dispatcher:
    """Loop, routing and watch of one dispatcher, as dispatcher/app.py wires them, without the process."""

    def __init__(self, store: Store, sender: Sender, *, concurrency: int, rules: HealthRules, deadline: Millis) -> None:
        self._store = store
        queue, self._health, self._registry = Queue(store), Health(store), Registry(store)
        self.gate = Gate(self._health, rules, probe_for=Millis(5000))
        self.deadline = Deadline(queue, self._health, deadline)
        policy = RetryPolicy(schedule=tuple(map(Millis, (0, 50, 100, 200, 400, 3_600_000))), jitter_ratio=0)
        self.delivering = Delivering(
            queue,
            Attempts(queue, sender, policy),
            self.gate,
            self.deadline,
            partitions=store.partitions,
            concurrency=concurrency,
        )
        self._distributing = Distributing(queue, self.delivering)
        self._announcing = Announcing(Ledger(store), self._health, queue, self.delivering.became_due)

    async def learn(self) -> None:
        directory = await self._registry.directory()
        standings = await self._health.standings()
        self.delivering.learn(standings)
        self.delivering.directory = self._distributing.directory = directory
        self.delivering.wake()
        await self._announcing.tell(standings, directory, system_clock())

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(persist("deliver", self.delivering.turn))
            tasks.create_task(persist("route events", self._distributing.step))
            tasks.create_task(persist("renew leases", self.delivering.heartbeat))
            while True:
                await self.learn()
                await asyncio.sleep(0.02)


Start = Callable[..., Awaitable[Dispatcher]]
Record = Callable[..., Awaitable[None]]


@pytest.fixture
async def endpoints() -> AsyncIterator[Endpoints]:
    built = Endpoints()
    async with listening(built.take, path="/{name}") as url:
        built.url = url.removesuffix("{name}")
        yield built


@pytest.fixture
def register(registry: Registry, endpoints: Endpoints) -> Callable[..., Awaitable[Endpoint]]:
    async def registered(name: str, **changed: Any) -> Endpoint:
        endpoint = an_endpoint(name, url=endpoints.url + name, **changed)
        await registry.put(endpoint)
        return endpoint

    return registered


@pytest.fixture
async def start(store_url: str) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:
        running: list[asyncio.Task[None]] = []

        async def started(*, concurrency: int = 32, rules: HealthRules = RULES, deadline: Millis = LONG) -> Dispatcher:
            store = await stack.enter_async_context(Store.open(store_url, partitions=4, durability="fsync"))
            sender = await stack.enter_async_context(Sender(timeout=TIMEOUT, egress_allow=(ip_network("127.0.0.0/8"),)))
            built = Dispatcher(store, sender, concurrency=concurrency, rules=rules, deadline=deadline)
            await built.learn()
            running.append(asyncio.create_task(built.run()))
            stack.push_async_callback(built.delivering.drain, 0)
            return built

        yield started
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@pytest.fixture
def record(ledger: Ledger) -> Record:
    async def recorded(*changes: Change) -> None:
        await asyncio.gather(*(ledger.apply(change) for change in changes))

    return recorded


def numbers(count: int) -> list[Msisdn]:
    return [Msisdn(f"1650242{n:04}") for n in range(count)]


async def test_a_healthy_endpoint_is_told_of_everything_beside_many_that_hang_drag_and_fail(
    start: Start, record: Record, register: Any, endpoints: Endpoints
) -> None:
    for n in range(6):
        await register(f"hangs-{n}")
        endpoints.answers[f"hangs-{n}"] = hangs
    for name, answer in (("drags", drags), ("fails", fails)):
        await register(name)
        endpoints.answers[name] = answer
    await register("healthy")
    await start(concurrency=32)

    await record(*(a_start(msisdn=number) for number in numbers(80)))
    await record(*(a_stop(msisdn=number, at=system_clock()) for number in numbers(80)))
    await eventually(lambda: len(endpoints.arrived["healthy"]) >= 160, within=10)

    assert endpoints.told("healthy") == {number: ["opted_in", "opted_out"] for number in numbers(80)}
    await eventually(lambda: len(endpoints.arrived["drags"]) > 0)


async def test_who_texts_stop_waits_for_no_list_whether_she_is_on_it_or_not(
    start: Start, record: Record, register: Any, endpoints: Endpoints, store: Store
) -> None:
    await register("crm", max_in_flight=2)
    endpoints.answers["crm"] = takes_a_moment
    on_the_list, bulk = numbers(400), Bulk(store)
    window = bulk.window()
    opted_in = Kind(ACME, ALERTS, Status.OPTED_IN)
    window.add([Entry(opted_in, number, NOON, NOON) for number in on_the_list])
    await bulk.enlist(window, received_at=system_clock())
    await start()
    await eventually(lambda: len(endpoints.arrived["crm"]) > 20)
    ann = next(number for number in reversed(on_the_list) if number not in endpoints.told("crm"))

    await record(a_stop(msisdn=ann, at=system_clock()), a_stop(msisdn=BOB, at=system_clock()))
    await eventually(lambda: {BOB, ann} <= endpoints.told("crm").keys())
    await eventually(lambda: endpoints.told("crm")[ann] == ["opted_in", "opted_out"])

    assert endpoints.told("crm")[BOB] == ["opted_out"]
    assert len(endpoints.arrived["crm"]) < 200


async def test_with_one_slot_nothing_waits_behind_a_replay_of_opt_outs(
    start: Start, record: Record, register: Any, endpoints: Endpoints, ledger: Ledger, store: Store
) -> None:
    crm = await register("crm", max_in_flight=1)
    endpoints.answers["crm"] = drags
    stops = [await ledger.apply(a_stop(msisdn=number)) for number in numbers(40)]
    for stretch in await Queue(store).unrouted(await Queue(store).cursors(), block=Millis(1)):
        await Queue(store).fan_out(stretch, [])
    events = [await ledger.event(stop.events[0]) for stop in stops if isinstance(stop, Recorded)]
    await Replays(store).queue(crm.id, [a_delivery(event, crm) for event in events if event], only_dead=False)
    await start()
    await eventually(lambda: len(endpoints.arrived["crm"]) > 1)

    await record(a_start(msisdn=BOB))
    await eventually(lambda: BOB in endpoints.told("crm"))

    assert len(endpoints.arrived["crm"]) < 16


async def test_an_open_breaker_spends_no_attempts_and_lets_one_probe_through_of_all_dispatchers(
    start: Start, record: Record, register: Any, endpoints: Endpoints, health: Health, backlog: Backlog
) -> None:
    crm = await register("crm", max_in_flight=5)
    endpoints.answers["crm"] = fails
    rules = replace(RULES, breaker_wait=Millis(600_000), breaker_longest=Millis(600_000))
    for _ in range(2):
        await start(rules=rules)
    await record(*(a_stop(msisdn=number, at=system_clock()) for number in numbers(60)))

    await eventually(lambda: is_open(health, crm))
    await asyncio.sleep(0.5)  # nothing is to happen now

    spent = sum([owed.attempts for owed in await backlog.owed(crm.id)])
    assert endpoints.asked["crm"] == spent <= 2 * (5 + rules.breaker_failures)
    assert (await backlog.depth(crm.id)).owed == 60


async def test_once_it_answers_a_probe_closes_the_breaker_and_all_of_it_arrives(
    start: Start, record: Record, register: Any, endpoints: Endpoints, health: Health, backlog: Backlog
) -> None:
    crm = await register("crm")
    endpoints.answers["crm"] = fails
    for _ in range(2):
        await start()
    await record(*(a_start(msisdn=number) for number in numbers(40)))
    await record(*(a_stop(msisdn=number, at=system_clock()) for number in numbers(40)))
    await eventually(lambda: is_open(health, crm))

    endpoints.answers["crm"] = fine
    await eventually(lambda: len(endpoints.arrived["crm"]) >= 80)

    assert endpoints.told("crm") == {number: ["opted_in", "opted_out"] for number in numbers(40)}
    assert (await backlog.depth(crm.id)).dead == 0


async def test_while_it_fails_only_probes_are_sent_one_at_a_time(
    start: Start, record: Record, register: Any, endpoints: Endpoints, health: Health
) -> None:
    at_once, most = 0, 0

    async def fails_slowly() -> web.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.1)
        at_once -= 1
        return web.Response(status=500)

    crm = await register("crm")
    endpoints.answers["crm"] = fails_slowly
    for _ in range(3):
        await start(rules=replace(RULES, breaker_wait=Millis(20), breaker_longest=Millis(20)))
    await record(*(a_stop(msisdn=number, at=system_clock()) for number in numbers(60)))
    await eventually(lambda: is_open(health, crm))
    await eventually(lambda: at_once == 0)
    most, asked = 0, endpoints.asked["crm"]

    await eventually(lambda: endpoints.asked["crm"] >= asked + 4)

    assert most == 1


async def test_hits_on_the_rate_spend_no_attempt_and_delay_nobody_else(
    start: Start, record: Record, register: Any, endpoints: Endpoints, backlog: Backlog
) -> None:
    crm = await register("crm", rate="20/s")
    await register("healthy")
    for _ in range(2):
        await start()

    await record(*(a_stop(msisdn=number, at=system_clock()) for number in numbers(60)))
    await eventually(lambda: len(endpoints.arrived["healthy"]) == 60)

    assert len(endpoints.arrived["crm"]) < 60
    assert {owed.attempts for owed in await backlog.owed(crm.id)} == {0}
    await eventually(lambda: len(endpoints.arrived["crm"]) == 60)
    assert await backlog.owed(crm.id) == []


async def test_410_disables_at_once_holds_what_is_owed_and_tells_the_other_endpoints(
    start: Start, record: Record, register: Any, endpoints: Endpoints, registry: Registry, backlog: Backlog
) -> None:
    crm = await register("crm", events=("consent.*", "endpoint.*"))
    await register("ops", events=("endpoint.*",))

    async def gone() -> web.Response:
        return web.Response(status=410)

    endpoints.answers["crm"] = gone
    await start()
    await record(*(a_start(msisdn=number) for number in numbers(10)))
    await eventually(lambda: len(endpoints.arrived["ops"]) == 1)
    await record(*(a_stop(msisdn=number, at=system_clock()) for number in numbers(10)))

    (told,) = endpoints.arrived["ops"]
    assert (told["type"], told["data"]["msisdn"]) == ("endpoint.disabled", "")
    assert told["data"]["endpoint"]["id"] == crm.id
    assert "410" in (await registry.directory()).endpoints[crm.id].disabled
    assert (await backlog.depth(crm.id)).dead == 0

    endpoints.answers["crm"] = fine
    await registry.enable(crm.id)
    await eventually(lambda: len(endpoints.arrived["crm"]) >= 20)
    assert endpoints.told("crm") == {number: ["opted_in", "opted_out"] for number in numbers(10)}
    await eventually(lambda: len(endpoints.arrived["ops"]) == 2)
    assert endpoints.arrived["ops"][1]["type"] == EventType.ENDPOINT_RECOVERED


async def test_failing_and_recovering_are_told_once_however_many_dispatchers_see_it(
    start: Start, record: Record, register: Any, endpoints: Endpoints
) -> None:
    await register("crm")
    await register("ops", events=("endpoint.*",))
    endpoints.answers["crm"] = fails
    for _ in range(3):
        await start()
    await record(*(a_stop(msisdn=number, at=system_clock()) for number in numbers(20)))
    await eventually(lambda: len(endpoints.arrived["ops"]) == 1)

    endpoints.answers["crm"] = fine
    await eventually(lambda: len(endpoints.arrived["crm"]) == 20)
    await eventually(lambda: len(endpoints.arrived["ops"]) == 2)

    types = [told["type"] for told in endpoints.arrived["ops"]]
    assert types == [EventType.ENDPOINT_FAILING, EventType.ENDPOINT_RECOVERED]


async def test_an_endpoint_that_cannot_be_reached_is_charged(
    start: Start, record: Record, registry: Registry, health: Health, backlog: Backlog
) -> None:
    crm = an_endpoint("crm", url="http://127.0.0.1:1/")
    await registry.put(crm)
    await start()

    await record(*(a_stop(msisdn=number, at=system_clock()) for number in numbers(3)))
    await eventually(lambda: has_failed(health, crm))

    assert (await health.standings())[crm.id].reason.startswith("connect_refused")


async def test_an_opt_out_that_nobody_was_told_of_in_time_is_said_once(
    start: Start, record: Record, register: Any, endpoints: Endpoints, registry: Registry
) -> None:
    crm = await register("crm")
    await registry.disable(crm.id, "by hand")
    with capture_logs() as logs:
        for _ in range(2):
            await start(deadline=Millis(100))
        await record(a_stop(at=system_clock()), a_start(msisdn=Msisdn("15558937009")))
        await eventually(lambda: any(line["event"] == "optout.overdue" for line in logs))

    (line,) = [line for line in logs if line["event"] == "optout.overdue"][:1]
    assert (line["endpoint"], line["disabled"], line["log_level"]) == (crm.id, "by hand", "error")


async def is_open(health: Health, endpoint: Endpoint) -> bool:
    standing = (await health.standings()).get(endpoint.id)
    return standing is not None and standing.opened > 0


async def has_failed(health: Health, endpoint: Endpoint) -> bool:
    return endpoint.id in await health.standings()
