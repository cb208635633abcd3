"""Slots are what an endpoint and the dispatcher allow; opt-outs get them first, and a slow endpoint hoards nothing."""

from dataclasses import dataclass

from consent.model import Endpoint, EndpointId, EventType, Lease, Partition
from dispatcher.slots import QUICK_MS, Slots
from tests.builders import ANN, an_endpoint, an_event

CRM, WAREHOUSE = an_endpoint("crm", max_in_flight=2), an_endpoint("warehouse", max_in_flight=2)
REGISTERED = {endpoint.id: endpoint for endpoint in (CRM, WAREHOUSE)}


@dataclass(eq=False)
class Held:
    lease: Lease


def a_claimed(endpoint: Endpoint = CRM, type: EventType = EventType.OPTED_IN) -> Held:  # noqa: A002  # the field's name
    event = an_event(type)
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
    return slots.room_for(REGISTERED)(name)


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


def test_as_many_again_are_claimed_ahead_of_the_slots() -> None:
    slots: Slots[Held] = Slots(10)
    assert (room(slots), slots.free) == (4, 20)

    slots.join(a_claimed())

    assert (room(slots), slots.free) == (3, 19)
    slots.settled(CRM.id)
    assert (room(slots), slots.free) == (4, 20)


def test_nothing_is_claimed_ahead_for_an_endpoint_that_answers_slowly() -> None:
    slots: Slots[Held] = Slots(10)
    slots.join(a_claimed())
    list(slots.start(REGISTERED))
    slots.answered(CRM.id, QUICK_MS + 1)
    slots.settled(CRM.id)
    assert room(slots) == 2

    slots.join(a_claimed())
    list(slots.start(REGISTERED))
    slots.answered(CRM.id, QUICK_MS)
    slots.settled(CRM.id)

    assert room(slots) == 4


def test_there_is_no_room_for_an_endpoint_that_is_disabled_or_unknown() -> None:
    slots: Slots[Held] = Slots(10)

    assert slots.room_for({CRM.id: an_endpoint("crm", disabled="gone")})(CRM.id) == 0
    assert slots.room_for({})(CRM.id) == 0


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
