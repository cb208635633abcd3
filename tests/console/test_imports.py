"""What does an import do while the store is away? It waits, and ends as if nothing had been."""

import asyncio
from pathlib import Path

import pytest

from consent.errors import StoreUnsafe
from consent.ledger import Bookmark, Bookmarks, Queue, Registry, Store
from consent.model import Account, Millis, Status, UnixMs
from console.imports import Import, Order
from tests.builders import ACME, ALERTS, NOON, a_campaign
from tests.e2e.installation import Installation

NUMBERS = 80_000
"""More than two windows."""


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    file = tmp_path / "list.csv"
    file.write_text("".join(f"+1650{n:07}\n" for n in range(NUMBERS)))
    return file


async def an_import(store: Store, file: Path) -> Import:
    registry = Registry(store)
    await registry.put(Account(id=ACME))
    await registry.put(a_campaign())
    order = Order(file=str(file), account=ACME, campaign=ALERTS, status=Status.OPTED_OUT)
    return Import(store, registry, order, lambda *_, **__: None, warn=lambda _: None)


@pytest.mark.parametrize("moment", ["put", "remove"])
async def test_a_store_that_restarts_while_a_place_is_marked_is_waited_for(
    own: Installation, listed: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    begun = getattr(Bookmarks, moment)
    restarts: list[asyncio.Task[None]] = []

    async def restarted() -> None:
        await asyncio.sleep(0.7)
        await own.start_store()

    async def meanwhile(self: Bookmarks, name: str, *place: Bookmark) -> None:
        if not restarts:
            await own.kill("store")
            restarts.append(asyncio.create_task(restarted()))
        await begun(self, name, *place)

    monkeypatch.setattr(Bookmarks, moment, meanwhile)
    async with Store.open(own.url, partitions=4, durability="fsync") as store:
        await store.ensure_safe()
        running = await an_import(store, listed)
        with listed.open("rb") as file:
            summary = await running.run(file, now=UnixMs(NOON))
        await restarts[0]

        assert summary.changed + summary.unchanged == summary.read == NUMBERS
        assert await store.redis.hlen("{registry}:bookmarks") == 0


async def test_a_store_that_loses_what_it_is_given_ends_an_import_with_its_own_words(
    own: Installation, listed: Path
) -> None:
    async with Store.open(own.url, partitions=4, durability="fsync") as store:
        running = await an_import(store, listed)
        store.commit.require((1, 0))
        await store.redis.config_set("appendonly", "no")

        with listed.open("rb") as file, pytest.raises(StoreUnsafe):
            await running.run(file, now=UnixMs(NOON))


async def test_a_list_does_not_run_ahead_of_the_dispatchers(store: Store, queue: Queue, listed: Path) -> None:
    """Or a STOP that is texted meanwhile would wait until all of it is routed."""
    running = await an_import(store, listed)
    with listed.open("rb") as file:
        importing = asyncio.create_task(running.run(file, now=UnixMs(NOON)))
        for _ in range(15):  # slowly
            await asyncio.sleep(0.2)
            for stretch in (await queue.unrouted(await queue.cursors(), block=Millis(1)))[:1]:
                await queue.fan_out(stretch, [])
        logged = sum([await store.redis.xlen(keys.log) for keys in store.keys])
        assert not importing.done()
        while not importing.done():
            for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
                await queue.fan_out(stretch, [])

    assert 0 < logged < NUMBERS
    assert (await importing).changed == NUMBERS
