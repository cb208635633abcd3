"""What has not arrived is read page by page: nothing twice, and nothing left out that stays."""

import secrets

import pytest

from consent.errors import Refused
from consent.ledger import Backlog, Ledger, Queue, Store
from consent.ledger.arrears import Arrears, ArrearsPage
from consent.ledger.keys import event_id
from consent.model import AttemptRecord, EventId, Millis, Msisdn
from dispatcher.routing import route
from tests.builders import a_start, a_stop, an_endpoint

CRM, BILLING = an_endpoint("crm"), an_endpoint("billing")
BURIED = AttemptRecord(number=1, outcome="bury", status=500, took_ms=1, error="gave up: http_500", response="")


async def owe(store: Store, *numbers: str) -> None:
    """Two events of each number, to both endpoints."""
    queue, ledger = Queue(store), Ledger(store)
    for number in numbers:
        await ledger.apply(a_stop(msisdn=Msisdn(number)))
        await ledger.apply(a_start(msisdn=Msisdn(number), at=1_800_000_000_000))
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1000)):
        await queue.fan_out(stretch, [owed for event in stretch.events for owed in route(event, (CRM, BILLING))])


async def bury_all(store: Store) -> None:
    queue = Queue(store)
    for keys in store.keys:
        for lease in (await queue.claim(keys.partition, {CRM.id: 1000}, token=secrets.token_hex(8))).leases:
            await queue.settle(lease, "bury", BURIED, wait=Millis(0))


async def pages(store: Store, limit: int, *states: str) -> list[ArrearsPage]:
    found = [await page(store, "", limit, *states)]
    while found[-1].next:
        found.append(await page(store, found[-1].next, limit, *states))
    return found


async def page(store: Store, after: str, limit: int, *states: str) -> ArrearsPage:
    names = [CRM.id, BILLING.id]
    arrears = Arrears(store)
    if states:
        return await arrears.page(names, states=states, after=after, limit=limit)
    return await arrears.page(names, after=after, limit=limit)


def names(found: list[ArrearsPage]) -> list[tuple[str, EventId]]:
    return [(owed.endpoint, owed.event) for one in found for owed in one.owed]


@pytest.fixture
async def numbers(store: Store) -> list[str]:
    made = [f"1555000{number:04}" for number in range(23)]
    await owe(store, *made)
    return made


@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_everything_is_on_one_page_and_no_page_is_longer_than_asked_but_for_one_lane(
    store: Store, numbers: list[str], limit: int
) -> None:
    found = await pages(store, limit)

    assert len(names(found)) == len(set(names(found))) == 2 * 2 * len(numbers)
    assert all(len(one.owed) <= limit + 1 for one in found)
    assert [endpoint for endpoint, _ in names(found)] == sorted(endpoint for endpoint, _ in names(found))


async def test_the_dead_are_among_them_and_alone_where_they_alone_are_asked_for(
    store: Store, numbers: list[str]
) -> None:
    await bury_all(store)

    dead, rest = await pages(store, 4, "dead"), await pages(store, 4, "due", "behind", "in_flight")

    assert len(set(names(dead))) == len(names(dead)) == len(numbers)
    assert {owed.state for one in dead for owed in one.owed} == {"dead"}
    assert all(owed.reason == "gave up: http_500" for one in dead for owed in one.owed)
    assert len(names(rest)) == 3 * len(numbers)
    assert set(names(dead)) | set(names(rest)) == set(names(await pages(store, 4)))


async def test_what_stays_is_found_though_others_arrive_meanwhile(store: Store, numbers: list[str]) -> None:
    first = await page(store, "", 5)
    seen = {owed.msisdn for owed in first.owed}
    going = next(number for number in numbers if number not in seen)
    await store.redis.hdel(store.keys_of(Msisdn(going)).heads(BILLING.id), going)

    found = [first]
    while found[-1].next:
        found.append(await page(store, found[-1].next, 5))

    missing = {owed.msisdn for one in found for owed in one.owed if owed.endpoint == BILLING.id} ^ set(numbers)
    assert missing == {going}
    assert len(names(found)) == len(set(names(found)))


async def test_what_stays_is_found_though_what_was_shown_is_delivered_meanwhile(store: Store) -> None:
    keys, many = store.keys[0], [f"1555{number:07}" for number in range(2000)]
    await store.redis.hset(keys.heads(CRM.id), mapping={number: f"{number}-0 0 0 -" for number in many})

    after, shown = "", set[str]()
    while True:
        found = await page(store, after, 50)
        shown |= (here := {owed.msisdn for owed in found.owed})
        await store.redis.hdel(keys.heads(CRM.id), *here)
        if found.next is None:
            break
        after = found.next

    assert len(shown) == len(many)


async def test_what_came_back_to_life_meanwhile_is_on_no_later_page(store: Store, numbers: list[str]) -> None:
    await bury_all(store)
    first = await page(store, "", 1, "dead")
    seen = first.owed[0].event

    for keys in store.keys:
        for place in await store.redis.zrange(keys.dead(CRM.id), 0, -1):
            if event_id(keys.partition, place.decode()) != seen:
                await store.redis.zrem(keys.dead(CRM.id), place)

    assert await page(store, first.next or "", 10, "dead") == ArrearsPage(owed=(), next=None)


async def test_a_cursor_has_no_number_in_it(store: Store, numbers: list[str]) -> None:
    import base64  # noqa: PLC0415

    for one in await pages(store, 3):
        told = base64.urlsafe_b64decode((one.next or "") + "==").decode()
        assert not any(number in told for number in numbers)


async def test_nothing_is_owed(store: Store) -> None:
    assert await pages(store, 10) == [ArrearsPage(owed=(), next=None)]
    assert (await Backlog(store).depth(CRM.id)).owed == 0


@pytest.mark.parametrize("after", ["x", "é", "bnVsbA", "WzFd", "A" * 1000, "WyJhIiwwLGZhbHNlLC0xLCIiXQ"])
async def test_a_cursor_that_was_never_handed_out_is_refused(store: Store, after: str) -> None:
    with pytest.raises(Refused, match="after"):
        await page(store, after, 10)
