"""Lanes keep the order, leases keep the hands off, and nothing that is owed gets lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from consent.errors import StoreUnavailable
from consent.ledger import Backlog, Ledger, Look, Queue, Store
from consent.model import (
    AttemptRecord,
    Change,
    EndpointId,
    Event,
    EventId,
    Lease,
    Millis,
    Msisdn,
    Partition,
    Recorded,
    Status,
    UnixMs,
)
from tests.builders import ANN, BOB, NOON, a_delivery, a_start, a_stop, an_endpoint, an_event

CRM = an_endpoint("crm")
WAREHOUSE = an_endpoint("warehouse")
NOW = Millis(0)
RECORD = AttemptRecord(number=1, outcome="retry", status=500, took_ms=3, error="http_500", response="oops")

Route = Callable[..., Awaitable[list[Event]]]


@pytest.fixture
def route(ledger: Ledger, queue: Queue) -> Route:
    """Records changes and routes all that is unrouted to the endpoints named."""

    async def routed(*changes: Change, to: tuple[EndpointId, ...] = (CRM.id,)) -> list[Event]:
        for change in changes:
            assert isinstance(await ledger.apply(change), Recorded)
        events = []
        for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
            owed = [a_delivery(event, an_endpoint(name.split("/")[1])) for event in stretch.events for name in to]
            assert (await queue.fan_out(stretch, owed)).after == stretch.after
            events += stretch.events
        return events

    return routed


async def claim(queue: Queue, endpoint: EndpointId = CRM.id, *, limit: int = 10, token: str = "mine") -> list[Lease]:
    claims = [await queue.claim(Partition(p), {endpoint: limit}, token=token) for p in range(4)]
    return [lease for claimed in claims for lease in claimed.leases]


async def test_a_routed_event_is_claimed_with_what_it_says(queue: Queue, route: Route) -> None:
    (event,) = await route(a_stop())

    (lease,) = await claim(queue)
    assert (lease.event, lease.attempt, lease.endpoint) == (event, 1, CRM.id)


async def test_what_one_holds_no_other_can_claim(queue: Queue, route: Route) -> None:
    await route(a_stop())

    assert len(await claim(queue, token="mine")) == 1
    assert await claim(queue, token="theirs") == []


async def test_who_is_due_and_owed_nothing_keeps_no_other_from_being_claimed(
    queue: Queue, store: Store, route: Route
) -> None:
    (event,) = await route(a_stop(), to=(WAREHOUSE.id,))
    keys = store.keys_of(ANN)
    await store.redis.zadd(keys.due(CRM.id), {ANN: 1})
    await store.redis.zadd(keys.next, {CRM.id: 1})

    claimed = await queue.claim(keys.partition, {WAREHOUSE.id: 5, CRM.id: 5}, token="mine")

    assert [lease.event_id for lease in claimed.leases] == [event.id]
    assert claimed.due[CRM.id] == (None, None)
    assert not await store.redis.exists(keys.due(CRM.id), keys.heads(CRM.id))


async def test_the_second_event_of_a_number_waits_for_the_first(queue: Queue, route: Route) -> None:
    first, second = await route(a_start(at=NOON), a_stop(at=NOON + 1))

    (lease,) = await claim(queue)
    assert lease.event == first
    assert await claim(queue) == []
    await queue.settle(lease, "done", None, wait=NOW)
    (following,) = await claim(queue)
    assert following.event == second


async def test_a_failing_number_does_not_delay_another(queue: Queue, route: Route) -> None:
    await route(a_stop(msisdn=ANN))
    (held,) = await claim(queue)
    await queue.settle(held, "retry", RECORD, wait=Millis(60_000))

    await route(a_stop(msisdn=BOB))

    (lease,) = await claim(queue)
    assert lease.msisdn == BOB


async def test_a_retry_is_not_overtaken(queue: Queue, route: Route) -> None:
    await route(a_start(at=NOON), a_stop(at=NOON + 1))
    (lease,) = await claim(queue)

    await queue.settle(lease, "retry", RECORD, wait=Millis(60_000))

    assert await claim(queue) == []


async def test_a_retry_counts_its_attempt_and_a_release_does_not(queue: Queue, route: Route) -> None:
    await route(a_stop())
    (lease,) = await claim(queue)
    await queue.settle(lease, "release", None, wait=NOW)
    (again,) = await claim(queue)
    await queue.settle(again, "retry", RECORD, wait=NOW)
    (third,) = await claim(queue)

    assert (again.attempt, third.attempt) == (1, 2)


async def test_endpoints_do_not_wait_for_each_other(queue: Queue, route: Route) -> None:
    await route(a_stop(), to=(CRM.id, WAREHOUSE.id))
    await claim(queue, CRM.id)

    assert len(await claim(queue, WAREHOUSE.id)) == 1


async def test_opt_outs_go_before_all_else(queue: Queue, route: Route) -> None:
    partition_of_ann = [Msisdn(f"1650242{n:04}") for n in range(200)]
    starts = [a_start(msisdn=msisdn) for msisdn in partition_of_ann[:100]]
    stops = [a_stop(msisdn=msisdn) for msisdn in partition_of_ann[100:]]
    await route(*starts, *stops)

    claimed = await claim(queue, limit=10)
    assert {lease.event.status for lease in claimed if lease.event} == {Status.OPTED_OUT}


async def test_a_dead_one_is_kept_and_makes_way(queue: Queue, backlog: Backlog, route: Route) -> None:
    first, second = await route(a_start(at=NOON), a_stop(at=NOON + 1))
    (lease,) = await claim(queue)

    await queue.settle(lease, "bury", RECORD, wait=NOW)

    (buried,) = await backlog.dead(CRM.id)
    assert (buried.event, buried.msisdn, buried.reason, buried.attempts) == (first.id, ANN, "http_500", 1)
    (following,) = await claim(queue)
    assert following.event == second


async def test_a_dead_one_is_discarded_and_what_waits_or_is_no_event_is_not(
    queue: Queue, backlog: Backlog, route: Route, store: Store
) -> None:
    first, second = await route(a_start(at=NOON), a_stop(at=NOON + 1))
    (lease,) = await claim(queue)
    await queue.settle(lease, "bury", RECORD, wait=NOW)

    nowhere = [EventId("evt_999_1_0"), EventId("nonsense")]
    assert await queue.discard(CRM.id, [first.id, second.id, *nowhere]) == 1
    assert await queue.discard(CRM.id, [first.id]) == 0

    assert await backlog.dead(CRM.id) == []
    assert not [key for keys in store.keys for key in (keys.graves(CRM.id),) if await store.redis.exists(key)]
    (following,) = await claim(queue)
    assert following.event == second


async def test_a_dead_one_can_be_revived(queue: Queue, backlog: Backlog, store: Store, route: Route) -> None:
    (event,) = await route(a_stop())
    (lease,) = await claim(queue)
    await queue.settle(lease, "bury", RECORD, wait=NOW)

    assert await queue.retry(CRM.id, event) == "revived"

    assert await backlog.dead(CRM.id) == []
    assert not [keys for keys in store.keys if await store.redis.exists(keys.graves(CRM.id))]
    (again,) = await claim(queue)
    assert (again.event, again.attempt) == (event, 1)


async def test_a_waiting_one_can_be_hastened_but_not_past_an_earlier_one(queue: Queue, route: Route) -> None:
    first, second = await route(a_start(at=NOON), a_stop(at=NOON + 1))
    (lease,) = await claim(queue)
    assert await queue.retry(CRM.id, first) == "in_flight"
    await queue.settle(lease, "retry", RECORD, wait=Millis(3_600_000))

    assert await queue.retry(CRM.id, second) == "behind"
    assert await queue.retry(CRM.id, an_event(msisdn=ANN)) == "unknown"
    assert await queue.retry(CRM.id, first) == "hastened"

    (again,) = await claim(queue)
    assert (again.event, again.attempt) == (first, 2)


async def test_nothing_is_known_of_what_was_delivered(queue: Queue, route: Route) -> None:
    (event,) = await route(a_stop())
    (lease,) = await claim(queue)
    await queue.settle(lease, "done", None, wait=NOW)

    assert await queue.retry(CRM.id, event) == "unknown"


async def test_an_expired_lease_goes_back_and_its_holder_cannot_settle(
    queue: Queue, store: Store, route: Route
) -> None:
    await route(a_stop())
    (lost,) = await claim(queue, token="lost")
    await expire_leases(store)

    assert await reap(queue) == 1
    (found,) = await claim(queue, token="found")
    assert found.attempt == 1
    assert not await queue.settle(lost, "done", None, wait=NOW)
    assert await queue.settle(found, "done", None, wait=NOW)


async def test_its_holder_cannot_settle_what_went_back_and_nobody_has_taken_yet(
    queue: Queue, store: Store, route: Route
) -> None:
    await route(a_stop())
    (lost,) = await claim(queue, token="lost")
    await expire_leases(store)

    assert await reap(queue) == 1
    assert [look.expired for look in await looks(queue)] == [()] * 4
    assert await reap(queue) == 0
    assert await queue.settle(lost, "done", None, wait=NOW) is None
    assert len(await claim(queue)) == 1


async def test_the_leases_of_all_endpoints_go_back_together(queue: Queue, store: Store, route: Route) -> None:
    (event,) = await route(a_stop(), to=(CRM.id, WAREHOUSE.id))
    held = [lease for endpoint in (CRM.id, WAREHOUSE.id) for lease in await claim(queue, endpoint)]
    await expire_leases(store)

    assert await reap(queue) == len(held) == 2
    for endpoint in (CRM.id, WAREHOUSE.id):
        (found,) = await claim(queue, endpoint, token="found")
        assert (found.event, found.endpoint) == (event, endpoint)


async def test_a_renewed_lease_is_not_reaped(queue: Queue, store: Store, route: Route) -> None:
    await route(a_stop())
    (lease,) = await claim(queue)
    await expire_leases(store)
    looked = [await queue.look(Partition(p)) for p in range(4)]

    await queue.renew([lease])

    assert sum([await queue.reap(look) for look in looks_with_expired(looked)]) == 0
    assert await queue.settle(lease, "done", None, wait=NOW)


async def test_a_lease_is_renewed_whatever_becomes_of_those_in_other_partitions(
    queue: Queue, store: Store, route: Route
) -> None:
    numbers = [Msisdn(f"1650242{n:04}") for n in range(10)]
    for msisdn in numbers:
        await route(a_stop(msisdn=msisdn))
    leases = sorted(await claim(queue), key=lambda lease: lease.partition)
    first = store.keys[leases[0].partition].leased
    await expire_leases(store)
    await store.redis.rename(first, f"{first}:aside")
    await store.redis.set(first, "in the way")

    with pytest.raises(StoreUnavailable):
        await queue.renew(leases)

    await store.redis.rename(f"{first}:aside", first)
    looked = [await queue.look(Partition(p)) for p in range(4)]
    assert [look.partition for look in looked if look.expired] == [leases[0].partition]


async def test_a_look_says_what_is_due_and_when(queue: Queue, route: Route) -> None:
    await route(a_stop())
    (lease,) = await claim(queue)
    await queue.settle(lease, "retry", RECORD, wait=Millis(60_000))

    look = await queue.look(lease.partition)
    assert look.due[CRM.id] - look.now == pytest.approx(60_000, abs=2000)
    assert (look.expired, look.first_expiry) == ((), None)


async def test_a_look_knows_an_ordinary_delivery_behind_a_later_urgent_one(
    queue: Queue, store: Store, route: Route
) -> None:
    same_slot = [n for n in (Msisdn(f"1650242{i:04}") for i in range(40)) if store.keys_of(n).partition == 0][:2]
    await route(a_stop(msisdn=same_slot[0]))
    (lease,) = await claim(queue)
    await queue.settle(lease, "retry", RECORD, wait=Millis(3_600_000))
    await route(a_start(msisdn=same_slot[1]))

    look = await queue.look(Partition(0))
    assert look.due[CRM.id] <= look.now
    (claimed,) = await claim(queue)
    assert claimed.msisdn == same_slot[1]
    later = await queue.look(Partition(0))
    assert later.due[CRM.id] - later.now == pytest.approx(3_600_000, abs=2000)


async def test_two_dispatchers_route_a_stretch_once(ledger: Ledger, queue: Queue) -> None:
    await ledger.apply(a_stop())
    (stretch,) = await queue.unrouted(await queue.cursors(), block=Millis(1))
    owed = [a_delivery(event) for event in stretch.events]

    cursors = [(await queue.fan_out(stretch, owed)).after for _ in range(2)]

    assert cursors == [stretch.after, stretch.after]
    assert len(await claim(queue)) == 1


async def routed_and_held(ledger: Ledger, queue: Queue, *changes: Change) -> list[Lease]:
    """All that can be, by us."""
    for change in changes:
        await ledger.apply(change)
    held: list[Lease] = []
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        owed = [a_delivery(event) for event in stretch.events]
        held += (await queue.fan_out(stretch, owed, hold=range(len(owed)), token="mine")).leases
    return held


async def test_what_is_held_as_it_is_routed_is_held_like_what_was_claimed(
    ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    (held,) = await routed_and_held(ledger, queue, a_stop())

    assert await claim(queue, token="theirs") == []
    assert (await backlog.depth(CRM.id)).owed == 1
    await queue.settle(held, "release", None, wait=NOW)
    (claimed,) = await claim(queue)
    assert claimed == held


async def test_only_the_first_of_a_lane_is_held_as_it_is_routed(ledger: Ledger, queue: Queue) -> None:
    (held,) = await routed_and_held(ledger, queue, a_start(at=NOON), a_stop(at=NOON + 1))
    assert await routed_and_held(ledger, queue, a_start(at=NOON + 2)) == []

    settled = await queue.settle(held, "done", None, wait=NOW)

    assert settled
    assert settled.due is not None
    (following,) = await claim(queue)
    assert following.event
    assert following.event.status is Status.OPTED_OUT
    settled = await queue.settle(following, "done", None, wait=NOW)
    assert settled
    assert (settled.due is None, settled.was_tried) == (False, False)


async def test_what_a_dead_dispatcher_held_as_it_routed_comes_back(ledger: Ledger, queue: Queue, store: Store) -> None:
    (held,) = await routed_and_held(ledger, queue, a_stop())
    await expire_leases(store)

    assert await queue.reap(await queue.look(held.partition)) == 1

    (again,) = await claim(queue, token="theirs")
    assert (again.event, again.attempt) == (held.event, 1)
    assert await queue.settle(held, "done", None, wait=NOW) is None


async def test_one_event_may_concern_thousands_of_endpoints(ledger: Ledger, queue: Queue) -> None:
    await ledger.apply(a_stop())
    (stretch,) = await queue.unrouted(await queue.cursors(), block=Millis(1))
    owed = [a_delivery(stretch.events[0], an_endpoint(f"e{n}")) for n in range(6000)]

    routed = await queue.fan_out(stretch, owed, hold=range(5000), token="mine")

    assert (len(routed.leases), len(routed.due)) == (5000, 1000)


async def test_who_comes_second_to_a_stretch_holds_nothing_of_it(ledger: Ledger, queue: Queue) -> None:
    await ledger.apply(a_stop())
    (stretch,) = await queue.unrouted(await queue.cursors(), block=Millis(1))
    owed = [a_delivery(event) for event in stretch.events]
    await queue.fan_out(stretch, owed)

    second = await queue.fan_out(stretch, owed, hold=(0,), token="theirs")

    assert (second.leases, second.due) == ((), {CRM.id})
    assert len(await claim(queue)) == 1


async def test_a_removed_endpoint_is_forgotten_whole(queue: Queue, store: Store, route: Route) -> None:
    before = await stored(store)
    of_each = ((a_start, NOON), (a_stop, NOON + 1))
    await route(*(says(msisdn=Msisdn(f"1555{n:07}"), at=at) for n in range(300) for says, at in of_each))
    (lease, *_) = await claim(queue, limit=3)
    await queue.settle(lease, "bury", RECORD, wait=NOW)

    await queue.purge(CRM.id, removed_at=NOON, is_last=True)

    assert await queue.owed_endpoints() == set()
    assert not [name for name in await stored(store) - before if b"crm" in name]
    assert not [name for keys in store.keys for name in (keys.leased, keys.unheard) if await store.redis.zcard(name)]


async def test_a_large_backlog_is_forgotten_in_reasonable_time(queue: Queue, store: Store) -> None:
    heads = {f"1650{n:07}": "1-1 0 0 -" for n in range(60_000)}
    await store.redis.hset(store.keys[0].heads(CRM.id), mapping=heads)

    async with asyncio.timeout(20):
        await queue.purge(CRM.id, removed_at=NOON, is_last=True)

    assert await store.redis.exists(store.keys[0].heads(CRM.id)) == 0


async def test_the_backlog_shows_head_and_followers(queue: Queue, backlog: Backlog, route: Route) -> None:
    await route(a_start(at=NOON), a_stop(at=NOON + 1), a_start(at=NOON + 2))
    (lease,) = await claim(queue)
    in_flight = [owed.state for owed in await backlog.owed(CRM.id)]
    await queue.settle(lease, "retry", RECORD, wait=Millis(60_000))

    assert in_flight == ["in_flight", "behind", "behind"]
    assert [owed.state for owed in await backlog.owed(CRM.id)] == ["due", "behind", "behind"]
    (attempt,) = await backlog.attempts_on(lease.event_id)
    assert (attempt.record, attempt.endpoint, attempt.msisdn) == (RECORD, CRM.id, ANN)
    depth = await backlog.depth(CRM.id)
    assert (depth.owed, depth.in_flight, depth.dead) == (1, 0, 0)


async def test_trimming_spares_what_is_owed(queue: Queue, ledger: Ledger, route: Route) -> None:
    (owed,) = await route(a_start(msisdn=ANN))
    crowd = [a_stop(msisdn=ANN, at=NOON + n, identities=()) for n in range(1, 500)]
    await route(*crowd)

    for partition in range(4):
        await ledger.trim(Partition(partition), UnixMs(4_000_000_000_000))

    assert await ledger.event(owed.id) is not None


async def test_trimming_spares_what_is_owed_behind_something_newer(queue: Queue, ledger: Ledger, route: Route) -> None:
    (dead,) = await route(a_stop())
    (lease,) = await claim(queue)
    await queue.settle(lease, "bury", None, wait=NOW)
    await route(*(a_stop(at=NOON + n, identities=()) for n in range(1, 500)), to=())
    await route(a_start(at=NOON + 500))
    assert await queue.retry(CRM.id, dead) == "revived"

    for partition in range(4):
        await ledger.trim(Partition(partition), UnixMs(4_000_000_000_000))

    assert await ledger.event(dead.id) is not None


async def test_trimming_forgets_what_everybody_has(queue: Queue, ledger: Ledger, route: Route) -> None:
    for n in range(500):
        await ledger.apply(a_stop(at=NOON + n, identities=()))
    await route(to=())

    trimmed = [await ledger.trim(Partition(partition), UnixMs(4_000_000_000_000)) for partition in range(4)]

    assert sum(trimmed) > 200


async def test_trimming_goes_on_where_all_was_settled_meanwhile(
    queue: Queue, store: Store, ledger: Ledger, route: Route
) -> None:
    await route(*(a_stop(at=NOON + n, identities=()) for n in range(500)), to=())
    for keys in store.keys:
        await store.redis.zadd(keys.next, {CRM.id: 1})

    trimmed = [await ledger.trim(Partition(partition), UnixMs(4_000_000_000_000)) for partition in range(4)]

    assert sum(trimmed) > 100


async def expire_leases(store: Store) -> None:
    for keys in store.keys:
        for lease in await store.redis.zrange(keys.leased, 0, -1):
            await store.redis.zadd(keys.leased, {lease: 1})


async def reap(queue: Queue) -> int:
    looks = [await queue.look(Partition(p)) for p in range(4)]
    return sum([await queue.reap(look) for look in looks_with_expired(looks)])


def looks_with_expired(looks: list) -> list:  # type: ignore[type-arg]
    return [look for look in looks if look.expired]


async def stored(store: Store) -> set[bytes]:
    return {name async for name in store.redis.scan_iter()}


# ── room for what was never tried, and what opt-outs wait ───────────────────────────────────────────────────────────


async def failed_once(queue: Queue, route: Route, *changes: Change) -> None:
    await route(*changes)
    for lease in await claim(queue, limit=100):
        await queue.settle(lease, "retry", RECORD, wait=NOW)


async def in_one_partition(store: Store, count: int) -> list[Msisdn]:
    numbers = (Msisdn(f"1650243{n:04}") for n in range(10_000))
    return [number for number in numbers if store.keys_of(number).partition == 0][:count]


async def test_the_retries_of_a_claim_are_limited_and_leave_room_for_first_attempts(
    queue: Queue, store: Store, route: Route
) -> None:
    numbers = await in_one_partition(store, 12)
    await failed_once(queue, route, *(a_start(msisdn=number) for number in numbers[:10]))
    await route(*(a_start(msisdn=number) for number in numbers[10:]))

    claimed = await queue.claim(Partition(0), {CRM.id: (6, 3)}, token="mine", first="tried")

    assert [lease.attempt for lease in claimed.leases] == [2, 2, 2, 1, 1]
    due = claimed.due[CRM.id]
    assert due.untried is None
    assert due.tried is not None
    assert due.tried <= claimed.now


async def test_first_attempts_take_none_of_the_places_that_retries_have(
    queue: Queue, store: Store, route: Route
) -> None:
    tried, *fresh = await in_one_partition(store, 4)
    await failed_once(queue, route, a_start(msisdn=tried))
    await route(*(a_start(msisdn=number) for number in fresh))

    claimed = await queue.claim(Partition(0), {CRM.id: (10, 1)}, token="mine")

    assert [lease.attempt for lease in claimed.leases] == [1, 1, 1, 2]


async def test_first_attempts_go_before_retries_unless_it_is_their_turn(
    queue: Queue, store: Store, route: Route
) -> None:
    numbers = await in_one_partition(store, 4)
    await failed_once(queue, route, *(a_start(msisdn=number) for number in numbers[:2]))
    await route(*(a_start(msisdn=number) for number in numbers[2:]))

    first = await queue.claim(Partition(0), {CRM.id: 1}, token="mine")
    second = await queue.claim(Partition(0), {CRM.id: 1}, token="mine", first="tried")

    assert [lease.attempt for lease in first.leases + second.leases] == [1, 2]


async def test_where_that_is_asked_for_what_was_never_tried_goes_before_all_that_was(
    queue: Queue, store: Store, route: Route
) -> None:
    tried, fresh, urgent = await in_one_partition(store, 3)
    await failed_once(queue, route, a_stop(msisdn=tried))
    await route(a_start(msisdn=fresh), a_stop(msisdn=urgent))

    claims = [await queue.claim(Partition(0), {CRM.id: 1}, token="mine", fresh={CRM.id}) for _ in range(3)]

    assert [lease.msisdn for claimed in claims for lease in claimed.leases] == [urgent, fresh, tried]


async def test_an_opt_out_that_was_tried_goes_before_a_first_attempt_of_anything_else(
    queue: Queue, store: Store, route: Route
) -> None:
    stopped, started = await in_one_partition(store, 2)
    await failed_once(queue, route, a_stop(msisdn=stopped))
    await route(a_start(msisdn=started))

    (lease,) = await claim(queue, limit=1)

    assert lease.msisdn == stopped


async def test_it_goes_behind_that_where_it_is_the_turn_of_what_was_never_tried(
    queue: Queue, store: Store, route: Route
) -> None:
    """An endpoint may have one slot, and opt-outs to be tried again without end."""
    stopped, started = await in_one_partition(store, 2)
    await failed_once(queue, route, a_stop(msisdn=stopped))
    await route(a_start(msisdn=started))

    claimed = await queue.claim(Partition(0), {CRM.id: 1}, token="mine", first="untried")

    assert [lease.msisdn for lease in claimed.leases] == [started]


async def test_a_claim_says_when_each_kind_is_due_again(queue: Queue, store: Store, route: Route) -> None:
    stopped, started = await in_one_partition(store, 2)
    await route(a_stop(msisdn=stopped), a_start(msisdn=started))
    leases = await claim(queue)
    settled = await queue.settle(leases[0], "retry", RECORD, wait=Millis(60_000))
    await queue.settle(leases[1], "release", RECORD, wait=Millis(30_000))

    claimed = await queue.claim(Partition(0), {CRM.id: 5}, token="mine")

    untried, tried = claimed.due[CRM.id]
    assert settled is not None
    assert (tried, settled.was_tried) == (settled.due, True)
    assert untried is not None
    assert untried - claimed.now == pytest.approx(30_000, abs=2000)
    assert (await queue.look(Partition(0))).due == {CRM.id: untried}


async def test_an_opt_out_waits_from_when_it_was_recorded_wherever_it_waits(queue: Queue, route: Route) -> None:
    _, second = await route(a_start(at=NOON), a_stop(at=NOON + 1))
    recorded = int(second.id.split("_")[2])

    behind = await oldest(queue)
    (lease,) = await claim(queue)
    await queue.settle(lease, "done", None, wait=NOW)
    (stop,) = await claim(queue)
    in_flight = await oldest(queue)
    await queue.settle(stop, "retry", RECORD, wait=Millis(3_600_000))
    put_off = await oldest(queue)

    assert behind == in_flight == put_off == {CRM.id: recorded}


async def test_a_delivered_opt_out_waits_no_more_and_nobody_asks_again(
    queue: Queue, store: Store, route: Route
) -> None:
    await route(a_stop(), a_start(msisdn=BOB))
    for lease in await claim(queue):
        await queue.settle(lease, "done", None, wait=NOW)

    assert await oldest(queue) == {}
    assert [look.unheard for look in await looks(queue)] == [()] * 4
    assert [name for name in await stored(store) if b"unheard" in name] == []


async def test_once_the_oldest_opt_out_is_delivered_the_next_one_is_the_oldest(
    queue: Queue, store: Store, route: Route
) -> None:
    first, second = await in_one_partition(store, 2)
    await route(a_stop(msisdn=first))
    await asyncio.sleep(0.002)  # an id has the millisecond
    (later,) = await route(a_stop(msisdn=second))
    leases = await claim(queue)
    await queue.settle(next(lease for lease in leases if lease.msisdn == first), "done", None, wait=NOW)

    assert await oldest(queue) == {CRM.id: int(later.id.split("_")[2])}
    assert await store.redis.zscore(store.keys[0].unheard, CRM.id) == int(later.id.split("_")[2])


async def test_a_dead_opt_out_is_dead_and_waits_again_once_revived(queue: Queue, route: Route) -> None:
    (event,) = await route(a_stop())
    (lease,) = await claim(queue)
    await queue.settle(lease, "bury", RECORD, wait=NOW)
    dead = await oldest(queue)

    await queue.retry(CRM.id, event)

    assert (dead, list(await oldest(queue))) == ({}, [CRM.id])


async def test_why_deliveries_were_given_up_is_counted(queue: Queue, backlog: Backlog, route: Route) -> None:
    await route(*(a_stop(msisdn=Msisdn(f"1650242{n:04}")) for n in range(3)))
    for lease, cause in zip(await claim(queue), ("timeout", "http_500", "timeout"), strict=True):
        await queue.settle(lease, "bury", RECORD, wait=NOW, cause=cause)

    assert await backlog.given_up(CRM.id) == {"timeout": 2, "http_500": 1}


async def test_what_an_operator_hastens_replaces_the_attempt_that_was_due(queue: Queue, route: Route) -> None:
    (event,) = await route(a_stop())
    (lease,) = await claim(queue)
    await queue.settle(lease, "retry", RECORD, wait=Millis(60_000))

    await asyncio.gather(*(queue.retry(CRM.id, event) for _ in range(3)))

    (again,) = await claim(queue)
    await queue.settle(again, "done", None, wait=NOW)
    assert await claim(queue) == []
    assert (await queue.look(lease.partition)).due == {}


async def test_once_an_endpoint_works_again_all_that_waits_there_is_due(
    queue: Queue, store: Store, route: Route
) -> None:
    numbers = await in_one_partition(store, 600)
    for begin in range(0, 600, 200):
        await route(*(a_stop(msisdn=number) for number in numbers[begin : begin + 200]))
    await route(a_stop(msisdn=numbers[0], at=NOON + 1000), to=(WAREHOUSE.id,))
    for lease in [*await claim(queue, limit=600), *await claim(queue, WAREHOUSE.id)]:
        await queue.settle(lease, "retry", RECORD, wait=Millis(3_600_000))

    assert await queue.hasten(CRM.id) == [Partition(0)]

    again = await claim(queue, limit=600)
    assert ({lease.msisdn for lease in again}, {lease.attempt for lease in again}) == (set(numbers), {2})
    assert await claim(queue, WAREHOUSE.id) == []
    assert await queue.hasten(CRM.id) == []


async def test_what_is_hastened_keeps_its_rank(queue: Queue, store: Store, route: Route) -> None:
    tried, untried = await in_one_partition(store, 2)
    await route(a_start(msisdn=tried))
    (lease,) = await claim(queue)
    await queue.settle(lease, "retry", RECORD, wait=Millis(3_600_000))
    await route(a_start(msisdn=untried))

    await queue.hasten(CRM.id)

    in_turn = [await claim(queue, limit=1) for _ in range(2)]
    assert [lease.msisdn for (lease,) in in_turn] == [untried, tried]


async def looks(queue: Queue) -> list[Look]:
    return [await queue.look(Partition(p)) for p in range(4)]


async def oldest(queue: Queue) -> dict[EndpointId, UnixMs]:
    found: dict[EndpointId, UnixMs] = {}
    for look in await looks(queue):
        found |= await queue.oldest_unheard(look.partition, look.unheard) if look.unheard else {}
    return found
