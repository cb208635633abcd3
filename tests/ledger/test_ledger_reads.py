"""What is asked of the ledger and the queue is answered from what is on record, and changes nothing."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict

import pytest

from consent.ledger import Backlog, Ledger, Queue, Store, Stretch
from consent.ledger.keys import event_place
from consent.model import (
    AccountId,
    AttemptRecord,
    CampaignId,
    Delivery,
    Event,
    EventId,
    Millis,
    Msisdn,
    Partition,
    Recorded,
    Status,
    UnixMs,
)
from tests.builders import ACME, ALERTS, ANN, BOB, NOON, a_delivery, a_start, a_stop, an_endpoint, an_event, an_origin

CRM = an_endpoint("crm")
NEWS = CampaignId("news")
RECORD = AttemptRecord(number=1, outcome="retry", status=500, took_ms=3, error="http_500", response="oops")
NUMBERS = [Msisdn(f"1650242{n:04}") for n in range(30)]


async def recorded(ledger: Ledger, change: object) -> Event:
    applied = await ledger.apply(change)  # type: ignore[arg-type]  # always a Change of builders.py
    assert isinstance(applied, Recorded)
    event = await ledger.event(applied.events[0])
    assert event is not None
    return event


async def routed(queue: Queue) -> None:
    while stretches := await queue.unrouted(await queue.cursors(), block=Millis(1)):
        for stretch in stretches:
            await queue.fan_out(stretch, [a_delivery(event, CRM) for event in stretch.events])


# ── states ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_no_campaigns_have_no_states(ledger: Ledger) -> None:
    assert await ledger.states(ACME, (), ANN) == []


async def test_states_come_in_the_order_asked_none_where_nothing_is_known(ledger: Ledger) -> None:
    await ledger.apply(a_stop(campaigns=(ALERTS,)))
    await ledger.apply(a_start(campaigns=(NEWS,)))

    states = await ledger.states(ACME, (NEWS, CampaignId("never seen"), ALERTS), ANN)

    assert [state and state.status for state in states] == [Status.OPTED_IN, None, Status.OPTED_OUT]


async def test_a_state_tells_who_how_and_when(ledger: Ledger) -> None:
    origin = an_origin(keyword="ARRÊT", rule="exact:arret")
    await ledger.apply(a_start(at=NOON))
    event = await recorded(ledger, a_stop(at=NOON + 5000, origin=origin))

    state = await ledger.state(ACME, ALERTS, ANN)

    assert state is not None
    assert (state.status, state.origin, state.actor) == (Status.OPTED_OUT, origin, origin.actor)
    assert (state.decides_at, state.sequence) == (NOON + 5000, event.sequence)
    assert (state.opted_in_at, state.opted_out_at, state.is_odd) == (NOON, NOON + 5000, False)


async def test_the_state_of_an_odd_number_says_so(ledger: Ledger) -> None:
    await ledger.apply(a_stop(msisdn=Msisdn("PizzaBot"), is_odd=True))

    state = await ledger.state(ACME, ALERTS, Msisdn("PizzaBot"))

    assert state is not None
    assert state.is_odd


async def test_all_that_waits_behind_a_number_is_told(
    store: Store, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    last = None
    for n in range(510):
        last = await recorded(ledger, (a_stop if n % 2 else a_start)(msisdn=ANN, at=NOON + n))
    await routed(queue)
    assert last is not None

    waiting = await backlog.one(CRM.id, last.id, ANN)

    assert waiting is not None
    assert (waiting.state, len(await backlog.owed(CRM.id, limit=1000))) == ("behind", 510)


async def test_what_waits_is_never_between_two_places(
    store: Store, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    """As its predecessor is settled it leaves the list for the head."""
    partition = store.keys_of(ANN).partition
    for n in range(60):
        await recorded(ledger, (a_stop if n % 2 else a_start)(msisdn=ANN, at=NOON + n))
    last = await recorded(ledger, a_start(msisdn=ANN, at=NOON + 100))
    await routed(queue)

    async def settle_all_but_the_last() -> None:
        for _ in range(60):
            (lease,) = (await queue.claim(partition, {CRM.id: 1}, token="mine")).leases
            await queue.settle(lease, "done", None, wait=Millis(0))

    settling, seen = asyncio.create_task(settle_all_but_the_last()), []
    while not settling.done():
        seen.append(await backlog.one(CRM.id, last.id, ANN))
    await settling

    assert len(seen) > 10
    assert None not in seen


# ── the log ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_failed_is_not_displaced_by_what_went_well(
    store: Store, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    """A failing endpoint is tried every few minutes, the one beside it a thousand times a second."""
    ann = await recorded(ledger, a_stop(msisdn=ANN))
    await routed(queue)
    keys = store.keys_of(ANN)
    (lease,) = (await queue.claim(keys.partition, {CRM.id: 9}, token="mine")).leases
    await queue.settle(lease, "retry", RECORD, wait=Millis(0))
    well = {"endpoint": "acme/busy", "msisdn": BOB, "event": "1-0", "record": json.dumps(asdict(RECORD))}
    for _ in range(300):
        await store.redis.xadd(keys.attempts, well)

    assert {attempt.endpoint for attempt in await backlog.attempts(of_each=250)} == {"acme/busy"}
    assert [each.event for each in await backlog.attempts(of_each=250, only_failed=True)] == [ann.id]
    assert [each.event for each in await backlog.attempts_on(ann.id)] == [ann.id]


@pytest.mark.parametrize("name", ["evt_0_1_0", "evt_99_1_0", "nonsense", ""])
async def test_an_event_that_never_was_is_not_found(ledger: Ledger, name: str) -> None:
    assert await ledger.event(EventId(name)) is None


async def test_history_stops_at_its_limit(ledger: Ledger) -> None:
    for n in range(5):
        await ledger.apply(a_stop(at=NOON + n))

    assert [event.occurred_at for event in await ledger.history(ACME, ANN, limit=2)] == [NOON + 4, NOON + 3]


async def test_the_newest_events_of_all_partitions_come_oldest_first(ledger: Ledger) -> None:
    for n, msisdn in enumerate(NUMBERS):
        await ledger.apply(a_stop(msisdn=msisdn, at=NOON + n))

    assert [event.msisdn for event in await ledger.newest(7)] == NUMBERS[-7:]


async def test_following_tells_what_is_recorded_from_now_on(ledger: Ledger) -> None:
    await ledger.apply(a_stop(msisdn=NUMBERS[0]))
    async with asyncio.timeout(5), aclosing(followed(ledger, Millis(20))) as following:
        found = await anext(following)
        await ledger.apply(a_stop(msisdn=NUMBERS[0], at=NOON + 1))
        for msisdn in NUMBERS:
            await ledger.apply(a_start(msisdn=msisdn, at=NOON + 2))
        while len(found) < 1 + len(NUMBERS):
            found += await anext(following)

    assert [event.occurred_at for event in found if event.msisdn == NUMBERS[0]] == [NOON + 1, NOON + 2]
    assert len({event.id for event in found}) == 1 + len(NUMBERS)


async def test_following_tells_of_silence(ledger: Ledger) -> None:
    async with asyncio.timeout(5), aclosing(followed(ledger, Millis(1))) as following:
        assert await anext(following) == []


async def test_what_nobody_has_routed_is_never_trimmed(ledger: Ledger) -> None:
    for n in range(300):
        await ledger.apply(a_stop(at=NOON + n, identities=()))

    trimmed = [await ledger.trim(Partition(p), UnixMs(4_000_000_000_000)) for p in range(4)]

    assert trimmed == [0, 0, 0, 0]


def followed(ledger: Ledger, block: Millis) -> AsyncGenerator[list[Event], None]:
    following = ledger.follow(block=block)
    assert isinstance(following, AsyncGenerator)
    return following


# ── the queue ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_backlog_shows_no_more_than_was_asked_for(ledger: Ledger, queue: Queue, backlog: Backlog) -> None:
    for msisdn in NUMBERS:
        await ledger.apply(a_stop(msisdn=msisdn))
    await routed(queue)
    for partition in range(2):
        for lease in (await queue.claim(Partition(partition), {CRM.id: 3}, token="mine")).leases:
            await queue.settle(lease, "bury", RECORD, wait=Millis(0))

    assert len(await backlog.owed(CRM.id, limit=5)) == 5
    assert [len(await backlog.dead(CRM.id, limit=n)) for n in (0, 1, 4, 100)] == [0, 1, 4, 6]
    shown = await backlog.owed(CRM.id, limit=100)
    assert [owed.state for owed in shown] == ["due"] * 24 + ["dead"] * 6
    assert (await backlog.depth(CRM.id)).dead == 6


async def test_a_number_has_one_history_at_several_accounts(ledger: Ledger) -> None:
    """In the order in which it was recorded: each account counts for itself."""
    other = AccountId("other")
    telling_of_ann = a_stop(msisdn=BOB, detail=json.dumps({"text": f"ask {ANN}"}))
    changes = (
        a_stop(identities=()),
        a_start(account=other, identities=()),
        telling_of_ann,
        a_start(at=NOON + 1, identities=()),
    )
    stop, there, _, start = [await recorded(ledger, change) for change in changes]

    newest_first = [event.id for event in await ledger.history_at({ACME, other}, ANN)]

    assert newest_first == [start.id, there.id, stop.id]
    assert [event.id for event in await ledger.history_at({ACME, other}, ANN, limit=1)] == [start.id]
    assert [event.id for event in await ledger.history(ACME, ANN)] == [start.id, stop.id]


async def test_attempts_are_shown_newest_first_of_one_event_or_of_all(
    ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    ann, bob = [await recorded(ledger, a_stop(msisdn=msisdn)) for msisdn in (ANN, BOB)]
    await routed(queue)
    for _ in range(2):
        for partition in range(4):
            for lease in (await queue.claim(Partition(partition), {CRM.id: 9}, token="mine")).leases:
                await queue.settle(lease, "retry", RECORD, wait=Millis(0))

    every = await backlog.attempts(of_each=100)
    assert [attempt.event for attempt in await backlog.attempts_on(ann.id)] == [ann.id, ann.id]
    assert sorted(attempt.event for attempt in every) == sorted([ann.id, ann.id, bob.id, bob.id])
    assert [attempt.at for attempt in every] == sorted((attempt.at for attempt in every), reverse=True)


async def test_no_more_attempts_of_a_partition_are_read_than_asked_for(
    ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    for msisdn in NUMBERS:
        await ledger.apply(a_stop(msisdn=msisdn))
    await routed(queue)
    for partition in map(Partition, range(4)):
        for lease in (await queue.claim(partition, {CRM.id: 100}, token="mine")).leases:
            await queue.settle(lease, "done", RECORD, wait=Millis(0))

    every, last = await backlog.attempts(of_each=100), await backlog.attempts(of_each=2)

    places = [event_place(attempt.event) for attempt in last]
    assert sorted(place[0] for place in places if place) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len(every) == len(NUMBERS)
    for partition in range(4):
        newest_first = [attempt for attempt in every if attempt.event.startswith(f"evt_{partition}_")]
        assert [attempt for attempt in last if attempt in newest_first] == newest_first[:2]


@pytest.mark.parametrize("name", ["evt_0_1_0", "evt_99_1_0", "nonsense", ""])
async def test_nothing_was_attempted_of_an_event_that_never_was(backlog: Backlog, name: str) -> None:
    assert await backlog.attempts_on(EventId(name)) == []


async def test_what_is_no_event_can_neither_be_retried_nor_owed(queue: Queue, store: Store) -> None:
    stretch = Stretch(partition=Partition(0), before="0-0", after="1-0", events=())
    nonsense = Delivery(event=EventId("nonsense"), endpoint=CRM.id, msisdn=ANN, is_opt_out=True)

    assert await queue.retry(CRM.id, an_event(id="nonsense")) == "unknown"
    with pytest.raises(ValueError, match="nonsense is no event id"):
        await queue.fan_out(stretch, [nonsense])
    assert await store.redis.exists(store.keys[0].routed) == 0


async def test_who_is_owed_something_is_known(ledger: Ledger, queue: Queue) -> None:
    assert await queue.owed_endpoints() == set()
    await ledger.apply(a_stop())
    await routed(queue)

    assert await queue.owed_endpoints() == {CRM.id}
