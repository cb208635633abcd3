"""What the whole of the dispatcher makes of settings, and of a registry that changes."""

import asyncio
import time
from ipaddress import ip_network

import pytest
from aiohttp import web

from config import sections
from config.clock import system_clock
from config.sections import Dispatcher
from config.settings import Settings
from consent.directory import Directory
from consent.ledger import Backlog, Depth, Health, HealthRules, Ledger, Queue, Registry, Said, Store, Watch, Wish
from consent.ledger.keys import HEALTH, RATES, registry_table
from consent.model import Endpoint, Millis, Partition, UnixMs
from dispatcher import app
from dispatcher.app import enabled_again, forget_old, forget_removed, rules_of
from dispatcher.send import Sender
from tests.builders import ANN, BOB, NOON, a_campaign, a_delivery, a_stop, an_endpoint
from tests.console.served import CRM, bury, recorded
from tests.e2e.installation import eventually
from tests.listening import listening


def test_the_settings_are_the_rules_and_the_longest_wait_follows_from_the_first() -> None:
    assert rules_of(Dispatcher()) == HealthRules()
    assert rules_of(Dispatcher.model_validate({"breaker_wait": "1s"})).breaker_longest == 30_000


def test_the_directory_says_who_was_enabled_again() -> None:
    before = Directory.of(
        1, endpoints=[an_endpoint("a", disabled="gone"), an_endpoint("b"), an_endpoint("c", disabled="gone")]
    )
    now = Directory.of(
        2, endpoints=[an_endpoint("a"), an_endpoint("b"), an_endpoint("c", disabled="gone"), an_endpoint("d")]
    )

    assert enabled_again(before, now) == ["acme/a"]
    assert enabled_again(None, now) == []


async def test_a_registry_that_was_read_while_another_read_failed_is_not_forgotten(
    store: Store, registry: Registry, ledger: Ledger
) -> None:
    """Else nothing would be routed, or nothing to whoever came last, until somebody changes the registry again."""
    arrived: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        arrived.append(await request.read())
        return web.Response()

    settings, stop = Settings(dispatcher=sections.Dispatcher(port=0)), asyncio.Event()
    async with (
        listening(take) as url,
        Sender(egress_allow=(ip_network("127.0.0.0/8"),)) as sender,
        asyncio.TaskGroup() as tasks,
    ):
        await registry.put(an_endpoint(url=url))
        await store.redis.set(HEALTH, "in the way")
        tasks.create_task(app.Dispatcher(settings, store, sender).serve(stop))
        await asyncio.sleep(0.3)  # the first looks fail
        await store.redis.delete(HEALTH)

        await ledger.apply(a_stop())
        await eventually(lambda: bool(arrived), within=10)
        stop.set()


async def test_what_a_discovered_campaign_is_called_is_told_from_its_first_event_on(
    store: Store, registry: Registry, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a receiver does it: discovered, and a moment later recorded. Who routes may hear of the second first."""
    titles: list[str] = []

    class Slow(Watch):
        async def renew(self, *, block: Millis) -> Directory:
            found = await super().renew(block=block)
            await asyncio.sleep(0.05)
            return found

    monkeypatch.setattr(app, "Watch", Slow)

    async def take(request: web.Request) -> web.Response:
        titles.append((await request.json())["data"]["campaign"]["title"])
        return web.Response()

    settings, stop = Settings(dispatcher=sections.Dispatcher(port=0)), asyncio.Event()
    async with (
        listening(take) as url,
        Sender(egress_allow=(ip_network("127.0.0.0/8"),)) as sender,
        asyncio.TaskGroup() as tasks,
    ):
        await registry.put(an_endpoint(url=url))
        tasks.create_task(app.Dispatcher(settings, store, sender).serve(stop))
        for n in range(5):
            await registry.discover(a_campaign(f"new-{n}", title=f"News {n}", discovered=True))
            await ledger.apply(a_stop(campaigns=(f"new-{n}",), identities=()))
            await eventually(lambda n=n: len(titles) > n, within=10)  # type: ignore[misc]  # no default changes its type
        stop.set()

    assert titles == [f"News {n}" for n in range(5)]


async def test_a_clock_of_ours_that_runs_ahead_costs_no_history(
    store: Store, ledger: Ledger, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def kept() -> int:
        return sum([await store.redis.xlen(keys.log) for keys in store.keys])

    for n in range(1000):
        await ledger.apply(a_stop(at=UnixMs(NOON + n), identities=()))
    for _ in range(4):
        for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
            await queue.fan_out(stretch, [])
    true, day = time.time_ns, 86_400_000
    monkeypatch.setattr(time, "time_ns", lambda: true() + 60 * day * 1_000_000)
    assert system_clock() > await store.now(Partition(0)) + 59 * day

    await forget_old(store, ledger, Millis(30 * day))
    assert await kept() == 1000

    await forget_old(store, ledger, Millis(-1000))
    assert await kept() < 200


async def test_an_endpoint_that_is_added_while_others_are_forgotten_is_owed_what_it_was(
    store: Store, ledger: Ledger, queue: Queue, health: Health
) -> None:
    crm, gone, back = an_endpoint("crm"), an_endpoint("gone"), an_endpoint("back")

    async def become_owed(endpoint: Endpoint) -> None:
        await ledger.apply(a_stop(identities=()))
        for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
            await queue.fan_out(stretch, [a_delivery(event, endpoint) for event in stretch.events])
        await health.report(endpoint.id, Said(failed=1), HealthRules())

    class Busy(Registry):
        async def directory(self) -> Directory:
            found = await super().directory()
            for endpoint in crm, back:
                await self.put(endpoint)
                await become_owed(endpoint)
            return found

    await become_owed(gone)
    await become_owed(back)  # as who had not heard files it

    await forget_removed(Busy(store), queue, health)

    assert await queue.owed_endpoints() == {crm.id, back.id}
    assert (await health.standings()).keys() == {crm.id, back.id}


async def test_what_a_removal_left_that_was_killed_is_forgotten_dead_letters_too(
    store: Store, registry: Registry, queue: Queue, health: Health
) -> None:
    await recorded(store, CRM)
    for lease_of in ANN, ANN, BOB:
        await bury(store, lease_of)
    assert (await queue.owed_endpoints(), (await Backlog(store).depth(CRM.id)).dead) == (set(), 3)
    await registry.dismiss(lambda directory: directory.endpoints[CRM.id])

    await forget_removed(registry, queue, health)

    assert await Backlog(store).depth(CRM.id) == Depth(owed=0, in_flight=0, dead=0)
    assert not await Backlog(store).given_up(CRM.id)
    assert await registry.removed() == set()
    assert not [name for name in await store.redis.keys() if b"crm" in name]


async def test_what_was_filed_for_an_endpoint_after_it_was_removed_is_forgotten(
    store: Store, registry: Registry, queue: Queue, health: Health
) -> None:
    await recorded(store, CRM)
    await health.admit({CRM.id: Wish(1, rate=5)}, token="t", probe_for=Millis(1000))

    await store.redis.hdel(registry_table("endpoints"), CRM.id)  # as a process of an older version removes it
    await forget_removed(registry, queue, health)

    assert await queue.owed_endpoints() == set()
    assert await store.redis.exists(RATES) == 0


async def test_the_rate_of_an_endpoint_that_is_there_is_not_forgotten(
    store: Store, registry: Registry, queue: Queue, health: Health
) -> None:
    await registry.put(CRM)
    await health.admit({CRM.id: Wish(1, rate=5)}, token="t", probe_for=Millis(1000))

    await forget_removed(registry, queue, health)

    assert await store.redis.hkeys(RATES) == [CRM.id.encode()]
