"""Room is shared out fairly, and nobody gets more than there is."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from consent.model import EndpointId, Partition
from dispatcher.agenda import Site
from dispatcher.plan import Claims, Wanted, plan_claims, trimmed, wanted_of, where_untried

CRM, WAREHOUSE = EndpointId("acme/crm"), EndpointId("acme/warehouse")


def sites(*places: tuple[int, EndpointId]) -> list[Site]:
    return [Site(Partition(partition), name) for partition, name in places]


def plan(places: list[Site], room: dict[EndpointId, int], *, free: int) -> Claims:
    return plan_claims(places, lambda name, _: room.get(name, 0), lambda name, _: room.get(name, 0), free=free)


def claimed(claims: Claims) -> Counter[EndpointId]:
    return wanted_of(claims)


def test_as_much_is_claimed_as_there_is_room() -> None:
    assert plan(sites((0, CRM)), {CRM: 16}, free=100) == {Partition(0): {CRM: Wanted(16, 16)}}


def test_room_is_spread_over_the_partitions() -> None:
    claims = plan(sites(*((p, CRM) for p in range(4))), {CRM: 6}, free=100)

    assert [wanted[CRM].limit for wanted in claims.values()] == [2, 2, 1, 1]


def test_one_partition_gives_no_more_than_one_claim_should_take() -> None:
    assert plan(sites((0, CRM)), {CRM: 1000}, free=1000) == {Partition(0): {CRM: Wanted(32, 32)}}


def test_a_long_backlog_does_not_take_the_room_of_another_endpoint() -> None:
    places = sites(*((p, CRM) for p in range(16)), (15, WAREHOUSE))

    total = claimed(plan(places, {CRM: 1000, WAREHOUSE: 16}, free=17))

    assert (total[CRM], total[WAREHOUSE]) == (16, 1)


def test_nothing_is_claimed_without_room() -> None:
    assert plan(sites((0, CRM)), {CRM: 16}, free=0) == {}
    assert plan(sites((0, CRM)), {CRM: 0}, free=9) == {}
    assert plan(sites((0, CRM)), {CRM: -3}, free=9) == {}


names = st.sampled_from([EndpointId(f"acme/{name}") for name in "abcdef"])
site_lists = st.lists(st.tuples(st.integers(0, 15).map(Partition), names).map(lambda at: Site(*at)), unique=True)
rooms = st.dictionaries(names, st.integers(-3, 50))


@given(places=site_lists, room=rooms, free=st.integers(0, 300))
def test_a_plan_keeps_within_all_limits_and_leaves_no_room_unused(
    places: list[Site], room: dict[EndpointId, int], free: int
) -> None:
    claims = plan(places, room, free=free)

    total = claimed(claims)
    assert total.total() <= free
    assert all(0 < count <= 32 for wanted in claims.values() for count, _ in wanted.values())
    assert all(count <= room[name] for name, count in total.items())
    assert {Site(p, name) for p, wanted in claims.items() for name in wanted} <= set(places)
    wished = sum(
        min(max(room.get(name, 0), 0), 32 * n) for name, n in Counter(site.endpoint for site in places).items()
    )
    assert total.total() == min(free, wished)


@given(places=site_lists, room=rooms, free=st.integers(0, 300))
def test_nobody_gets_a_second_piece_before_everybody_had_a_first(
    places: list[Site], room: dict[EndpointId, int], free: int
) -> None:
    claims = plan(places, room, free=free)

    total = claimed(claims)
    hungry = {site.endpoint for site in places if site.endpoint not in total and room.get(site.endpoint, 0) > 0}
    assert not hungry or all(count == 1 for wanted in claims.values() for count, _ in wanted.values())


def test_where_only_retries_are_due_nothing_is_claimed_without_room_for_them() -> None:
    tried_only = Site(Partition(0), CRM, has_untried=False)

    claims = plan_claims([tried_only], lambda *_: 16, lambda *_: 0, free=100)

    assert claims == {}


def test_retries_are_claimed_within_their_room_over_all_partitions() -> None:
    places = [Site(Partition(p), CRM) for p in range(4)]

    claims = plan_claims(places, lambda *_: 16, lambda *_: 6, free=100)

    assert sum(wanted[CRM].limit for wanted in claims.values()) == 16
    assert sum(wanted[CRM].tried for wanted in claims.values()) == 6


def test_no_more_is_left_of_a_plan_than_was_granted() -> None:
    claims = plan(sites((0, CRM), (0, WAREHOUSE), (1, CRM)), {CRM: 6, WAREHOUSE: 6}, free=100)

    left = trimmed(claims, {CRM: 4})

    assert left == {Partition(0): {CRM: Wanted(3, 3), WAREHOUSE: Wanted(6, 6)}, Partition(1): {CRM: Wanted(1, 1)}}
    assert trimmed(claims, {CRM: 0, WAREHOUSE: 1}) == {Partition(0): {WAREHOUSE: Wanted(1, 1)}}


def test_a_probe_is_claimed_where_something_was_never_tried() -> None:
    tried, untried = Site(Partition(0), CRM, has_untried=False), Site(Partition(1), CRM)
    other = Site(Partition(0), WAREHOUSE)
    claims = plan([tried, untried, other], {CRM: 2, WAREHOUSE: 1}, free=100)

    probes = where_untried(claims, [tried, untried, other], frozenset({CRM}))

    assert claims.keys() == probes.keys() == {0, 1}
    assert [sorted(wanted) for wanted in probes.values()] == [[WAREHOUSE], [CRM]]
    assert where_untried(claims, [tried, untried, other], frozenset()) == claims


def test_a_probe_is_claimed_anywhere_where_all_of_it_was_tried() -> None:
    places = [Site(Partition(0), CRM, has_untried=False), Site(Partition(1), CRM, has_untried=False)]
    claims = plan(places, {CRM: 2}, free=100)

    assert where_untried(claims, places, frozenset({CRM})) == claims


def test_a_probe_is_claimed_only_where_something_is_to_be_claimed() -> None:
    places = [Site(Partition(0), CRM), Site(Partition(1), CRM)]
    claims = {Partition(1): {CRM: Wanted(1, 0)}}

    assert where_untried(claims, places, frozenset({CRM})) == claims
