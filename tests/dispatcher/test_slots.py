"""Slots are what an endpoint and the dispatcher allow; opt-outs get them first, and a slow endpoint hoards nothing."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest

from consent.model import LIST, Endpoint, EndpointId, EventType, Lease, Partition
from dispatcher.slots import AHEAD, AT_ONCE_MS, QUICK_MS, UNSETTLED, Slots, most_for_one, most_retries, next_width
from tests.builders import ANN, an_endpoint, an_event, an_origin

CRM, WAREHOUSE = an_endpoint("crm", max_in_flight=2), an_endpoint("warehouse", max_in_flight=2)
REGISTERED = {endpoint.id: endpoint for endpoint in (CRM, WAREHOUSE)}


@dataclass(eq=False)
class Held:
    lease: Lease


def a_claimed(endpoint: Endpoint = CRM, type: EventType = EventType.OPTED_IN, **changed: Any) -> Held:  # noqa: A002  # the field's name
    event = an_event(type, **changed)
    return Held(
        Lease(
            partition=Partition(3),
            endpoint=endpoint.id,
            msisdn=ANN,
            event_id=event.id,
            event=event,
            attempt=1,
            token="mine",
        )
    )


def room(slots: Slots[Held], name: EndpointId = CRM.id) -> int:
    return slots.room_for(REGISTERED)(name, 0)


def test_an_endpoint_has_so_many_requests_under_way_and_no_more() -> None:
    slots: Slots[Held] = Slots(10)
    first, second, third = a_claimed(), a_claimed(), a_claimed()
    for held in (first, second, third):
        slots.join(held)

    assert list(slots.start(REGISTERED)) == [first, second]
    slots.answered(CRM.id, 5)

    assert list(slots.start(REGISTERED)) == [third]


def test_so_has_the_dispatcher() -> None:
    slots: Slots[Held] = Slots(3)
    for held in (a_claimed(), a_claimed(), a_claimed(WAREHOUSE), a_claimed(WAREHOUSE)):
        slots.join(held)

    assert len(list(slots.start(REGISTERED))) == 3


def test_an_opt_out_gets_the_next_slot_however_many_wait() -> None:
    slots: Slots[Held] = Slots(10)
    ordinary, urgent, more_urgent = (
        a_claimed(),
        a_claimed(type=EventType.OPTED_OUT),
        a_claimed(type=EventType.OPTED_OUT),
    )
    for held in (ordinary, urgent, more_urgent):
        slots.join(held)

    assert list(slots.start(REGISTERED)) == [urgent, more_urgent]


def test_one_of_a_list_does_not() -> None:
    slots: Slots[Held] = Slots(10)
    listed, ordinary = a_claimed(type=EventType.OPTED_OUT, origin=an_origin(provider=LIST)), a_claimed()
    texted = a_claimed(type=EventType.OPTED_OUT)
    for held in (listed, ordinary, texted):
        slots.join(held)

    assert list(slots.start(REGISTERED)) == [texted, listed]


def with_a_quarter_held(concurrency: int) -> Slots[Held]:
    slots: Slots[Held] = Slots(concurrency)
    for _ in range(concurrency * AHEAD // 4):
        slots.join(a_claimed(WAREHOUSE))
    return slots


def test_more_are_claimed_ahead_of_the_slots() -> None:
    slots = with_a_quarter_held(10)
    free = 10 * AHEAD * 3 // 4
    assert (room(slots), slots.free) == (2 * AHEAD, free)

    slots.join(a_claimed())

    assert (room(slots), slots.free) == (2 * AHEAD - 1, free - 1)
    slots.settled(a_claimed().lease)
    assert (room(slots), slots.free) == (2 * AHEAD, free)


def that_answered(took_ms: int, concurrency: int, *endpoints: Endpoint) -> Slots[Held]:
    slots: Slots[Held] = Slots(concurrency)
    for endpoint in endpoints:
        slots.join(a_claimed(endpoint))
        list(slots.start(REGISTERED))
        slots.answered(endpoint.id, took_ms)
        slots.settled(a_claimed(endpoint).lease)
    return slots


def test_a_quarter_of_what_may_be_held_is_for_whoever_comes_and_answers_at_once() -> None:
    slots = that_answered(AT_ONCE_MS, 10, CRM, WAREHOUSE)
    room_of, quarter = slots.room_for(REGISTERED), 10 * AHEAD // 4
    assert [room_of(CRM.id, planned) for planned in (0, quarter - 1, quarter)] == [quarter, quarter, 2 * AHEAD]

    slots.join(a_claimed())

    left = quarter - 1
    assert [room_of(CRM.id, planned) for planned in (0, left - 1, left)] == [left, left, 2 * AHEAD - 1]
    assert [room_of(WAREHOUSE.id, planned) for planned in (left - 1, left)] == [left, 2 * AHEAD]


def test_for_who_takes_longer_no_more_waits_here_than_is_sent_soon() -> None:
    assert room(that_answered(AT_ONCE_MS + 1, 64, CRM)) == 2 * AHEAD


def test_while_enough_of_an_endpoint_waits_here_no_more_is_claimed_of_it() -> None:
    slots = that_answered(AT_ONCE_MS, 64, CRM)
    enough = 64 * AHEAD // 8
    for _ in range(enough):
        slots.join(a_claimed())
    assert room(slots) == 0

    list(slots.start(REGISTERED))

    assert room(slots) == 64 * AHEAD // 4 - enough


def test_nothing_is_claimed_ahead_for_an_endpoint_that_answers_slowly() -> None:
    slots = with_a_quarter_held(10)
    slots.join(a_claimed())
    list(slots.start(REGISTERED))
    slots.answered(CRM.id, QUICK_MS + 1)
    slots.settled(a_claimed().lease)
    assert room(slots) == 2

    slots.join(a_claimed())
    list(slots.start(REGISTERED))
    slots.answered(CRM.id, QUICK_MS)
    slots.settled(a_claimed().lease)

    assert room(slots) == 2 * AHEAD


def test_there_is_no_room_for_an_endpoint_that_is_disabled_or_unknown() -> None:
    slots: Slots[Held] = Slots(10)

    assert slots.room_for({CRM.id: an_endpoint("crm", disabled="gone")})(CRM.id, 0) == 0
    assert slots.room_for({})(CRM.id, 0) == 0


def test_what_was_claimed_for_an_endpoint_that_is_gone_is_started_to_be_put_back() -> None:
    slots: Slots[Held] = Slots(10)
    orphan = a_claimed()
    slots.join(orphan)

    assert list(slots.start({})) == [orphan]


def test_once_closed_nothing_more_is_started() -> None:
    slots: Slots[Held] = Slots(10)
    slots.join(a_claimed())

    slots.close()

    assert list(slots.start(REGISTERED)) == []


# ── fairness ────────────────────────────────────────────────────────────────────────────────────────────────────────


def crowd(count: int) -> dict[EndpointId, Endpoint]:
    return {one.id: one for one in (an_endpoint(f"e{n}", max_in_flight=16) for n in range(count))}


def started(slots: Slots[Held], endpoints: dict[EndpointId, Endpoint], each: int) -> Counter[EndpointId]:
    for endpoint in endpoints.values():
        for _ in range(each):
            slots.join(a_claimed(endpoint))
    return Counter(held.lease.endpoint for held in slots.start(endpoints))


def test_endpoints_that_hang_never_take_the_last_slots() -> None:
    slots: Slots[Held] = Slots(256)
    hanging = crowd(40)
    started(slots, hanging, 16)

    healthy = {CRM.id: CRM}
    slots.join(a_claimed())

    assert len(list(slots.start({**hanging, **healthy}))) == 1


@pytest.mark.parametrize("seed", range(20))
def test_whoever_an_answer_lets_start_is_told_by_it(seed: int) -> None:
    """Else somebody would wait for a slot that is free; and to look at everybody for every answer costs too much."""
    chance, endpoints = random.Random(seed), crowd(30)
    slots: Slots[Held] = Slots(32)
    begun: list[Held] = []
    for endpoint in endpoints.values():
        for _ in range(chance.randint(1, 20)):
            slots.join(a_claimed(endpoint))
    begun += slots.start(endpoints)

    for _ in range(200):
        held = begun.pop(chance.randrange(len(begun)))
        of = slots.answered(held.lease.endpoint, chance.choice([None, 5, 500]), chance.random())
        begun += slots.start(endpoints, of=of)
        assert not list(slots.start(endpoints))
        slots.settled(held.lease)
        begun += slots.start(endpoints, of=held.lease.endpoint)
        assert not list(slots.start(endpoints))


def test_an_answer_concerns_nobody_else_while_there_is_room_for_all() -> None:
    slots: Slots[Held] = Slots(256)
    started(slots, crowd(8), 17)

    assert slots.answered(EndpointId("acme/e3"), 5) == EndpointId("acme/e3")


def test_a_few_endpoints_have_all_they_are_allowed() -> None:
    assert set(started(Slots(256), crowd(8), 16).values()) == {16}


def test_the_fuller_it_is_the_fewer_one_may_have() -> None:
    assert [most_for_one(taken, 256, 16) for taken in (0, 191, 192, 223, 224, 255)] == [16, 16, 4, 4, 1, 1]
    assert most_for_one(255, 256, 0) == 0


def test_one_endpoint_may_not_hoard_what_is_claimed_ahead_either() -> None:
    slots: Slots[Held] = Slots(10)
    for _ in range(8 * AHEAD):
        slots.join(a_claimed(WAREHOUSE))

    assert slots.room_for({CRM.id: an_endpoint("crm", max_in_flight=16)})(CRM.id, 0) == 4
    assert slots.room_for({CRM.id: an_endpoint("crm", max_in_flight=16)})(CRM.id, AHEAD) == 1


def test_some_slots_of_an_endpoint_are_never_for_retries() -> None:
    endpoints = {CRM.id: an_endpoint("crm", max_in_flight=4)}
    slots: Slots[Held] = Slots(100)
    retry = replace(a_claimed().lease, attempt=2)
    assert slots.retries_for(endpoints)(CRM.id, 0) == 3

    for _ in range(3):
        slots.join(Held(retry))

    assert slots.retries_for(endpoints)(CRM.id, 0) == 0
    assert slots.room_for(endpoints)(CRM.id, 0) == 4 * AHEAD - 3
    slots.settled(retry)
    assert slots.retries_for(endpoints)(CRM.id, 0) == 1


def test_some_slots_of_the_dispatcher_are_never_for_retries() -> None:
    endpoints = {CRM.id: an_endpoint("crm", max_in_flight=100)}
    slots: Slots[Held] = Slots(8)

    assert slots.retries_for(endpoints)(CRM.id, 5) > 0
    assert slots.retries_for(endpoints)(CRM.id, 6) == 0


def test_the_only_slot_is_for_retries_too() -> None:
    assert [most_retries(slots) for slots in (1, 2, 4, 16)] == [1, 1, 3, 12]


def test_nothing_is_claimed_ahead_for_an_endpoint_with_a_rate() -> None:
    slots: Slots[Held] = Slots(10)

    assert slots.room_for({CRM.id: an_endpoint("crm", max_in_flight=2, rate="50/s")})(CRM.id, 0) == 2


def test_what_was_not_sent_does_not_make_an_endpoint_quick() -> None:
    slots: Slots[Held] = Slots(10)
    for took in (QUICK_MS + 1, None):
        slots.join(a_claimed())
        list(slots.start(REGISTERED))
        slots.answered(CRM.id, took)
        slots.settled(a_claimed().lease)

    assert room(slots) == 2


# ── as many under way as we keep up with ────────────────────────────────────────────────────────────────────────────

WIDE = an_endpoint("wide", max_in_flight=16)
LIES_HERE, IS_READ_AT_ONCE = 0.9, 0.1


def keeping_busy(slots: Slots[Held], answers: int, our_share: float, endpoint: Endpoint = WIDE) -> int:
    """How many are under way in the end, where each answer makes room for the next."""
    registered = {endpoint.id: endpoint}
    for _ in range(answers + endpoint.max_in_flight):
        slots.join(a_claimed(endpoint))
    list(slots.start(registered))
    for _ in range(answers):
        slots.answered(endpoint.id, 5, our_share)
        slots.settled(a_claimed(endpoint).lease)
        list(slots.start(registered))
    return slots.under_way


def test_where_answers_lie_unread_half_as_many_are_under_way() -> None:
    assert keeping_busy(Slots(256), 100, LIES_HERE) == 8


def test_where_the_endpoint_is_waited_for_all_it_allows_are_under_way() -> None:
    assert keeping_busy(Slots(256), 100, IS_READ_AT_ONCE) == 16


def test_an_endpoint_that_allows_one_still_has_that() -> None:
    assert keeping_busy(Slots(256), 100, LIES_HERE, an_endpoint("slim", max_in_flight=1)) == 1


def test_once_we_keep_up_again_it_widens() -> None:
    slots: Slots[Held] = Slots(256)
    keeping_busy(slots, 100, LIES_HERE)

    assert keeping_busy(slots, 100, IS_READ_AT_ONCE) == 16


def test_others_stay_as_wide_as_they_are() -> None:
    slots: Slots[Held] = Slots(256)
    keeping_busy(slots, 100, LIES_HERE)
    before = slots.under_way

    assert keeping_busy(slots, 0, IS_READ_AT_ONCE, an_endpoint("other", max_in_flight=16)) == before + 16


def test_no_more_is_begun_than_a_kill_may_repeat() -> None:
    slots: Slots[Held] = Slots(256)
    for _ in range(100):
        slots.join(a_claimed(WIDE))
    registered, begun = {WIDE.id: WIDE}, 0
    for _ in range(10):  # the store is slow: nothing is settled
        for held in slots.start(registered):
            begun += 1
            slots.answered(held.lease.endpoint, 5)
    assert begun == UNSETTLED * 16

    slots.settled(a_claimed(WIDE).lease)

    assert len(list(slots.start(registered))) == 1


@pytest.mark.parametrize(
    ("width", "under_way", "our_share", "then"),
    [
        (None, 15, 0.3, None),
        (None, 15, 0.4, 15),
        (None, 0, 0.4, 1),
        (12.0, 11, 0.4, 11.0),
        (1.0, 7, 0.4, 1),
        (12.0, 11, 0.3, 12.25),
    ],
)
def test_how_wide_it_is_after_one_more_answer(
    width: float | None, under_way: int, our_share: float, then: float | None
) -> None:
    assert next_width(width, under_way, our_share) == then
