"""Who goes first to an endpoint? Who texts STOP now: before a list, however long, and with all that is ahead of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from consent.ledger import Ledger, Queue, Replays, Store
from consent.model import (
    LIST,
    Actor,
    AttemptRecord,
    Change,
    EndpointId,
    Event,
    Lease,
    Millis,
    Msisdn,
    Partition,
    Recorded,
)
from tests.builders import NOON, a_delivery, a_start, a_stop, an_endpoint, an_origin

CRM = an_endpoint("crm")
HERE = Partition(0)
NOW, LATER = Millis(0), Millis(60_000)
RECORD = AttemptRecord(number=1, outcome="retry", status=500, took_ms=3, error="http_500", response="oops")
OF_A_LIST = replace(an_origin(Actor.IMPORT), provider=LIST)

Route = Callable[..., Awaitable[tuple[list[Event], set[EndpointId]]]]
"""Returns the events, and who has something due because of them that had not before."""


@pytest.fixture
def route(ledger: Ledger, queue: Queue) -> Route:
    """Records changes, and files them for the CRM."""

    async def routed(*changes: Change) -> tuple[list[Event], set[EndpointId]]:
        for change in changes:
            assert isinstance(await ledger.apply(change), Recorded)
        (stretch,) = await queue.unrouted(await queue.cursors(), block=Millis(1))
        filed = await queue.fan_out(stretch, [a_delivery(event, CRM) for event in stretch.events])
        return [*stretch.events], {*filed.due}

    return routed


@pytest.fixture
def ann_bob_and_others(store: Store) -> list[Msisdn]:
    """All in the same partition, so that the store alone decides; Ann's would be the last where two are equal."""
    numbers = (Msisdn(f"1650242{n:04}") for n in reversed(range(100)))
    return [number for number in numbers if store.keys_of(number).partition == HERE][:6]


def listed(change: Change) -> Change:
    return replace(change, origin=OF_A_LIST)


async def first(queue: Queue, *, within: int = 1) -> Lease:
    (lease,) = (await queue.claim(HERE, {CRM.id: within}, token="mine")).leases
    return lease


async def told(queue: Queue) -> list[Msisdn]:
    """Who the CRM hears of, in that order, when it hears of one at a time."""
    heard = []
    while leases := (await queue.claim(HERE, {CRM.id: 1}, token="mine")).leases:
        heard.append(leases[0].msisdn)
        await queue.settle(leases[0], "done", None, wait=NOW)
    return heard


async def test_an_opt_out_of_a_list_waits_for_one_that_was_texted(
    queue: Queue, route: Route, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, bob, *others = ann_bob_and_others
    await route(*(listed(a_stop(msisdn=number)) for number in others))

    await route(a_stop(msisdn=ann), a_start(msisdn=bob))

    order = await told(queue)
    assert order[0] == ann
    assert set(order) == {ann, bob, *others}


async def test_an_opt_in_of_a_list_waits_for_all_that_is_said_now(
    queue: Queue, route: Route, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, bob, *others = ann_bob_and_others
    await route(*(listed(a_start(msisdn=number)) for number in others))

    await route(a_start(msisdn=bob), a_stop(msisdn=ann))

    assert (await told(queue))[:2] == [ann, bob]


async def test_nobody_waits_to_be_told_what_a_list_says(
    queue: Queue, route: Route, ann_bob_and_others: list[Msisdn]
) -> None:
    """Whoever imported it knows it: only what somebody texted is overdue when it is not delivered."""
    await route(listed(a_stop(msisdn=ann_bob_and_others[0])))

    assert (await queue.look(HERE)).unheard == ()


async def test_what_is_ahead_of_an_opt_out_goes_as_early_as_that_would(
    queue: Queue, route: Route, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, *others = ann_bob_and_others
    await route(*(a_start(msisdn=number) for number in others), a_start(msisdn=ann, at=NOON))

    _, due = await route(a_stop(msisdn=ann, at=NOON + 1))

    assert due == {CRM.id}
    assert (await told(queue))[:2] == [ann, ann]


async def test_even_if_it_is_of_a_list_and_others_there_are_opt_outs(
    queue: Queue, route: Route, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, *others = ann_bob_and_others
    await route(*(listed(a_stop(msisdn=number)) for number in others), listed(a_start(msisdn=ann, at=NOON)))

    await route(a_stop(msisdn=ann, at=NOON + 1))

    assert (await told(queue))[:2] == [ann, ann]


async def test_so_does_all_of_it_however_much_there_is(
    queue: Queue, route: Route, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, *others = ann_bob_and_others
    await route(*(a_start(msisdn=number) for number in others))

    await route(*(a_start(msisdn=ann, at=NOON + n) for n in range(3)), a_stop(msisdn=ann, at=NOON + 3))

    assert (await told(queue))[:4] == [ann] * 4


async def test_a_replay_that_is_ahead_of_an_opt_out_is_hurried_too(
    queue: Queue, route: Route, store: Store, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, *others = ann_bob_and_others
    await route(a_start(msisdn=ann))
    lease = await first(queue)
    await queue.settle(lease, "done", None, wait=NOW)
    assert lease.event is not None
    await Replays(store).queue(CRM.id, [a_delivery(lease.event, CRM)], only_dead=False)
    await route(*(a_start(msisdn=number) for number in others))

    await route(a_stop(msisdn=ann, at=NOON + 1))

    again = await first(queue)
    assert (again.msisdn, again.is_replay) == (ann, True)


async def test_an_opt_out_behind_what_is_under_way_is_next_when_that_has_arrived(
    queue: Queue, route: Route, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, *others = ann_bob_and_others
    await route(a_start(msisdn=ann))
    lease = await first(queue)
    await route(*(a_start(msisdn=number) for number in others))

    _, due = await route(a_stop(msisdn=ann, at=NOON + 1))
    assert due == set()
    await queue.settle(lease, "done", None, wait=NOW)

    assert (await first(queue)).msisdn == ann


async def test_a_retry_that_an_opt_out_waits_for_keeps_its_time_and_goes_before_the_others_then(
    queue: Queue, route: Route, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, bob, *_ = ann_bob_and_others
    await route(a_start(msisdn=ann))
    await queue.settle(await first(queue), "retry", RECORD, wait=LATER)

    _, due = await route(a_stop(msisdn=ann, at=NOON + 1))
    assert due == set()
    assert (await queue.claim(HERE, {CRM.id: 1}, token="mine")).leases == ()
    await route(a_start(msisdn=bob))
    await queue.hasten(CRM.id)

    assert await told(queue) == [ann, ann, bob]


async def test_what_is_due_beside_such_a_retry_is_due_at_once(
    queue: Queue, route: Route, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, bob, *_ = ann_bob_and_others
    await route(a_start(msisdn=ann))
    await queue.settle(await first(queue), "retry", RECORD, wait=LATER)

    await route(a_stop(msisdn=ann, at=NOON + 1), a_start(msisdn=bob))

    look = await queue.look(HERE)
    assert look.due[CRM.id] <= look.now


async def test_what_was_hurried_stays_so_when_its_dispatcher_falls_silent(
    queue: Queue, route: Route, store: Store, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, *others = ann_bob_and_others
    await route(a_start(msisdn=ann), a_stop(msisdn=ann, at=NOON + 1))
    lease = await first(queue)
    await route(*(a_start(msisdn=number) for number in others))
    await store.redis.zadd(store.keys[HERE].leased, {f"{lease.endpoint}\x1f{ann}": 1})

    assert await queue.reap(await queue.look(HERE)) == 1

    assert (await first(queue)).msisdn == ann


async def test_what_is_due_keeps_its_place_when_it_is_asked_for_by_hand(
    queue: Queue, route: Route, ann_bob_and_others: list[Msisdn]
) -> None:
    ann, bob, *_ = ann_bob_and_others
    (event,), _ = await route(a_start(msisdn=ann))
    await asyncio.sleep(0.005)
    await route(a_start(msisdn=bob))
    await asyncio.sleep(0.005)

    assert await queue.retry(CRM.id, event) == "hastened"

    assert await told(queue) == [ann, bob]
