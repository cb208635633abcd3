"""Whoever logs very much waits for who routes it, but not for nobody."""

import asyncio

from consent.ledger import Ledger, Queue, Routing, Store
from consent.model import Millis
from tests.builders import ANN, BOB, a_stop


async def route_all(queue: Queue) -> None:
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        await queue.fan_out(stretch, [])


async def test_an_empty_log_is_routed(store: Store) -> None:
    routing = Routing(store)
    await routing.mark()

    assert await asyncio.wait_for(routing.caught_up(), 0.5)


async def test_what_was_logged_is_waited_for_until_it_is_routed(store: Store, ledger: Ledger, queue: Queue) -> None:
    routing = Routing(store)
    for number in (ANN, BOB):
        await ledger.apply(a_stop(msisdn=number))
    await routing.mark()
    waiting = asyncio.create_task(routing.caught_up())
    await asyncio.sleep(0.3)
    assert not waiting.done()

    await route_all(queue)

    assert await asyncio.wait_for(waiting, 0.5)


async def test_what_was_logged_later_is_not(store: Store, ledger: Ledger, queue: Queue) -> None:
    routing = Routing(store)
    await ledger.apply(a_stop(msisdn=ANN))
    await routing.mark()
    await route_all(queue)
    await ledger.apply(a_stop(msisdn=ANN, at=2_000_000_000_000))

    assert await asyncio.wait_for(routing.caught_up(), 0.5)


async def test_where_nobody_routes_nobody_is_waited_for_and_the_next_time_not_at_all(
    store: Store, ledger: Ledger
) -> None:
    routing = Routing(store)
    await ledger.apply(a_stop())
    await routing.mark()

    assert not await asyncio.wait_for(routing.caught_up(), 5)
    assert not await asyncio.wait_for(routing.caught_up(), 0.3)


async def test_who_routes_slowly_is_waited_for(store: Store, ledger: Ledger, queue: Queue) -> None:
    routing = Routing(store)
    for n in range(4):
        await ledger.apply(a_stop(msisdn=ANN, at=2_000_000_000_000 + n))
    await routing.mark()
    waiting = asyncio.create_task(routing.caught_up())
    (stretch,) = await queue.unrouted(await queue.cursors(), block=Millis(1))
    for _ in range(3):
        await asyncio.sleep(0.6)
        first, rest = stretch.cut(1)
        await queue.fan_out(first, [])
        assert rest is not None
        stretch = rest
        assert not waiting.done()

    await route_all(queue)

    assert await asyncio.wait_for(waiting, 0.5)
