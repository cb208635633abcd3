"""Which numbers exist is for people to look at: a few strange ones are no reason to doubt a list."""

import pytest

from consent.model import Msisdn
from console.numbering import SAMPLE, Sample, exists, international

REAL = [Msisdn(f"1650242{n:04}") for n in range(2 * SAMPLE)]
NATIONAL = [Msisdn(f"555893{n:04}") for n in range(2 * SAMPLE)]


def doubt(*numbers: Msisdn) -> str | None:
    sample = Sample()
    sample.add(numbers)
    return sample.doubt()


@pytest.mark.parametrize(
    ("number", "does"),
    [
        ("16502426055", True),
        ("447911123456", True),
        ("5558937009", False),
        ("2125550123", False),
        ("612345678", False),
        ("999123456789", False),
    ],
)
def test_a_number_exists_in_the_plan_of_its_country(number: str, *, does: bool) -> None:
    assert exists(Msisdn(number)) is does


def test_a_tenth_is_tolerated_and_more_is_not() -> None:
    assert doubt(*REAL[:90], *NATIONAL[:10]) is None
    assert doubt(*REAL[:89], *NATIONAL[:11]) == (
        "of the first 100 numbers 11 exist in no numbering plan: are the country codes missing?"
    )


def test_only_the_first_ones_count_however_they_come() -> None:
    sample = Sample()
    for number in (*REAL[:SAMPLE], *NATIONAL):
        sample.add([number])

    assert not sample.wants_more
    assert sample.doubt() is None
    assert doubt(*REAL[:100], *NATIONAL) is not None


def test_one_number_is_told_in_the_singular_and_none_not_at_all() -> None:
    assert doubt(*NATIONAL[:1]) == "of one number 1 exists in no numbering plan: are the country codes missing?"
    assert doubt() is None


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("16502426055", "+1 650-242-6055"),
        ("5558937009", "+55 58937009"),
        ("999123456789", "+999123456789"),
        ("12345", "12345"),
        ("Brand", "Brand"),
    ],
)
def test_a_number_is_written_with_its_country_code_in_front(number: str, written: str) -> None:
    assert international(Msisdn(number)) == written
