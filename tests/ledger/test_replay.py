"""What is told again goes behind what waits, once, and bears a mark; the log is read to an instant, and no further."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from consent.ledger import Backlog, Ledger, Mark, Passage, Queue, Replays, Store
from consent.model import LIST, CampaignId, Change, Event, EventId, Lease, Millis, Msisdn, Partition, Recorded, UnixMs
from tests.builders import ALERTS, ANN, BOB, NOON, a_delivery, a_start, a_stop, an_endpoint, an_event, an_origin

CRM = an_endpoint("crm")
NOW = Millis(0)
START, END = Mark(0, 0), Mark.before(UnixMs(10**15))

Route = Callable[..., Awaitable[list[Event]]]


@pytest.fixture
def replays(store: Store) -> Replays:
    return Replays(store)


@pytest.fixture
def route(ledger: Ledger, queue: Queue) -> Route:
    """Records changes, and routes all that is unrouted to the CRM."""

    async def routed(*changes: Change) -> list[Event]:
        for change in changes:
            assert isinstance(await ledger.apply(change), Recorded)
        events: list[Event] = []
        for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
            await queue.fan_out(stretch, [a_delivery(event, CRM) for event in stretch.events])
            events += stretch.events
        return events

    return routed


@pytest.fixture
def delivered(queue: Queue, route: Route) -> Route:
    """The same, and the CRM has taken all of it."""

    async def delivered(*changes: Change) -> list[Event]:
        events = await route(*changes)
        await drained(queue)
        return events

    return delivered


async def claim(queue: Queue, *, limit: int = 100, tried: int = 100) -> list[Lease]:
    claims = [await queue.claim(Partition(p), {CRM.id: (limit, tried)}, token="mine") for p in range(4)]
    return [lease for claimed in claims for lease in claimed.leases]


async def drained(queue: Queue) -> list[Lease]:
    """All that is owed, in the order in which it goes out, delivered."""
    done = []
    while leases := await claim(queue):
        for lease in leases:
            assert await queue.settle(lease, "done", None, wait=NOW)
            done.append(lease)
    return done


async def replay(replays: Replays, events: Sequence[Event], *, only_dead: bool = False) -> dict[str, int]:
    return dict(await replays.queue(CRM.id, [a_delivery(event, CRM) for event in events], only_dead=only_dead))


async def bury(queue: Queue) -> None:
    for lease in await claim(queue):
        await queue.settle(lease, "bury", None, wait=NOW)


async def unheard(queue: Queue) -> list[UnixMs]:
    return [at for p in range(4) for at in (await queue.oldest_unheard(Partition(p), [CRM.id])).values()]


async def passages(replays: Replays, after: Mark = START, until: Mark = END) -> list[Passage]:
    return [passage async for passage in replays.events(after, until)]


async def test_what_was_delivered_goes_out_again_in_order_and_marked(
    queue: Queue, replays: Replays, delivered: Route
) -> None:
    events = await delivered(a_start(at=NOON), a_stop(at=NOON + 1), a_start(at=NOON + 2))

    assert await replay(replays, events) == {"queued": 3}
    again = await drained(queue)
    assert [lease.event for lease in again] == events
    assert all(lease.is_replay and lease.attempt == 1 for lease in again)


async def test_what_is_sent_for_the_first_time_is_no_replay(queue: Queue, route: Route) -> None:
    await route(a_stop())

    assert [lease.is_replay for lease in await claim(queue)] == [False]


async def test_the_mark_outlives_failures_releases_and_lost_leases(
    queue: Queue, store: Store, replays: Replays, delivered: Route
) -> None:
    await replay(replays, await delivered(a_stop()))
    for verdict in ("retry", "release"):
        (lease,) = await claim(queue)
        await queue.settle(lease, verdict, None, wait=NOW)
    (lease,) = await claim(queue)
    for keys in store.keys:
        for name in await store.redis.zrange(keys.leased, 0, -1):
            await store.redis.zadd(keys.leased, {name: 1})
        await queue.reap(await queue.look(keys.partition))

    (found,) = await claim(queue)
    assert (found.is_replay, found.attempt) == (True, 2)


async def test_a_replay_goes_behind_what_waits_for_the_number(queue: Queue, replays: Replays, route: Route) -> None:
    (first,) = await route(a_start(at=NOON))
    await drained(queue)
    (waiting,) = await route(a_stop(at=NOON + 1))

    await replay(replays, [first])

    assert [(lease.event, lease.is_replay) for lease in await drained(queue)] == [(waiting, False), (first, True)]


async def test_what_waits_is_not_queued_twice(queue: Queue, replays: Replays, route: Route) -> None:
    events = await route(a_start(at=NOON), a_stop(at=NOON + 1), a_stop(msisdn=BOB))

    assert await replay(replays, events) == {"waiting": 3}
    assert [lease.is_replay for lease in await drained(queue)] == [False] * 3


async def test_of_two_events_of_one_instant_the_older_does_not_have_the_last_word(
    queue: Queue, replays: Replays, delivered: Route
) -> None:
    older, newer = await delivered(a_stop(campaigns=(ALERTS, CampaignId("news"))))
    await replay(replays, [newer])
    await replay(replays, [older])

    assert await replay(replays, [older, newer]) == {"waiting": 1, "queued": 1}
    assert [lease.event for lease in await drained(queue)] == [newer, older, newer]


async def test_what_is_in_flight_is_not_queued_twice(queue: Queue, replays: Replays, route: Route) -> None:
    events = await route(a_stop())
    await claim(queue)

    assert await replay(replays, events) == {"waiting": 1}


async def test_a_replay_that_is_run_again_queues_nothing_more(queue: Queue, replays: Replays, delivered: Route) -> None:
    events = await delivered(a_start(at=NOON), a_stop(at=NOON + 1), a_stop(msisdn=BOB))
    await replay(replays, events)

    assert await replay(replays, events) == {"waiting": 3}
    assert len(await drained(queue)) == 3


async def test_the_last_word_stays_the_last(queue: Queue, replays: Replays, route: Route) -> None:
    """The STOP waits already; behind it alone, the older START would be what the endpoint hears last."""
    (start,) = await route(a_start(at=NOON))
    await drained(queue)
    (stop,) = await route(a_stop(at=NOON + 1))

    assert await replay(replays, [start, stop]) == {"queued": 2}
    assert await replay(replays, [start, stop]) == {"waiting": 2}
    assert [lease.event for lease in await drained(queue)] == [stop, start, stop]


async def test_what_was_given_up_while_its_replay_waited_is_dead_no_more_once_that_arrived(
    queue: Queue, store: Store, replays: Replays, route: Route
) -> None:
    (start,) = await route(a_start(at=NOON))
    await drained(queue)
    (stop,) = await route(a_stop(at=NOON + 1))
    await replay(replays, [start, stop])
    await bury(queue)

    assert [owed.event for owed in await Backlog(store).dead(CRM.id)] == [stop.id]
    assert await queue.retry(CRM.id, stop) == "behind"
    assert [lease.event for lease in await drained(queue)] == [start, stop]
    assert await Backlog(store).dead(CRM.id) == []
    assert await store.redis.hlen(store.keys_of(ANN).graves(CRM.id)) == 0


async def test_nobody_is_unheard_because_of_a_list_that_was_given_up_and_is_replayed(
    queue: Queue, replays: Replays, ledger: Ledger, store: Store
) -> None:
    """A list is never overdue: what waits since it was imported would hide who waits since she texted STOP."""
    await ledger.apply(a_stop(origin=replace(an_origin(), provider=LIST)))
    (stretch,) = await queue.unrouted(await queue.cursors(), block=Millis(1))
    owed = [a_delivery(event, CRM) for event in stretch.events]
    await queue.fan_out(stretch, owed)
    await bury(queue)

    assert await replays.queue(CRM.id, owed, only_dead=True) == {"queued": 1}

    assert await queue.oldest_unheard(stretch.partition, [CRM.id]) == {}
    assert [lease.is_replay for lease in await drained(queue)] == [True]


async def test_first_attempts_go_before_any_replay_but_replayed_opt_outs_before_other_replays(
    queue: Queue, replays: Replays, delivered: Route, route: Route, store: Store
) -> None:
    here = [n for n in (Msisdn(f"1650242{n:04}") for n in range(60)) if store.keys_of(n).partition == 0][:4]
    told = await delivered(a_start(msisdn=here[0]), a_stop(msisdn=here[1]))
    await replay(replays, told)
    await route(a_start(msisdn=here[2]), a_stop(msisdn=here[3]))

    order = []
    for _ in range(4):
        (lease,) = (await queue.claim(Partition(0), {CRM.id: 1}, token="mine")).leases
        order.append(lease.msisdn)
        await queue.settle(lease, "done", None, wait=NOW)
    assert order == [here[3], here[1], here[2], here[0]]


async def test_replays_count_as_retries_where_room_is_kept_for_first_attempts(
    queue: Queue, replays: Replays, delivered: Route
) -> None:
    await replay(replays, await delivered(a_start(at=NOON), a_stop(at=NOON + 1)))

    assert await claim(queue, tried=0) == []
    (lease,) = await claim(queue, tried=1)
    settled = await queue.settle(lease, "done", None, wait=NOW)
    assert settled
    assert settled.was_tried


async def test_a_replayed_opt_out_was_heard_and_one_that_was_given_up_was_not(
    queue: Queue, replays: Replays, delivered: Route, route: Route
) -> None:
    heard = await delivered(a_stop())
    await replay(replays, heard)
    assert await unheard(queue) == []

    lost = await route(a_stop(msisdn=BOB))
    await drained_of(queue, ANN)
    await bury(queue)
    await replay(replays, lost)
    assert len(await unheard(queue)) == 1
    await drained(queue)
    assert await unheard(queue) == []


async def drained_of(queue: Queue, msisdn: Msisdn) -> None:
    for lease in await claim(queue):
        await queue.settle(lease, "done" if lease.msisdn == msisdn else "release", None, wait=NOW)


async def test_what_was_given_up_comes_back_and_is_dead_no_more(
    queue: Queue, store: Store, replays: Replays, backlog: Backlog, route: Route, delivered: Route
) -> None:
    told = await delivered(a_stop(msisdn=BOB))
    lost = await route(a_stop())
    await bury(queue)

    assert await replay(replays, [*told, *lost], only_dead=True) == {"not_dead": 1, "queued": 1}
    (owed,) = await backlog.owed(CRM.id)
    assert (owed.event, owed.state, owed.is_replay) == (lost[0].id, "due", True)
    assert await backlog.dead(CRM.id) == []
    assert await store.redis.hlen(store.keys_of(ANN).graves(CRM.id)) == 0


async def test_the_backlog_knows_a_replay_that_waits_and_retry_finds_it(
    queue: Queue, replays: Replays, backlog: Backlog, delivered: Route
) -> None:
    events = await delivered(a_start(at=NOON), a_stop(at=NOON + 1))
    await replay(replays, events)

    assert [(owed.state, owed.is_replay) for owed in await backlog.owed(CRM.id)] == [("due", True), ("behind", True)]
    assert await queue.retry(CRM.id, events[0]) == "hastened"
    assert await queue.retry(CRM.id, events[1]) == "behind"


async def test_the_log_is_read_oldest_first_up_to_what_was_routed(
    replays: Replays, delivered: Route, ledger: Ledger
) -> None:
    events = await delivered(*(a_stop(msisdn=Msisdn(f"1650242{n:04}")) for n in range(20)))
    await ledger.apply(a_stop())

    (passage,) = await passages(replays)
    assert {event.id for event in passage.events} == {event.id for event in events}
    instants = [int(event.id.split("_")[2]) for event in passage.events]
    assert instants == sorted(instants)


async def test_a_range_leaves_out_what_was_recorded_before_and_from_its_end_on(
    store: Store, replays: Replays, delivered: Route
) -> None:
    (event,) = await delivered(a_stop())
    at = UnixMs(int(event.id.split("_")[2]))
    just_before, just_behind = Mark.before(at), Mark.before(UnixMs(at + 1))

    assert [len(p.events) for p in await passages(replays, just_before, just_behind)] == [1]
    assert [len(p.events) for p in await passages(replays, just_behind)] == [0]
    assert [len(p.events) for p in await passages(replays, START, just_before)] == [0]


async def test_a_long_log_comes_in_passages_each_of_which_can_be_gone_on_from(
    store: Store, replays: Replays, delivered: Route
) -> None:
    content = await an_entry(store, *await delivered(a_stop()))
    await refill(store, content, counts=(1201, 3, 0, 700))

    found = await passages(replays)
    assert [len(passage.events) > 0 for passage in found] == [True] * len(found)
    assert len(found) > 2
    everything = [event.id for passage in found for event in passage.events]
    assert len(set(everything)) == len(everything) == 1904
    behind = [event.id for passage in await passages(replays, found[0].reached) for event in passage.events]
    assert behind == everything[len(found[0].events) :]


async def an_entry(store: Store, event: Event) -> bytes:
    _, partition, ms, counter = event.id.split("_")
    ((_, fields),) = await store.redis.xrange(store.keys[int(partition)].log, f"{ms}-{counter}", f"{ms}-{counter}")
    return bytes(fields[b"event"])


async def refill(store: Store, content: bytes, *, counts: Sequence[int]) -> None:
    for keys, count in zip(store.keys, counts, strict=True):
        await store.redis.delete(keys.log)
        async with store.redis.pipeline(transaction=False) as pipe:
            for n in range(count):
                pipe.xadd(keys.log, {b"event": content}, id=f"{NOON + n // 3}-{n % 3}")
            await pipe.execute()
        await store.redis.set(keys.routed, f"{NOON + 10_000}-0")


async def test_the_dead_come_by_when_they_were_recorded_and_the_forgotten_are_counted(
    store: Store, queue: Queue, replays: Replays, route: Route
) -> None:
    events = await route(*(a_stop(msisdn=Msisdn(f"1650242{n:04}")) for n in range(8)))
    await bury(queue)
    gone = events[0]
    _, partition, ms, counter = gone.id.split("_")
    await store.redis.xdel(store.keys[int(partition)].log, f"{ms}-{counter}")

    (passage,) = [passage async for passage in replays.dead(CRM.id, START, END)]

    assert {event.id for event in passage.events} == {event.id for event in events[1:]}
    assert passage.forgotten == 1
    assert [passage async for passage in replays.dead(CRM.id, passage.reached, END)] == []


async def test_many_dead_come_in_pages_that_never_part_one_instant(store: Store, replays: Replays) -> None:
    for keys in store.keys[:2]:
        await store.redis.zadd(keys.dead(CRM.id), {f"{NOON + n // 2}-{n % 2}": 1 for n in range(251)})
    await store.redis.zadd(store.keys[2].dead(CRM.id), {f"{NOON}-0": 1})

    found = [passage async for passage in replays.dead(CRM.id, START, END)]

    assert [passage.forgotten for passage in found] == [501, 2]


async def test_the_log_begins_where_the_retention_left_it(store: Store, replays: Replays, delivered: Route) -> None:
    assert await replays.log_begins() is None
    content = await an_entry(store, *await delivered(a_stop()))
    await refill(store, content, counts=(9, 9, 0, 9))
    assert await replays.log_begins() is None

    await store.redis.xtrim(store.keys[0].log, minid=f"{NOON + 1}-0", approximate=False)
    await store.redis.xtrim(store.keys[1].log, maxlen=0, approximate=False)
    assert await replays.log_begins() == NOON + 2


@pytest.mark.parametrize("word", ["", "1732230000123", "a-1", "1-", "-1", "evt_1_2_3"])
def test_what_is_no_mark_is_none(word: str) -> None:
    assert Mark.of(word) is None


def test_a_mark_reads_as_it_is_written() -> None:
    assert Mark.of(Mark(NOON, 3).word) == Mark(NOON, 3)


async def test_one_delivery_is_found_wherever_it_is(
    queue: Queue, backlog: Backlog, route: Route, delivered: Route
) -> None:
    (arrived,) = await delivered(a_start(at=NOON))
    (dead,) = await route(a_stop(at=NOON + 1))
    await bury(queue)
    first, behind = await route(a_start(at=NOON + 2), a_stop(at=NOON + 3))

    found = [await backlog.one(CRM.id, event.id, ANN) for event in (arrived, dead, first, behind)]

    assert [owed and owed.state for owed in found] == [None, "dead", "due", "behind"]
    assert await backlog.one(CRM.id, EventId("nonsense"), ANN) is None


async def test_what_is_no_event_is_not_replayed(replays: Replays) -> None:
    with pytest.raises(ValueError, match="nonsense is no event id"):
        await replay(replays, [an_event(id=EventId("nonsense"))])
