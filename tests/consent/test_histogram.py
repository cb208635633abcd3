"""Values are counted by bounds as Prometheus reads them: each bound counts all that is not above it."""

from math import inf, isclose

from hypothesis import given
from hypothesis import strategies as st

from consent.histogram import Histogram

BOUNDS = (0.1, 1, 10)


def test_a_value_on_a_bound_is_not_above_it() -> None:
    spread = Histogram(BOUNDS)
    for value in (0.1, 0.11, 1, 10, 10.5):
        spread.add(value)

    assert list(spread.up_to()) == [(0.1, 1), (1, 3), (10, 4), (inf, 5)]
    assert (spread.count, spread.total) == (5, 21.71)


def test_of_nothing_there_is_none() -> None:
    spread = Histogram(BOUNDS)

    assert list(spread.up_to()) == [(0.1, 0), (1, 0), (10, 0), (inf, 0)]
    assert (spread.count, spread.total) == (0, 0)


@given(st.lists(st.floats(min_value=0, max_value=100)))
def test_it_counts_what_a_plain_count_would(values: list[float]) -> None:
    spread = Histogram(BOUNDS)
    for value in values:
        spread.add(value)

    assert dict(spread.up_to()) == {bound: sum(value <= bound for value in values) for bound in (*BOUNDS, inf)}


@given(st.lists(st.lists(st.floats(min_value=0, max_value=20) | st.sampled_from(BOUNDS))))
def test_many_at_once_count_as_one_by_one(batches: list[list[float]]) -> None:
    together, apart = Histogram(BOUNDS), Histogram(BOUNDS)
    for batch in batches:
        together.add_all(batch)
        for value in batch:
            apart.add(value)

    assert list(together.up_to()) == list(apart.up_to())
    assert isclose(together.total, apart.total)
