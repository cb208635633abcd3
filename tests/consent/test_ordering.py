"""Does a doubtful clock ever cost an opt-out?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.model import Status, UnixMs
from consent.ordering import deciding_time

INSTANTS = st.integers(min_value=0, max_value=4_000_000_000_000).map(UnixMs)
STATUSES = st.sampled_from([None, *Status])
LONG_AFTER = UnixMs(9_000_000_000_000)


def test_an_opt_out_in_whole_seconds_decides_at_the_end_of_its_second() -> None:
    assert deciding_time(UnixMs(5000), LONG_AFTER, status=Status.OPTED_OUT) == 5999


@pytest.mark.parametrize("status", [Status.OPTED_IN, Status.PENDING, None])
def test_anything_else_in_whole_seconds_decides_at_the_start(status: Status | None) -> None:
    assert deciding_time(UnixMs(5000), LONG_AFTER, status=status) == 5000


def test_a_stamp_with_milliseconds_is_taken_as_it_is() -> None:
    assert deciding_time(UnixMs(5001), LONG_AFTER, status=Status.OPTED_OUT) == 5001


@given(INSTANTS, INSTANTS, STATUSES)
def test_nothing_decides_later_than_it_arrived(occurred: UnixMs, received: UnixMs, status: Status | None) -> None:
    assert deciding_time(occurred, received, status=status) <= received


@given(INSTANTS, STATUSES)
def test_an_opt_out_is_never_placed_before_anything_else_of_the_same_instant(at: UnixMs, status: Status | None) -> None:
    opt_out = deciding_time(at, LONG_AFTER, status=Status.OPTED_OUT)

    assert opt_out >= deciding_time(at, LONG_AFTER, status=status)


def test_an_opt_in_of_the_same_second_does_not_beat_an_opt_out_whichever_came_first() -> None:
    opt_out = deciding_time(UnixMs(5000), LONG_AFTER, status=Status.OPTED_OUT)

    assert deciding_time(UnixMs(5999), LONG_AFTER, status=Status.OPTED_IN) <= opt_out
