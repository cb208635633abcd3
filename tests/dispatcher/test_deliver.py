"""The loop claims what there is room for, gives back what does not end, and wakes when there is something to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_network

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from config.background import persist
from config.clock import steady_clock, system_clock
from consent.directory import Directory
from consent.errors import StoreUnavailable
from consent.ledger import LEASE_MS, Backlog, Health, HealthRules, Ledger, Queue, Standing, Store
from consent.ledger.keys import partition_of
from consent.model import Endpoint, EventType, Millis, Msisdn, Partition, UnixMs
from dispatcher.attempt import Attempts
from dispatcher.deadline import Deadline
from dispatcher.deliver import HEARTBEAT_S, Delivering
from dispatcher.distribute import Distributing
from dispatcher.gate import Gate
from dispatcher.retry import RetryPolicy
from dispatcher.send import Sender
from tests.builders import a_delivery, a_start, a_stop, an_endpoint, an_event
from tests.e2e.installation import eventually
from tests.listening import listening

NUMBERS = [Msisdn(f"1650242{n:04}") for n in range(10)]

Order = Callable[[int], Awaitable[None]]
Build = Callable[..., Delivering]


class Sink:
    """Holds each request until it may answer."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.may_answer = asyncio.Event()
        self.under_way = 0
        self.most_at_once = 0
        self.answered = 0

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            await self.may_answer.wait()
        finally:
            self.under_way -= 1
        self.answered += 1
        return web.Response(status=self.status)


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    sink = Sink()
    async with listening(sink.take) as sink.url:
        yield sink
        sink.may_answer.set()


@pytest.fixture
def crm(sink: Sink) -> Endpoint:
    return an_endpoint("crm", url=sink.url)


@pytest.fixture
async def build(queue: Queue, health: Health, crm: Endpoint) -> AsyncIterator[Build]:
    async with Sender(timeout=Millis(5000), egress_allow=(ip_network("127.0.0.0/8"),)) as sender:

        def delivering(
            *,
            concurrency: int = 100,
            schedule: tuple[int, ...] = (0, 50, 3_600_000),
            clock: Callable[[], UnixMs] = steady_clock,
        ) -> Delivering:
            policy = RetryPolicy(schedule=tuple(map(Millis, schedule)), jitter_ratio=0)
            built = Delivering(
                queue,
                Attempts(queue, sender, policy),
                Gate(health, HealthRules(), probe_for=Millis(5000)),
                Deadline(queue, health, Millis(600_000)),
                partitions=4,
                concurrency=concurrency,
                clock=clock,
            )
            built.directory = Directory.of(1, endpoints=[crm])
            return built

        yield delivering


@pytest.fixture
def order(ledger: Ledger, queue: Queue, crm: Endpoint) -> Order:
    """So many numbers have stopped, and the endpoint is to be told."""

    async def ordered(numbers: int) -> None:
        for msisdn in NUMBERS[:numbers]:
            await ledger.apply(a_stop(msisdn=msisdn, at=system_clock()))
        for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
            await queue.fan_out(stretch, [a_delivery(event, crm) for event in stretch.events])

    return ordered


async def states(backlog: Backlog, endpoint: Endpoint) -> list[str]:
    return sorted(owed.state for owed in await backlog.owed(endpoint.id))


async def turn(delivering: Delivering) -> float | None:
    async with asyncio.timeout(5):
        return await delivering.turn()


async def test_what_is_due_is_delivered(
    build: Build, order: Order, sink: Sink, backlog: Backlog, crm: Endpoint
) -> None:
    delivering = build()
    sink.may_answer.set()
    await order(10)

    assert await turn(delivering) == 0
    await delivering.drain(5)

    assert sink.answered == 10
    assert (await backlog.depth(crm.id)).owed == 0


async def stop_and_route(ledger: Ledger, queue: Queue, delivering: Delivering, *numbers: Msisdn) -> None:
    for msisdn in numbers:
        await ledger.apply(a_stop(msisdn=msisdn, at=system_clock()))
    distributing = Distributing(queue, delivering)
    distributing.directory = delivering.directory
    async with asyncio.timeout(5):
        await distributing.step()


async def test_what_is_routed_where_there_is_room_begins_at_once(
    build: Build, ledger: Ledger, queue: Queue, sink: Sink, backlog: Backlog, crm: Endpoint
) -> None:
    delivering = build()

    await stop_and_route(ledger, queue, delivering, *NUMBERS)

    await eventually(lambda: sink.under_way == 10)
    sink.may_answer.set()
    await delivering.drain(5)
    assert (sink.answered, (await backlog.depth(crm.id)).owed) == (10, 0)


async def test_what_is_routed_where_there_is_too_little_room_waits_for_a_claim(
    build: Build, ledger: Ledger, queue: Queue, sink: Sink
) -> None:
    delivering = build()
    delivering.directory = Directory.of(1, endpoints=[an_endpoint("crm", url=sink.url, max_in_flight=1)])

    await stop_and_route(ledger, queue, delivering, *NUMBERS)

    await eventually(lambda: sink.under_way == 1)
    sink.may_answer.set()
    while sink.answered < 10:
        await turn(delivering)
    await delivering.drain(5)
    assert (sink.answered, sink.most_at_once) == (10, 1)


@pytest.mark.parametrize("endpoint", [{"rate": "1/s"}, {"disabled": True}], ids=str)
async def test_an_endpoint_that_needs_leave_gets_nothing_as_it_is_routed(
    build: Build, endpoint: dict[str, object], crm: Endpoint
) -> None:
    delivering = build()
    delivering.directory = Directory.of(1, endpoints=[replace(crm, **endpoint)])

    assert not delivering.reserve([a_delivery(an_event(), crm)]).places


async def test_an_endpoint_whose_breaker_is_open_gets_nothing_as_it_is_routed(build: Build, crm: Endpoint) -> None:
    delivering = build()
    owed = [a_delivery(an_event(), crm)]
    delivering.learn({crm.id: Standing(opened=1, shut_until=UnixMs(system_clock() + 60_000))})
    assert not delivering.reserve(owed).places

    delivering.learn({})

    assert delivering.reserve(owed).places


async def test_what_is_due_already_goes_before_what_is_routed_now(build: Build, crm: Endpoint) -> None:
    delivering = build()
    owed = [a_delivery(an_event(), crm)]
    delivering.became_due(Partition(0), [crm.id])
    assert not delivering.reserve(owed).places

    looking = asyncio.create_task(delivering.turn())

    await eventually(lambda: bool(delivering.reserve(owed).places))  # it finds that nothing is
    delivering.stop()
    await looking


async def test_opt_outs_get_the_room_first_and_what_is_not_used_is_free_again(build: Build, crm: Endpoint) -> None:
    delivering = build()
    starts = [a_delivery(an_event(type=EventType.OPTED_IN), crm) for _ in range(1000)]

    first = delivering.reserve([*starts, a_delivery(an_event(), crm)])
    assert 1000 in first.places
    assert len(first.places) < 1000
    assert not delivering.reserve(starts).places
    delivering.hold(first, ())

    assert len(delivering.reserve(starts).places) == len(first.places)


async def test_once_stopped_nothing_begins_as_it_is_routed(build: Build, crm: Endpoint) -> None:
    delivering = build()

    delivering.stop()

    assert not delivering.reserve([a_delivery(an_event(), crm)]).places


async def test_no_more_is_in_flight_than_may_be_and_room_wakes_the_loop(build: Build, order: Order, sink: Sink) -> None:
    delivering = build(concurrency=3)
    await order(10)
    first = asyncio.create_task(turn(delivering))
    await eventually(lambda: sink.under_way == 3)

    sink.may_answer.set()
    await first
    while sink.answered < 10:
        await turn(delivering)
    await delivering.drain(5)

    assert (sink.answered, sink.most_at_once) == (10, 3)


async def test_an_endpoint_gets_no_more_at_once_than_it_allows(
    build: Build, order: Order, sink: Sink, queue: Queue
) -> None:
    delivering = build()
    delivering.directory = Directory.of(1, endpoints=[an_endpoint("crm", url=sink.url, max_in_flight=2)])
    await order(10)
    await turn(delivering)
    await eventually(lambda: sink.under_way == 2)

    waiting = asyncio.create_task(turn(delivering))
    sink.may_answer.set()
    await waiting
    while sink.answered < 10:
        await turn(delivering)

    assert sink.most_at_once == 2
    await delivering.drain(5)


async def test_the_loop_rests_until_a_retry_is_due(build: Build, order: Order, sink: Sink) -> None:
    delivering = build()
    sink.status = 500
    sink.may_answer.set()
    await order(1)
    await turn(delivering)
    await eventually(lambda: sink.answered == 1)

    sink.status = 200
    while sink.answered < 2:
        await turn(delivering)

    await delivering.drain(5)


async def test_a_resting_loop_is_woken(build: Build) -> None:
    delivering = build()
    resting = asyncio.create_task(turn(delivering))
    await asyncio.sleep(0)

    delivering.wake()

    assert await resting == 0


async def test_once_stopped_it_claims_nothing_more(build: Build, order: Order, sink: Sink) -> None:
    delivering = build()
    resting = asyncio.create_task(turn(delivering))
    await asyncio.sleep(0)
    delivering.stop()
    await resting
    await order(1)

    assert await turn(delivering) is None
    assert sink.under_way == 0


async def test_what_does_not_end_in_time_is_given_back_untried(
    build: Build, order: Order, sink: Sink, backlog: Backlog, crm: Endpoint
) -> None:
    delivering = build()
    await order(3)
    await turn(delivering)
    await eventually(lambda: sink.under_way == 3)

    with capture_logs() as logs:
        await delivering.drain(0)

    assert [(line["event"], line["count"]) for line in logs] == [("deliveries.released", 3)]
    assert [(owed.state, owed.attempts) for owed in await backlog.owed(crm.id)] == [("due", 0)] * 3


async def test_what_was_not_begun_is_given_back_at_once(
    build: Build, order: Order, sink: Sink, backlog: Backlog, crm: Endpoint
) -> None:
    """Whoever takes over may send it, however long this one waits for an endpoint that hangs."""
    delivering = build(concurrency=1)
    await order(3)
    await turn(delivering)
    await eventually(lambda: sink.under_way == 1)
    assert await states(backlog, crm) == ["in_flight"] * 3

    draining = asyncio.create_task(delivering.drain(60))

    async def is_given_back() -> bool:
        return await states(backlog, crm) == ["due", "due", "in_flight"]

    await eventually(is_given_back, within=2)
    sink.may_answer.set()
    await draining
    assert await states(backlog, crm) == ["due", "due"]


async def test_what_waits_to_be_settled_while_the_store_hangs_is_ended_once(
    build: Build, order: Order, sink: Sink, queue: Queue, store: Store, backlog: Backlog, crm: Endpoint
) -> None:
    """Delivered, its end not yet written down when the grace is over: then it is given back, too."""
    delivering = build()
    await order(10)
    sink.may_answer.set()
    await turn(delivering)
    await store.redis.client_pause(1500, all=True)

    with capture_logs() as logs:
        await delivering.drain(0.5)

    released = sum(line["count"] for line in logs if line["event"] == "deliveries.released")
    assert released == len(await backlog.owed(crm.id))
    for keys in store.keys:
        due = {member.decode() for member in await store.redis.zrange(keys.due(crm.id), 0, -1)}
        assert due == {name.decode() for name in await store.redis.hkeys(keys.heads(crm.id))}
        await queue.claim(keys.partition, {crm.id: 10}, token="next")
    assert set(await states(backlog, crm)) <= {"in_flight"}


async def test_a_dispatcher_with_nothing_in_flight_drains_at_once(build: Build) -> None:
    await build().drain(60)


async def test_a_heartbeat_keeps_the_leases_of_slow_attempts(
    build: Build, order: Order, sink: Sink, store: Store
) -> None:
    delivering = build()
    await order(3)
    await turn(delivering)
    await eventually(lambda: sink.under_way == 3)
    await expire_leases(store)

    assert await delivering.heartbeat() > 0

    assert all(expiry > system_clock() for expiry in await expiries(store))
    sink.may_answer.set()
    await delivering.drain(5)
    assert await expiries(store) == []


async def test_a_heartbeat_keeps_what_it_can(build: Build, order: Order, sink: Sink, store: Store) -> None:
    """One partition does not answer, for longer than a lease: what waits in the others is begun all the same."""
    ahead = 0
    delivering = build(concurrency=3, clock=lambda: UnixMs(steady_clock() + ahead))
    await order(8)
    await turn(delivering)
    await eventually(lambda: sink.under_way == 3)
    key = store.keys[3].leased
    await store.redis.rename(key, f"{key}:aside")
    await store.redis.set(key, "in the way")

    for _ in range(3):
        ahead += LEASE_MS // 2
        with suppress(StoreUnavailable):
            await delivering.heartbeat()
    sink.may_answer.set()

    there = sum(partition_of(msisdn, 4) == 3 for msisdn in NUMBERS[:8])
    assert 0 < there < 8
    await eventually(lambda: sink.answered >= 8 - there, within=3)
    await store.redis.rename(f"{key}:aside", key)
    await delivering.drain(5)


async def test_who_was_frozen_for_longer_than_a_lease_begins_nothing_that_others_may_have(
    build: Build, order: Order, sink: Sink, backlog: Backlog, store: Store, crm: Endpoint
) -> None:
    frozen_for = 0
    delivering = build(concurrency=1, clock=lambda: UnixMs(steady_clock() + frozen_for))
    await order(3)
    await turn(delivering)
    await eventually(lambda: sink.under_way == 1)
    assert len(await expiries(store)) == 3
    await expire_leases(store)

    frozen_for = LEASE_MS
    await delivering.heartbeat()

    assert sum(expiry > system_clock() for expiry in await expiries(store)) == 1
    sink.may_answer.set()
    await eventually(lambda: nothing_is_leased(store))
    assert sink.answered == 1
    assert [(owed.state, owed.attempts) for owed in await backlog.owed(crm.id)] == [("due", 0)] * 2


async def test_a_heart_with_nothing_to_keep_beats_on(build: Build) -> None:
    assert 0 < await build().heartbeat() < 8


async def test_what_a_dead_dispatcher_held_is_taken_over(
    build: Build, order: Order, sink: Sink, queue: Queue, store: Store, crm: Endpoint
) -> None:
    await order(2)
    for partition in range(4):
        await queue.claim(Partition(partition), {crm.id: 9}, token="dead")
    await expire_leases(store)
    delivering = build()
    sink.may_answer.set()

    with capture_logs() as logs:
        while sink.answered < 2:
            await turn(delivering)
        await delivering.drain(5)

    assert sum(line["count"] for line in logs if line["event"] == "leases.reaped") == 2


async def test_behind_an_outage_of_the_store_others_have_time_to_keep_what_they_hold(
    build: Build, order: Order, sink: Sink, queue: Queue, store: Store, crm: Endpoint
) -> None:
    """They could not reach it either; what was taken from them would be sent twice."""
    ahead = 0
    delivering = build(clock=lambda: UnixMs(steady_clock() + ahead))
    sink.may_answer.set()
    await order(2)
    for partition in range(4):
        await queue.claim(Partition(partition), {crm.id: 9}, token="theirs")
    leased = [keys.leased for keys in store.keys if await store.redis.exists(keys.leased)]
    for key in leased:
        await store.redis.rename(key, f"{key}:aside")
        await store.redis.set(key, "in the way")
    with pytest.raises(StoreUnavailable):
        await turn(delivering)
    for key in leased:
        await store.redis.rename(f"{key}:aside", key)
    await expire_leases(store)

    ahead = 2 * int(1000 * HEARTBEAT_S)
    with capture_logs() as logs:
        await turn(delivering)
    assert logs == []

    ahead += LEASE_MS
    async with asyncio.timeout(5):
        while sink.answered < 2:
            await delivering.turn()
    await delivering.drain(5)


@pytest.mark.parametrize("key", ["next", "log"])
async def test_a_partition_that_fails_holds_up_no_other(
    build: Build, order: Order, sink: Sink, backlog: Backlog, store: Store, crm: Endpoint, key: str
) -> None:
    """A look fails without the one, a claim without the other."""
    delivering, broken = build(), f"{{3}}:{key}"
    sink.may_answer.set()
    await order(10)
    there = sum(partition_of(msisdn, 4) == 3 for msisdn in NUMBERS)
    await store.redis.rename(broken, f"{broken}:aside")
    await store.redis.set(broken, "in the way")

    running = asyncio.create_task(persist("deliver", delivering.turn))
    await eventually(lambda: sink.answered == 10 - there, within=2)
    await store.redis.rename(f"{broken}:aside", broken)
    await eventually(lambda: sink.answered == 10)

    delivering.stop()
    await running
    await delivering.drain(5)
    assert await backlog.owed(crm.id) == []
    assert 0 < there < 10


@pytest.mark.parametrize("key", ["next", "log"])
async def test_while_nothing_answers_no_turn_passes_for_a_recovery(
    build: Build, order: Order, sink: Sink, store: Store, key: str
) -> None:
    """A turn that asked for nothing would be logged as one, and nobody be called."""
    delivering = build()
    sink.may_answer.set()
    await order(10)
    for partition in range(4):
        await store.redis.rename(f"{{{partition}}}:{key}", f"{{{partition}}}:{key}:aside")
        await store.redis.set(f"{{{partition}}}:{key}", "in the way")

    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            await turn(delivering)

    for partition in range(4):
        await store.redis.rename(f"{{{partition}}}:{key}:aside", f"{{{partition}}}:{key}")
    await turn(delivering)
    await eventually(lambda: sink.answered == 10)
    await delivering.drain(5)


async def test_opt_outs_go_first_wherever_they_are(queue: Queue, ledger: Ledger, build: Build, crm: Endpoint) -> None:
    """Also where only one at a time may be claimed, and the other partitions have a backlog."""
    arrived: list[str] = []

    async def take(request: web.Request) -> web.Response:
        arrived.append((await request.json())["type"])
        return web.Response()

    async with listening(take) as url:
        narrow = replace(crm, url=url, max_in_flight=1, rate="200/s")
        delivering = build()
        delivering.directory = Directory.of(1, endpoints=[narrow])
        distributing = Distributing(queue, delivering)
        distributing.directory = delivering.directory
        for n in range(60):
            await ledger.apply(a_start(msisdn=Msisdn(f"1650243{n:04}"), at=system_clock()))
        await distributing.step()
        stopped = {partition_of(msisdn, 4): msisdn for msisdn in NUMBERS}
        for msisdn in stopped.values():
            await ledger.apply(a_stop(msisdn=msisdn, at=system_clock()))
        await distributing.step()

        running = asyncio.create_task(persist("deliver", delivering.turn))
        await eventually(lambda: len(arrived) == 64)
        delivering.stop()
        await running
        await delivering.drain(5)

    assert len(stopped) == 4
    # One claim more of each partition tells that it was the last there.
    assert arrived[:8].count("consent.opted_out") == 4


async def test_an_attempt_that_breaks_harms_no_other(build: Build, order: Order, sink: Sink, store: Store) -> None:
    delivering = build()
    broken = an_endpoint("crm", url=sink.url, format="written by a newer process")
    delivering.directory = Directory.of(1, endpoints=[broken])
    await order(1)

    with capture_logs() as logs:
        await turn(delivering)
        await delivering.drain(5)

    assert [line["event"] for line in logs] == ["attempt.broke"]
    assert len(await expiries(store)) == 1


async def expire_leases(store: Store) -> None:
    for keys in store.keys:
        for lease in await store.redis.zrange(keys.leased, 0, -1):
            await store.redis.zadd(keys.leased, {lease: 1})


async def nothing_is_leased(store: Store) -> bool:
    return not await expiries(store)


async def expiries(store: Store) -> list[float]:
    return [
        expiry for keys in store.keys for _, expiry in await store.redis.zrange(keys.leased, 0, -1, withscores=True)
    ]
