"""Durations are read as people write them, and written so that they are read back the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.durations import LONGEST, UNITS, milliseconds, spelled
from consent.model import Millis


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0s", 0),
        ("250ms", 250),
        ("15s", 15_000),
        ("5m", 300_000),
        ("2h", 7_200_000),
        ("30d", 2_592_000_000),
        (" 5 m ", 300_000),
        (15, 15_000),
        ("15", 15_000),
    ],
)
def test_a_duration_is_a_number_and_a_unit_and_a_bare_number_is_seconds(written: str | int, expected: int) -> None:
    assert milliseconds(written) == expected


@pytest.mark.parametrize(
    "written", ["", "s", "5x", "-5s", "1.5s", "5 minutes", "1h30m", "٣s", "9999999999999d", True, -1]
)
def test_anything_else_is_refused(written: str | int) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller words the message
        milliseconds(written)


@given(st.integers(0, LONGEST).map(Millis))
def test_a_spelled_duration_is_read_back_exactly(value: Millis) -> None:
    assert milliseconds(spelled(value)) == value


@given(st.sampled_from(sorted(UNITS)), st.integers(1, 3650))
def test_the_largest_unit_that_fits_is_spelled(unit: str, count: int) -> None:
    value = milliseconds(f"{count}{unit}")

    assert spelled(value).removesuffix("ms").rstrip("smhd").isdecimal()
    assert len(spelled(value)) <= len(f"{count}{unit}")
