"""What is due is known from looks, and in between from what happened here."""

import pytest

from consent.ledger import Claimed, Due, Look, Order
from consent.model import EndpointId, EventType, Lease, Partition, UnixMs
from dispatcher.agenda import Agenda, Site
from tests.builders import ANN, NOON, an_endpoint, an_event

CRM, WAREHOUSE = an_endpoint("crm"), an_endpoint("warehouse")
REGISTERED = {endpoint.id: endpoint for endpoint in (CRM, WAREHOUSE)}
HERE, THERE = Partition(0), Partition(1)
LONGEST = 10_000
AHEAD = 7
"""The store's clock."""


def a_lease(kind: EventType) -> Lease:
    event = an_event(kind)
    return Lease(partition=THERE, endpoint=CRM.id, msisdn=ANN, event_id=event.id, event=event, attempt=1, token="mine")


def a_look(partition: Partition = HERE, *, due: dict[EndpointId, int], unheard: tuple[EndpointId, ...] = ()) -> Look:
    """`due` is relative to now."""
    times = {name: UnixMs(NOON + AHEAD + at) for name, at in due.items()}
    return Look(
        partition=partition, now=UnixMs(NOON + AHEAD), due=times, expired=(), first_expiry=None, unheard=unheard
    )


def looked(*looks: Look) -> Agenda:
    agenda = Agenda()
    for look in looks:
        agenda.looked(look, NOON, asked=agenda.notes)
    return agenda


def due(agenda: Agenda, at: int = NOON) -> list[Site]:
    return agenda.due(UnixMs(at), lambda _: True)


def rest(agenda: Agenda, endpoints: dict[EndpointId, object] | None = None) -> int:
    return agenda.rest(REGISTERED if endpoints is None else endpoints, NOON, longest=LONGEST)  # type: ignore[arg-type]


def test_before_the_first_look_nothing_is_known() -> None:
    assert due(Agenda()) == []
    assert rest(Agenda()) == LONGEST


def test_what_is_due_by_the_stores_clock_is_due() -> None:
    agenda = looked(a_look(due={CRM.id: 0, WAREHOUSE.id: 1}), a_look(THERE, due={CRM.id: -5}))

    assert due(agenda) == [Site(HERE, CRM.id), Site(THERE, CRM.id)]
    assert rest(agenda) == 1


def test_a_look_replaces_what_was_known_of_its_partition() -> None:
    agenda = looked(a_look(due={CRM.id: 0}), a_look(THERE, due={CRM.id: 0}), a_look(due={}))

    assert due(agenda) == [Site(THERE, CRM.id)]


def test_what_was_routed_is_due_at_once() -> None:
    agenda = looked(a_look(due={CRM.id: 5000}))

    agenda.note(HERE, CRM.id)
    agenda.note(THERE, WAREHOUSE.id)

    assert due(agenda) == [Site(HERE, CRM.id, has_tried=False), Site(THERE, WAREHOUSE.id, has_tried=False)]


def test_a_later_delivery_does_not_put_off_an_earlier_one() -> None:
    agenda = looked(a_look(due={CRM.id: 300}))

    agenda.note(HERE, CRM.id, UnixMs(NOON + AHEAD + 9000))

    assert rest(agenda) == 300


def test_a_claim_says_when_there_is_more() -> None:
    agenda = looked(a_look(due={CRM.id: 0, WAREHOUSE.id: 0}))
    next_due = {CRM.id: Due(None, UnixMs(NOON + AHEAD + 40)), WAREHOUSE.id: Due(None, None)}

    agenda.claimed(HERE, Claimed(leases=(), now=UnixMs(NOON + AHEAD), due=next_due), NOON, asked=agenda.notes)

    assert due(agenda) == []
    assert rest(agenda) == 40


def test_nobody_wakes_for_what_he_does_not_serve() -> None:
    agenda = looked(a_look(due={CRM.id: 300, WAREHOUSE.id: 500}))

    assert rest(agenda, {CRM.id: an_endpoint("crm", disabled="gone")}) == LONGEST


def test_what_is_due_and_has_no_room_is_not_waited_for() -> None:
    assert rest(looked(a_look(due={CRM.id: -5}))) == LONGEST


def test_an_endpoint_without_room_is_not_named() -> None:
    agenda = looked(a_look(due={CRM.id: 0, WAREHOUSE.id: 0}))

    assert agenda.due(NOON, lambda name: name == WAREHOUSE.id) == [Site(HERE, WAREHOUSE.id)]


def test_partition_by_partition_so_that_the_first_endpoint_does_not_take_all_that_is_free() -> None:
    agenda = looked(*(a_look(there, due={CRM.id: 0, WAREHOUSE.id: 0}) for there in (THERE, HERE)))

    assert due(agenda) == [Site(at, name) for at in (HERE, THERE) for name in (CRM.id, WAREHOUSE.id)]


def test_each_partition_comes_first_in_its_turn() -> None:
    agenda = looked(*(a_look(Partition(p), due={CRM.id: 0}) for p in range(4)))

    assert [site.partition for site in agenda.due(NOON, lambda _: True, first=2)] == [2, 3, 0, 1]


def test_then_where_there_is_what_the_order_asks_for() -> None:
    agenda = Agenda()
    agenda.note(HERE, CRM.id, was_tried=True)
    agenda.note(THERE, CRM.id)

    orders: list[Order] = ["urgent", "tried", "untried"]
    found = {order: [site.partition for site in agenda.due(NOON, lambda _: True, order=order)] for order in orders}

    assert found == {"urgent": [HERE, THERE], "tried": [HERE, THERE], "untried": [THERE, HERE]}


def test_where_opt_outs_may_be_comes_before_all_others() -> None:
    agenda = looked(a_look(due={CRM.id: 0}), a_look(THERE, due={CRM.id: 0}, unheard=(CRM.id,)))
    assert [site.partition for site in due(agenda)] == [THERE, HERE]

    agenda.note(HERE, WAREHOUSE.id, may_be_urgent=True)
    assert [(site.partition, site.endpoint) for site in due(agenda)] == [
        (HERE, WAREHOUSE.id),
        (THERE, CRM.id),
        (HERE, CRM.id),
    ]


@pytest.mark.parametrize(
    ("types", "is_first"),
    [([EventType.OPTED_OUT], True), ([EventType.OPTED_OUT, EventType.OPTED_IN], False), ([], False)],
)
def test_a_claim_that_came_upon_anything_else_found_the_last_opt_out(types: list[EventType], *, is_first: bool) -> None:
    agenda = looked(a_look(due={CRM.id: 0}), a_look(THERE, due={CRM.id: 0}, unheard=(CRM.id,)))
    more = {CRM.id: Due(UnixMs(NOON), None)}

    claimed = Claimed(leases=tuple(map(a_lease, types)), now=UnixMs(NOON + AHEAD), due=more)
    agenda.claimed(THERE, claimed, NOON, asked=agenda.notes)

    assert (due(agenda)[0].partition == THERE) is is_first


def test_where_nobody_answers_nothing_is_due_before_the_next_look() -> None:
    agenda = looked(a_look(due={CRM.id: 0}), a_look(THERE, due={CRM.id: 0}))

    agenda.forget(THERE)
    assert due(agenda) == [Site(HERE, CRM.id)]

    agenda.looked(a_look(THERE, due={CRM.id: 0}), NOON, asked=agenda.notes)
    assert due(agenda) == [Site(HERE, CRM.id), Site(THERE, CRM.id)]


def test_where_something_is_due_that_has_no_room_what_becomes_due_is_waited_for() -> None:
    agenda = looked(a_look(due={CRM.id: -5}), a_look(THERE, due={CRM.id: 40}))

    assert rest(agenda) == 40


def test_retries_and_first_attempts_are_known_apart() -> None:
    agenda = Agenda()
    agenda.note(HERE, CRM.id, was_tried=True)

    assert due(agenda) == [Site(HERE, CRM.id, has_untried=False, has_tried=True)]


def test_an_endpoint_that_is_held_back_is_not_due_and_is_woken_for_when_that_is_over() -> None:
    agenda = looked(a_look(due={CRM.id: 0, WAREHOUSE.id: 900}))

    agenda.hold(CRM.id, UnixMs(NOON + AHEAD + 400))

    assert due(agenda) == []
    assert rest(agenda) == 400
    assert [site.endpoint for site in due(agenda, NOON + 400)] == [CRM.id]


def test_a_hold_ends_early_where_it_is_lifted() -> None:
    agenda = looked(a_look(due={CRM.id: 0}))
    agenda.hold(CRM.id, UnixMs(NOON + 9000))

    agenda.release(CRM.id)

    assert [site.endpoint for site in due(agenda)] == [CRM.id]


def test_what_was_noted_while_a_claim_was_under_way_is_not_lost_to_its_answer() -> None:
    agenda = looked(a_look(due={CRM.id: 0}))
    asked = agenda.notes
    agenda.note(HERE, CRM.id)

    nothing = Claimed(leases=(), now=UnixMs(NOON + AHEAD), due={CRM.id: Due(None, None)})
    agenda.claimed(HERE, nothing, NOON, asked=asked)
    assert [site.endpoint for site in due(agenda)] == [CRM.id]

    agenda.claimed(HERE, nothing, NOON, asked=agenda.notes)
    assert due(agenda) == []


def test_nor_to_the_answer_of_a_look() -> None:
    agenda = looked(a_look(due={}))
    asked = agenda.notes
    agenda.note(HERE, CRM.id)

    agenda.looked(a_look(due={}), NOON, asked=asked)

    assert [site.endpoint for site in due(agenda)] == [CRM.id]
