"""An endpoint that is added again under its name is owed nothing of before, and all that comes after; whoever is still
at forgetting the one before."""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from consent.ledger import Backlog, Depth, Health, HealthRules, Ledger, Queue, Registry, Said, Store
from consent.ledger.keys import REGISTRY_CHANGES
from consent.model import AttemptRecord, EventId, Lease, Millis, Msisdn, Partition
from tests.builders import ANN, a_delivery, a_stop, an_endpoint
from tests.out_of_memory import out_of_memory

CRM = an_endpoint("crm")
NUMBERS = [Msisdn(f"1650242{n:04}") for n in range(20)]
RECORD = AttemptRecord(number=1, outcome="retry", status=500, took_ms=3, error="http_500", response="oops")
AT_ONCE = Millis(0)
NOTHING = Depth(owed=0, in_flight=0, dead=0)


class Slow:
    """Who purges over a connection of his own, and is halted before each look at what is left in a partition."""

    def __init__(self, store: Store) -> None:
        self.registry = Registry(store)
        self.purging: asyncio.Task[Any] | None = None
        self._is_halted, self._may_go_on = asyncio.Event(), asyncio.Event()
        look = store.redis.hscan

        async def halting(*asked: Any, **more: Any) -> Any:
            self._is_halted.set()
            await self._may_go_on.wait()
            self._may_go_on.clear()
            return await look(*asked, **more)

        store.redis.hscan = halting

    @property
    def is_at_it(self) -> bool:
        return self.purging is not None and not self.purging.done()

    async def begin(self, purge: Coroutine[Any, Any, Any]) -> None:
        self.purging = asyncio.create_task(purge)
        await self._until_halted()

    async def go_on(self) -> None:
        self._may_go_on.set()
        await self._until_halted()

    async def end(self) -> None:
        while self.is_at_it:
            await self.go_on()

    async def _until_halted(self) -> None:
        assert self.purging is not None
        halted = asyncio.create_task(self._is_halted.wait())
        await asyncio.wait({self.purging, halted}, return_when=asyncio.FIRST_COMPLETED)
        halted.cancel()
        self._is_halted.clear()
        if self.purging.done():
            self.purging.result()


@pytest.fixture
async def others(store_url: str) -> AsyncIterator[list[Slow]]:
    async with AsyncExitStack() as stack:
        yield [
            Slow(await stack.enter_async_context(Store.open(store_url, partitions=4, durability="fsync")))
            for _ in range(3)
        ]


@pytest.fixture
def slow(others: list[Slow]) -> Slow:
    return others[0]


async def told(ledger: Ledger, queue: Queue, *numbers: Msisdn) -> set[EventId]:
    """An opt-out of each, owed to the CRM."""
    for number in numbers:
        await ledger.apply(a_stop(msisdn=number, identities=()))
    events = []
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        events += stretch.events
        await queue.fan_out(stretch, [a_delivery(event) for event in stretch.events])
    return {event.id for event in events}


async def owed(backlog: Backlog) -> set[EventId]:
    return {one.event for one in await backlog.owed(CRM.id, limit=10_000) if one.state != "dead"}


async def claimed(store: Store, queue: Queue, token: str) -> list[Lease]:
    return [
        lease for keys in store.keys for lease in (await queue.claim(keys.partition, {CRM.id: 500}, token=token)).leases
    ]


@pytest.mark.parametrize("steps", range(4))
@pytest.mark.parametrize("is_to_finish", [True, False])
async def test_who_is_slow_to_forget_the_one_before_takes_nothing_from_the_one_that_came_back(
    registry: Registry, ledger: Ledger, queue: Queue, backlog: Backlog, slow: Slow, steps: int, is_to_finish: bool
) -> None:
    await registry.put(CRM)
    await told(ledger, queue, *NUMBERS)
    await registry.remove(CRM)
    await slow.begin(slow.registry.finish_removal(CRM.id) if is_to_finish else slow.registry.purge(CRM.id))
    for _ in range(steps):
        await slow.go_on()

    await registry.put(CRM)
    events = await told(ledger, queue, *NUMBERS)
    await slow.end()

    assert await owed(backlog) == events
    assert len(events) == len(NUMBERS)
    assert await registry.removed() == set()


async def test_nor_does_he_change_what_is_said_of_it(registry: Registry, health: Health, slow: Slow) -> None:
    await registry.put(CRM)
    await registry.remove(CRM)
    await slow.begin(slow.registry.finish_removal(CRM.id))

    await registry.put(CRM)
    await health.report(CRM.id, Said(failed=1), HealthRules())
    await registry.disable(CRM.id, "by hand")
    await slow.end()

    assert (await registry.directory()).endpoints[CRM.id].disabled == "by hand"
    assert (await health.standings())[CRM.id].failures == 1


async def test_what_is_said_of_a_removed_endpoint_is_not_said_of_the_one_that_comes_back(
    registry: Registry, health: Health
) -> None:
    await registry.put(CRM)
    await registry.remove(CRM)
    await registry.disable(CRM.id, "gone")  # as dispatchers do that have not heard
    await health.report(CRM.id, Said(failed=1), HealthRules())

    await registry.put(CRM)

    assert (await registry.directory()).endpoints[CRM.id].disabled == ""
    assert await health.standings() == {}


async def test_a_lease_of_the_one_before_ends_none_of_the_one_that_came_back(
    store: Store, registry: Registry, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    await registry.put(CRM)
    await told(ledger, queue, ANN, ANN)
    (before,) = await claimed(store, queue, "before")
    await registry.remove(CRM)
    await registry.put(CRM)
    first, second = sorted(await told(ledger, queue, ANN, ANN))
    (lease,) = await claimed(store, queue, "after")

    for verdict in ("done", "retry", "bury"):
        assert await queue.settle(before, verdict, RECORD, wait=AT_ONCE) is None  # type: ignore[arg-type]  # one of these
    assert await queue.settle(lease, "done", None, wait=AT_ONCE)
    (next_one,) = await claimed(store, queue, "after")

    assert (lease.event_id, next_one.event_id) == (first, second)
    assert await backlog.depth(CRM.id) == Depth(owed=1, in_flight=1, dead=0)


async def test_every_removal_is_one_of_its_own_however_soon_after_the_other(
    registry: Registry, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    for _ in range(10):
        await registry.put(CRM)
        await told(ledger, queue, ANN)
        assert (await backlog.depth(CRM.id)).owed == 1
        await registry.remove(CRM)
        await registry.finish_removal(CRM.id)

        assert await backlog.depth(CRM.id) == NOTHING


async def test_a_clock_that_is_put_back_makes_no_removal_an_older_one(
    store: Store, registry: Registry, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    an_hour_ahead = await store.now(Partition(0)) + 3_600_000
    await store.redis.xadd(REGISTRY_CHANGES, {"version": "0"}, id=f"{an_hour_ahead}-0")
    noted = []
    for _ in range(2):
        await registry.put(CRM)
        await told(ledger, queue, ANN)
        await registry.remove(CRM)
        noted.append(int(await registry.purge(CRM.id)))
        await registry.finish_removal(CRM.id)

        assert await backlog.depth(CRM.id) == NOTHING
    assert an_hour_ahead < noted[0] < noted[1]


async def test_what_is_filed_before_the_removal_is_over_goes_with_it(
    registry: Registry, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    await registry.put(CRM)
    await registry.remove(CRM)
    await registry.purge(CRM.id)
    await told(ledger, queue, ANN)  # by who has not heard

    await registry.put(CRM)

    assert await backlog.depth(CRM.id) == NOTHING


async def test_what_is_filed_when_the_removal_is_over_is_a_removal_of_its_own(
    registry: Registry, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    await registry.put(CRM)
    await registry.remove(CRM)
    await registry.finish_removal(CRM.id)
    await told(ledger, queue, ANN)  # by who has not heard

    await registry.note_left(CRM.id)
    await registry.finish_removal(CRM.id)

    assert await backlog.depth(CRM.id) == NOTHING
    assert await registry.removed() == set()


async def test_what_nobody_is_owed_any_more_is_forgotten_by_a_full_store_too(
    store: Store, registry: Registry, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    await told(ledger, queue, *NUMBERS)

    async with out_of_memory(store):
        await registry.note_left(CRM.id)
        await registry.purge(CRM.id)

    assert await backlog.depth(CRM.id) == NOTHING


async def test_what_is_registered_is_not_noted_as_removed(registry: Registry) -> None:
    await registry.put(CRM)

    await registry.note_left(CRM.id)

    assert await registry.removed() == set()
    assert (await registry.directory()).endpoints == {CRM.id: CRM}


class Walk:
    """What the CRM is owed, as it comes and goes, beside what is in the store."""

    def __init__(self, store: Store, others: list[Slow], *, seed: int) -> None:
        self._store, self._others, self._random = store, others, random.Random(seed)
        self._registry, self._ledger, self._queue, self._backlog = (
            Registry(store),
            Ledger(store),
            Queue(store),
            Backlog(store),
        )
        self._is_registered = False
        self._owed: set[EventId] = set()
        self._dead: set[EventId] = set()
        self._filed_late: set[EventId] = set()
        """By a dispatcher that had not heard that it was removed: what comes back may be told of these too."""
        self._leases: list[Lease] = []
        self._tokens = 0

    async def step(self) -> None:
        steps = (self._come_or_go, self._be_told, self._claim, self._settle, self._purge, self._go_on)
        await self._random.choices(steps, (2, 3, 2, 3, 2, 4))[0]()
        if self._is_registered:
            found = await owed(self._backlog)
            assert self._owed <= found <= self._owed | self._filed_late
            dead = {*await self._backlog.dead_in_order(CRM.id)}
            assert self._dead <= dead <= self._dead | self._filed_late

    async def end(self) -> None:
        """What is owed goes out, one after the other; and what was removed leaves nothing behind."""
        for other in self._others:
            await other.end()
        if not self._is_registered:
            await self._come_or_go()
        for lease in self._leases:
            await self._queue.settle(lease, "release", None, wait=AT_ONCE)
        told_of: set[EventId] = set()
        while leases := await claimed(self._store, self._queue, "last"):
            told_of |= {lease.event_id for lease in leases}
            await asyncio.gather(*(self._queue.settle(lease, "done", None, wait=AT_ONCE) for lease in leases))
        assert self._owed <= told_of <= self._owed | self._filed_late
        await self._come_or_go()
        await self._registry.note_left(CRM.id)
        await self._registry.finish_removal(CRM.id)
        assert not [key for key in await self._store.redis.keys() if b"crm" in key]

    async def _come_or_go(self) -> None:
        if self._is_registered:
            await self._registry.remove(CRM)
        else:
            await self._registry.put(CRM)
            self._owed, self._dead = set(), set()
        self._is_registered = not self._is_registered

    async def _be_told(self) -> None:
        events = await told(self._ledger, self._queue, *self._random.sample(NUMBERS, 3))
        if self._is_registered:
            self._owed |= events
        else:
            self._filed_late |= events

    async def _claim(self) -> None:
        self._tokens += 1
        partition = Partition(self._random.randrange(self._store.partitions))
        claim = await self._queue.claim(partition, {CRM.id: 2}, token=f"t{self._tokens}")
        self._leases += claim.leases

    async def _settle(self) -> None:
        if not self._leases:
            return
        lease = self._leases.pop(self._random.randrange(len(self._leases)))
        verdict = self._random.choice(("done", "bury", "retry", "release"))
        settled = await self._queue.settle(lease, verdict, RECORD, wait=AT_ONCE)  # type: ignore[arg-type]  # one of these
        if not self._is_registered:
            return
        known = lease.event_id in self._owed
        assert (settled is not None) if known else (settled is None or lease.event_id in self._filed_late)
        if known and verdict in {"done", "bury"}:
            self._owed.discard(lease.event_id)
            self._dead |= {lease.event_id} if verdict == "bury" else set()

    async def _purge(self) -> None:
        for other in self._others:
            if not other.is_at_it:
                await other.begin(self._one_who_purges(other.registry))
                return

    def _one_who_purges(self, registry: Registry) -> Coroutine[Any, Any, Any]:
        async def tidy() -> None:
            await registry.note_left(CRM.id)
            await registry.finish_removal(CRM.id)

        return self._random.choice((registry.purge, registry.finish_removal, lambda _: tidy()))(CRM.id)

    async def _go_on(self) -> None:
        at_it = [other for other in self._others if other.is_at_it]
        if at_it:
            await self._random.choice(at_it).go_on()


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_comes_between_what_is_owed_since_it_came_back_stays_owed(
    store: Store, others: list[Slow], seed: int
) -> None:
    walk = Walk(store, others, seed=seed)

    for _ in range(250):
        await walk.step()
    await walk.end()
