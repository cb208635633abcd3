"""Leases end together, and each as if it were alone."""

import asyncio

import pytest

from consent.errors import StoreUnavailable
from consent.ledger import Backlog, Ledger, Queue, Replays, Store, Verdict, settling
from consent.ledger.backlog import Depth
from consent.ledger.settling import Settling
from consent.model import AttemptRecord, Endpoint, EndpointId, Lease, Millis, Msisdn, Partition
from tests.builders import a_delivery, a_start, a_stop, an_endpoint

CRM, WAREHOUSE = an_endpoint("crm"), an_endpoint("warehouse")
RECORD = AttemptRecord(number=1, outcome="retry", status=500, took_ms=3, error="http_500", response="oops")
TOLD = AttemptRecord(number=1, outcome="delivered", status=200, took_ms=3, error="", response="ok")
FIRST = Partition(0)


def numbers(store: Store, count: int) -> list[Msisdn]:
    """All in one partition."""
    some = (Msisdn(f"1650243{n:04}") for n in range(10_000))
    return [number for number in some if store.keys_of(number).partition == FIRST][:count]


async def leased(
    ledger: Ledger, queue: Queue, msisdns: list[Msisdn], *, events: int = 1, to: tuple[Endpoint, ...] = (CRM, WAREHOUSE)
) -> list[Lease]:
    """An opt-out of each, and then an opt-in if two events are asked for; the first one held for each endpoint."""
    for msisdn in msisdns:
        for change in (a_stop(msisdn=msisdn, at=1), a_start(msisdn=msisdn, at=2))[:events]:
            await ledger.apply(change)
    return await claimed(queue, to=to)


async def claimed(queue: Queue, *, to: tuple[Endpoint, ...]) -> list[Lease]:
    (stretch,) = await queue.unrouted(await queue.cursors(), block=Millis(1))
    await queue.fan_out(stretch, [a_delivery(event, each) for event in stretch.events for each in to])
    return list((await queue.claim(FIRST, {each.id: 500 for each in to}, token="ours")).leases)


async def depths(store: Store) -> dict[EndpointId, Depth]:
    return await Backlog(store).depths([CRM.id, WAREHOUSE.id])


async def calls(store: Store) -> int:
    return int((await store.redis.info("commandstats"))["cmdstat_fcall"]["calls"])


async def test_what_ends_in_one_turn_of_the_loop_is_one_call(store: Store, ledger: Ledger, queue: Queue) -> None:
    leases = await leased(ledger, queue, numbers(store, 40))
    before = await calls(store)

    await asyncio.gather(*(queue.settle(lease, "done", RECORD, wait=Millis(0)) for lease in leases))

    assert await calls(store) - before == 1
    assert await depths(store) == dict.fromkeys((CRM.id, WAREHOUSE.id), Depth(owed=0, in_flight=0, dead=0))
    assert len(await Backlog(store).attempts(of_each=100)) == len(leases) == 80


async def test_who_was_told_of_an_opt_out_is_not_displaced_by_what_else_went_well(
    store: Store, ledger: Ledger, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "ATTEMPTS_KEPT", 100)
    (stop,) = await leased(ledger, queue, numbers(store, 1), to=(CRM,))
    await queue.settle(stop, "done", TOLD, wait=Millis(0))

    for change in [a_start(msisdn=msisdn) for msisdn in numbers(store, 251)[1:]]:
        await ledger.apply(change)
    others = await claimed(queue, to=(CRM,))
    await asyncio.gather(*(queue.settle(lease, "done", TOLD, wait=Millis(0)) for lease in others))

    backlog = Backlog(store)
    assert len(others) == 250
    assert await backlog.attempts_on(others[0].event_id) == []
    assert [attempt.record for attempt in await backlog.attempts_on(stop.event_id)] == [TOLD]
    assert len(await backlog.attempts(of_each=1000)) < 250


async def test_what_a_list_or_a_replay_tells_displaces_no_opt_out_that_was_told(
    store: Store, ledger: Ledger, queue: Queue
) -> None:
    (stop,) = await leased(ledger, queue, numbers(store, 1), to=(CRM,))
    await queue.settle(stop, "done", TOLD, wait=Millis(0))
    keys = store.keys[FIRST]
    assert await store.redis.xlen(keys.told) == 1

    assert stop.event is not None
    assert await Replays(store).queue(CRM.id, [a_delivery(stop.event, CRM)], only_dead=False) == {"queued": 1}
    (again,) = (await queue.claim(FIRST, {CRM.id: 9}, token="ours")).leases
    await queue.settle(again, "done", TOLD, wait=Millis(0))

    assert (await store.redis.xlen(keys.told), await store.redis.xlen(keys.attempts)) == (1, 1)
    assert len(await Backlog(store).attempts_on(stop.event_id)) == 2


async def test_what_ends_while_a_call_is_under_way_waits_for_its_answer(
    store: Store, ledger: Ledger, queue: Queue
) -> None:
    first, *others = await leased(ledger, queue, numbers(store, 40))
    before = await calls(store)

    ending = asyncio.ensure_future(queue.settle(first, "done", None, wait=Millis(0)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.gather(*(queue.settle(lease, "done", None, wait=Millis(0)) for lease in others))

    assert ending.done()
    assert await calls(store) - before == 2


@pytest.mark.parametrize(
    ("verdict", "state"), [("done", None), ("retry", ("due", 1)), ("bury", ("dead", 1)), ("release", ("due", 0))]
)
async def test_a_lease_that_is_ended_twice_in_one_call_is_ended_as_was_said_first(
    store: Store, ledger: Ledger, queue: Queue, verdict: Verdict, state: tuple[str, int] | None
) -> None:
    (lease,) = await leased(ledger, queue, numbers(store, 1), to=(CRM,))

    first, second = await asyncio.gather(
        queue.settle(lease, verdict, RECORD, wait=Millis(3_600_000)),
        queue.settle(lease, "release", None, wait=Millis(0)),
    )

    backlog, keys = Backlog(store), store.keys[FIRST]
    assert (first is None, second) == (False, None)
    assert [(one.state, one.attempts) for one in await backlog.owed(CRM.id)] == ([state] if state else [])
    assert await store.redis.zcard(keys.due(CRM.id)) == await store.redis.hlen(keys.heads(CRM.id))
    assert not (await queue.claim(FIRST, {CRM.id: 5}, token="next")).leases


async def test_more_than_the_store_is_to_do_in_one_step_goes_in_several(
    store: Store, ledger: Ledger, queue: Queue
) -> None:
    leases = await leased(ledger, queue, numbers(store, 100))
    before = await calls(store)

    settled = await asyncio.gather(*(queue.settle(lease, "done", None, wait=Millis(0)) for lease in leases))

    assert (len(settled), await calls(store) - before) == (200, 2)
    assert None not in settled


async def test_each_lease_has_an_end_of_its_own(store: Store, ledger: Ledger, queue: Queue) -> None:
    ann, bob, carol, dave = numbers(store, 4)
    held = {(lease.endpoint, lease.msisdn): lease for lease in await leased(ledger, queue, [ann, bob, carol, dave])}

    settled = await asyncio.gather(
        queue.settle(held[CRM.id, ann], "done", RECORD, wait=Millis(0)),
        queue.settle(held[WAREHOUSE.id, ann], "retry", RECORD, wait=Millis(60_000)),
        queue.settle(held[CRM.id, bob], "bury", RECORD, wait=Millis(0), cause="http_500"),
        queue.settle(held[CRM.id, carol], "release", None, wait=Millis(5000)),
        queue.settle(held[WAREHOUSE.id, dave], "done", RECORD, wait=Millis(0)),
    )

    assert [(one.due is not None, one.was_tried) for one in settled if one] == [
        (False, False),
        (True, True),
        (False, False),
        (True, False),
        (False, False),
    ]
    assert await depths(store) == {
        CRM.id: Depth(owed=2, in_flight=1, dead=1),
        WAREHOUSE.id: Depth(owed=3, in_flight=2, dead=0),
    }
    (dead,) = await Backlog(store).dead(CRM.id)
    assert (dead.msisdn, dead.reason, await Backlog(store).given_up(CRM.id)) == (bob, "http_500", {"http_500": 1})


async def test_where_something_waits_behind_one_of_them_it_is_next(store: Store, ledger: Ledger, queue: Queue) -> None:
    ann, bob = numbers(store, 2)
    held = [*await leased(ledger, queue, [ann], events=2), *await leased(ledger, queue, [bob])]
    first = [lease for lease in held if lease.endpoint == CRM.id]
    assert (await queue.claim(FIRST, {CRM.id: 10}, token="ours")).leases == ()

    settled = await asyncio.gather(*(queue.settle(lease, "done", None, wait=Millis(0)) for lease in first))

    assert [one.due is not None for one in settled if one] == [lease.msisdn == ann for lease in first]
    (following,) = (await queue.claim(FIRST, {CRM.id: 10}, token="ours")).leases
    assert (following.msisdn, following.is_urgent) == (ann, False)


async def test_where_nothing_waits_behind_it_the_next_event_of_the_number_is_due_at_once(
    store: Store, ledger: Ledger, queue: Queue
) -> None:
    """Also where something waits behind another one that ends in the same call."""
    ann, bob = numbers(store, 2)
    held = [*await leased(ledger, queue, [ann], events=2, to=(CRM,)), *await leased(ledger, queue, [bob], to=(CRM,))]
    await asyncio.gather(*(queue.settle(lease, "done", None, wait=Millis(0)) for lease in held))

    await ledger.apply(a_start(msisdn=bob, at=3))

    assert sorted(lease.msisdn for lease in await claimed(queue, to=(CRM,))) == sorted([ann, bob])


async def test_a_lease_that_others_have_by_now_spoils_no_other(store: Store, ledger: Ledger, queue: Queue) -> None:
    first, *others = await leased(ledger, queue, numbers(store, 3))
    lost = Lease(**{**{name: getattr(first, name) for name in Lease.__slots__}, "token": "theirs"})

    settled = await asyncio.gather(*(queue.settle(one, "done", None, wait=Millis(0)) for one in (lost, first, *others)))

    assert [one is None for one in settled] == [True, *[False] * 6]


async def test_what_the_store_refuses_of_one_costs_no_other(store: Store, ledger: Ledger, queue: Queue) -> None:
    first, *others = await leased(ledger, queue, numbers(store, 3))
    await store.redis.set(store.keys[FIRST].lane(first.endpoint, first.msisdn), "no list")

    failed, *settled = await asyncio.gather(
        *(queue.settle(one, "done", None, wait=Millis(0)) for one in (first, *others)), return_exceptions=True
    )

    assert isinstance(failed, StoreUnavailable)
    assert [getattr(one, "due", "failed") for one in settled] == [None] * 5


async def test_whoever_went_away_is_settled_all_the_same(store: Store, ledger: Ledger, queue: Queue) -> None:
    first, second = (await leased(ledger, queue, numbers(store, 1)))[:2]
    settling = Settling(store)

    gone = settling.end(first, record="", next="done")
    gone.cancel()
    await settling.end(second, record="", next="done")

    assert await depths(store) == dict.fromkeys((CRM.id, WAREHOUSE.id), Depth(owed=0, in_flight=0, dead=0))
