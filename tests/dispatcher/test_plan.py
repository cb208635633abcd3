"""Room is shared out fairly, and nobody gets more than there is."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from consent.ledger import Look
from consent.model import Endpoint, EndpointId, Partition, UnixMs
from dispatcher.plan import Claims, plan_claims, rest_ms
from tests.builders import NOON, an_endpoint

CRM, WAREHOUSE = an_endpoint("crm"), an_endpoint("warehouse")
LONGEST = 10_000


def a_look(partition: int = 0, *, due: dict[EndpointId, int] | None = None, first_expiry: int | None = None) -> Look:
    """`due` and `first_expiry` are relative to now."""
    return Look(
        partition=Partition(partition),
        now=NOON,
        due={name: UnixMs(NOON + at) for name, at in (due or {}).items()},
        expired=(),
        first_expiry=None if first_expiry is None else UnixMs(NOON + first_expiry),
    )


def registered(*endpoints: Endpoint) -> dict[EndpointId, Endpoint]:
    return {endpoint.id: endpoint for endpoint in endpoints}


def claimed(claims: Claims) -> Counter[EndpointId]:
    total: Counter[EndpointId] = Counter()
    for wanted in claims.values():
        total.update(wanted)
    return total


# ── claims ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_due_is_claimed_and_what_is_not_yet_is_not() -> None:
    look = a_look(due={CRM.id: 0, WAREHOUSE.id: 1})

    assert plan_claims([look], registered(CRM, WAREHOUSE), {}, free=100) == {Partition(0): {CRM.id: 16}}


def test_an_endpoint_is_claimed_up_to_what_it_lets_be_in_flight() -> None:
    looks = [a_look(p, due={CRM.id: 0}) for p in range(4)]

    claims = plan_claims(looks, registered(CRM), {CRM.id: 10}, free=100)

    assert [wanted[CRM.id] for wanted in claims.values()] == [2, 2, 1, 1]


def test_one_partition_gives_no_more_than_one_claim_should_take() -> None:
    busy = an_endpoint(max_in_flight=1000)

    assert plan_claims([a_look(due={busy.id: 0})], registered(busy), {}, free=1000) == {Partition(0): {busy.id: 32}}


def test_a_long_backlog_does_not_take_the_room_of_another_endpoint() -> None:
    greedy, modest = an_endpoint("greedy", max_in_flight=1000), an_endpoint("modest")
    looks = [a_look(p, due={greedy.id: -9999}) for p in range(15)] + [a_look(15, due={greedy.id: -1, modest.id: 0})]

    total = claimed(plan_claims(looks, registered(greedy, modest), {}, free=17))

    assert (total[greedy.id], total[modest.id]) == (16, 1)


def test_a_disabled_endpoint_and_one_that_is_not_registered_get_nothing() -> None:
    looks = [a_look(due={CRM.id: 0, WAREHOUSE.id: 0})]

    assert plan_claims(looks, registered(an_endpoint("crm", disabled="gone")), {}, free=100) == {}


def test_nothing_is_claimed_without_room() -> None:
    assert plan_claims([a_look(due={CRM.id: 0})], registered(CRM), {}, free=0) == {}
    assert plan_claims([a_look(due={CRM.id: 0})], registered(CRM), {CRM.id: 16}, free=9) == {}


names = st.sampled_from([EndpointId(f"acme/{name}") for name in "abcdef"])
endpoint_lists = st.lists(
    st.builds(
        an_endpoint,
        name=st.sampled_from("abcde"),
        max_in_flight=st.integers(1, 40),
        disabled=st.sampled_from(["", "", "gone"]),
    ),
    unique_by=lambda endpoint: endpoint.id,
)
look_lists = st.lists(
    st.builds(
        a_look,
        st.integers(0, 15),
        due=st.dictionaries(names, st.integers(-1000, 1000)),
        first_expiry=st.none() | st.integers(-50, 8000),
    ),
    unique_by=lambda look: look.partition,
    max_size=16,
)
in_flights = st.dictionaries(names, st.integers(0, 50))


@given(looks=look_lists, endpoints=endpoint_lists, in_flight=in_flights, free=st.integers(0, 300))
def test_a_plan_keeps_within_all_limits_and_leaves_no_room_unused(
    looks: list[Look], endpoints: list[Endpoint], in_flight: dict[EndpointId, int], free: int
) -> None:
    claims = plan_claims(looks, registered(*endpoints), in_flight, free=free)

    total = claimed(claims)
    room = {e.id: max(e.max_in_flight - in_flight.get(e.id, 0), 0) for e in endpoints if not e.disabled}
    sites = Counter(name for look in looks for name, at in look.due.items() if at <= look.now)
    assert total.total() <= free
    assert all(0 < count <= 32 for wanted in claims.values() for count in wanted.values())
    assert all(count <= room.get(name, 0) for name, count in total.items())
    assert {(p, name) for p, wanted in claims.items() for name in wanted} <= {
        (look.partition, name) for look in looks for name, at in look.due.items() if at <= look.now
    }
    wished = sum(min(room.get(name, 0), 32 * count) for name, count in sites.items())
    assert total.total() == min(free, wished)


@given(looks=look_lists, endpoints=endpoint_lists, free=st.integers(0, 300))
def test_nobody_gets_a_second_piece_before_everybody_had_a_first(
    looks: list[Look], endpoints: list[Endpoint], free: int
) -> None:
    claims = plan_claims(looks, registered(*endpoints), {}, free=free)

    total = claimed(claims)
    hungry = {
        name
        for look in looks
        for name, at in look.due.items()
        if at <= look.now and name not in total and any(e.id == name and not e.disabled for e in endpoints)
    }
    assert not hungry or all(count == 1 for wanted in claims.values() for count in wanted.values())


# ── rest ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_where_nothing_waits_the_rest_is_the_longest() -> None:
    assert rest_ms([], {}, longest=LONGEST) == rest_ms([a_look()], {}, longest=LONGEST) == LONGEST


def test_the_rest_ends_when_the_first_is_due() -> None:
    looks = [a_look(0, due={CRM.id: 700}), a_look(1, due={CRM.id: 300, WAREHOUSE.id: 500})]

    assert rest_ms(looks, registered(CRM, WAREHOUSE), longest=LONGEST) == 300


def test_the_rest_ends_when_the_first_lease_does() -> None:
    assert rest_ms([a_look(first_expiry=40), a_look(1, first_expiry=70)], {}, longest=LONGEST) == 40
    assert rest_ms([a_look(first_expiry=-5)], {}, longest=LONGEST) == 0


def test_nobody_wakes_for_what_he_does_not_serve() -> None:
    look = a_look(due={CRM.id: 300, WAREHOUSE.id: 500})

    assert rest_ms([look], registered(an_endpoint("crm", disabled="gone")), longest=LONGEST) == LONGEST


def test_what_is_due_and_has_no_room_is_not_waited_for() -> None:
    assert rest_ms([a_look(due={CRM.id: -5})], registered(CRM), longest=LONGEST) == LONGEST


@given(looks=look_lists, endpoints=endpoint_lists)
def test_a_rest_is_never_negative_nor_longer_than_the_longest(looks: list[Look], endpoints: list[Endpoint]) -> None:
    assert 0 <= rest_ms(looks, registered(*endpoints), longest=LONGEST) <= LONGEST
