"""Are the providers' dates read, and is none read that could not be written again?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.instants import moment_of, read_instant, stamp, stamp_of_ms, surest
from consent.model import UnixMs

LAST = UnixMs(253_402_300_799_999)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2014-06-27T18:31:33Z", 1_403_893_893_000),
        (" 2014-06-27 18:31:33 ", 1_403_893_893_000),
        ("2014-06-27T14:31:33.007-04", 1_403_893_893_007),
        ("1970-01-01", 0),
        ("9999-12-31T23:59:59.999999Z", LAST),
        ("0001-01-01T00:00:00+14:00", None),
        ("1969-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("10000-01-01", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_is_an_instant_of_the_years_that_can_be_told_or_nothing(text: str, at: int | None) -> None:
    assert read_instant(text) == at


@pytest.mark.parametrize("text", ["1970-01-01 00:00:00", "1999-12-31T23:59:59.999Z", "0000-00-00 00:00:00"])
def test_the_zero_of_some_clock_is_no_stamp(text: str) -> None:
    assert stamp(text) is None
    assert stamp("2000-01-01T00:00:00Z") == 946_684_800_000


@pytest.mark.parametrize(
    ("digits", "at"),
    [
        ("1763999999574", 1_763_999_999_574),
        ("253402300799999", 253_402_300_799_999),
        ("253402300800000", None),
        ("1763999999", None),
        ("0", None),
        ("-1", None),
        ("²", None),
        ("1.5e12", None),
        ("9" * 5000, None),
        ("", None),
    ],
)
def test_milliseconds_are_an_instant_of_the_years_that_can_be_told_or_nothing(digits: str, at: int | None) -> None:
    assert stamp_of_ms(digits) == at


@given(st.integers(-(2**63), 2**63).map(UnixMs))
def test_whatever_is_stored_can_be_told(at: UnixMs) -> None:
    assert 1 <= moment_of(at).year <= 9999


@pytest.mark.parametrize(
    ("texts", "chosen"),
    [
        (("2012-06-07 07:27:29", "2012-06-07 07:27:29.954258-04"), "2012-06-07 07:27:29.954258-04"),
        (("2012-06-07 07:27:29", "2012-06-07 07:27:29 "), "2012-06-07 07:27:29"),
        (("2012-06-07T07:27:29Z", "2012-06-07 07:27:29-04:00"), "2012-06-07T07:27:29Z"),
        (("2012-06-07", "2012-06-07T07:27:29+0530 "), "2012-06-07T07:27:29+0530 "),
        (("", "2012-06-07"), "2012-06-07"),
        (("", ""), ""),
    ],
)
def test_a_stamp_that_says_its_zone_is_the_surest(texts: tuple[str, ...], chosen: str) -> None:
    assert surest(*texts) == chosen
