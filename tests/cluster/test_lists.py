"""A list keeps the pace of the dispatchers, whichever master has what it says."""

import asyncio

from consent.ledger import Bulk, Entry, Kind, Queue, Routing, Store
from consent.model import Millis, Msisdn, Status, UnixMs
from tests.builders import ACME, ALERTS, NOON


async def test_all_partitions_of_all_masters_are_waited_for(store: Store) -> None:
    routing, queue, bulk = Routing(store), Queue(store), Bulk(store)
    window = bulk.window()
    out = Kind(ACME, ALERTS, Status.OPTED_OUT)
    window.add([Entry(out, Msisdn(f"1650242{n:04}"), NOON, NOON) for n in range(200)])
    await bulk.enlist(window, received_at=UnixMs(NOON))
    await routing.mark()
    waiting = asyncio.create_task(routing.caught_up())

    for keys in store.keys:
        await asyncio.sleep(0.2)
        assert not waiting.done()
        for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
            if stretch.partition == keys.partition:
                await queue.fan_out(stretch, [])

    assert await asyncio.wait_for(waiting, 1)
