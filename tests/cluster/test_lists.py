"""A list keeps the pace of the dispatchers, whichever master has what it says."""

import asyncio

from consent.ledger import Bulk, Entry, Kind, Queue, Routing, Store, Stretch
from consent.model import Millis, Msisdn, Partition, Status, UnixMs
from tests.builders import ACME, ALERTS, NOON


async def route(queue: Queue, partition: Partition) -> None:
    """For nobody. Its master may answer later than others."""
    stretches: list[Stretch] = []
    async with asyncio.timeout(30):
        while not stretches:
            unrouted = await queue.unrouted(await queue.cursors(), block=Millis(50))
            stretches = [stretch for stretch in unrouted if stretch.partition == partition]
    for stretch in stretches:
        await queue.fan_out(stretch, [])


async def test_all_partitions_of_all_masters_are_waited_for(store: Store) -> None:
    routing, queue, bulk = Routing(store), Queue(store), Bulk(store)
    window = bulk.window()
    out = Kind(ACME, ALERTS, Status.OPTED_OUT)
    window.add([Entry(out, Msisdn(f"1650242{n:04}"), NOON, NOON) for n in range(200)])
    await bulk.enlist(window, received_at=UnixMs(NOON))
    await routing.mark()
    waiting = asyncio.create_task(routing.caught_up())

    for keys in store.keys:
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await route(queue, keys.partition)

    assert await asyncio.wait_for(waiting, 1)
