"""A seed is a schedule: the same one every time, of every kind, and fair to its targets."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.schedule import LINK, SORTS, STEADY, STORE, Kind, kinds_of, schedule

seeds = st.integers(0, 2**32)


@settings(max_examples=20)
@given(seed=seeds)
def test_a_seed_gives_the_same_schedule_every_time(seed: int) -> None:
    assert schedule(seed, faults=20, seconds=60) == schedule(seed, faults=20, seconds=60)


def test_another_seed_gives_another() -> None:
    assert schedule(1, faults=20, seconds=60) != schedule(2, faults=20, seconds=60)


@settings(max_examples=20)
@given(seed=seeds)
def test_no_target_is_hit_twice_at_once(seed: int) -> None:
    for one, other in combinations(schedule(seed, faults=60, seconds=60), 2):
        if one.target == other.target or {one.target, other.target} == {STORE, LINK}:
            assert one.end < other.at or other.end < one.at


@settings(max_examples=20)
@given(seed=seeds)
def test_every_fault_is_one_that_the_table_allows(seed: int) -> None:
    for fault in schedule(seed, faults=40, seconds=60):
        sort = SORTS[fault.kind]
        assert fault.target in sort.targets
        assert sort.shortest <= fault.seconds <= sort.longest
        assert (fault.amount != 0) == (fault.kind in {Kind.CLOCK, Kind.LIMITED})


@pytest.mark.parametrize("has_replica", [True, False])
def test_two_hundred_faults_are_of_every_kind_that_there_can_be(has_replica: bool) -> None:
    planned = schedule(1, faults=200, seconds=600, has_replica=has_replica)

    assert {kind for kind, _ in kinds_of(planned)} == set(Kind) - (set() if has_replica else {Kind.FAIL_OVER})


def test_one_endpoint_is_never_at_fault() -> None:
    assert all(STEADY not in sort.targets for sort in SORTS.values())
