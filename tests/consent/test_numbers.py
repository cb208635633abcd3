"""Does one recipient have one spelling, and is nobody refused for an odd one?"""

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent.errors import Refused
from consent.model import Msisdn
from consent.numbers import LONGEST, masked, msisdn_of, other_way, recipient

SEPARATED = st.text(alphabet="0123456789+-() ./;=xoe:tlspac٠١２", max_size=40)


@pytest.mark.parametrize(
    "raw",
    [
        "16502426055",
        "+16502426055",
        " 16502426055",  # a "+" that the form did not escape
        "%2B16502426055",  # a "+" that was escaped twice
        "16502426055\n",
        "+1 650 242 6055",
        "1-650-242-6055",
        "+1 (650) 242-6055",
        "+1.650.242.6055",
        "+1 650 242 6055 ext. 12",
        "tel:+16502426055",
        "TEL:+1-650-242-6055",
        "tel:650-242-6055;phone-context=+1",
        "whatsapp:+16502426055",
        "0016502426055",
        "00 1 650 242 6055",
        "１６５０２４２６０５５",
        "١٦٥٠٢٤٢٦٠٥٥",
        "\u202a+1 650\u00a0242\u20116055\u202c",
        "16502426055 (mobile)",
        "reply from 16502426055 by mail",
        "sip:+16502426055@sbc.example.com",
        "16502426055@c.us",
        "+16502426055/TYPE=PLMN@mms.example.com",
    ],
)
def test_one_recipient_has_one_spelling(raw: str) -> None:
    found = recipient(raw)

    assert found.msisdn == "16502426055"
    assert not found.is_odd


@pytest.mark.parametrize(
    ("raw", "msisdn"),
    [
        ("447911123456", "447911123456"),  # read as a US number it would be +1 447 911 123456
        ("+44 (0) 7911 123456", "447911123456"),
        ("+33 0 6 12 34 56 78", "33612345678"),
        ("+39 06 1234567", "39061234567"),  # the zero is part of an Italian number
        ("(650) 242-6055", "6502426055"),  # no region is guessed: with or without separators it is one number
        ("6502426055", "6502426055"),
        ("330612345678", "330612345678"),  # what looks like E.164 is taken at its word,
        (" 330612345678", "330612345678"),  # however its "+" was mangled
    ],
)
def test_no_region_is_ever_guessed(raw: str, msisdn: str) -> None:
    assert recipient(raw).msisdn == msisdn


@pytest.mark.parametrize(
    "raw",
    [
        "+15551234567",  # 555: possible, not assigned
        "+5215512345678",  # a Mexican mobile as it was dialled until 2019
        "+22501234567",  # Ivory Coast before it went to ten digits
        "+999 999 9999",  # no such country, today
        "+1234567",
    ],
)
def test_a_number_that_a_library_calls_invalid_is_not_odd(raw: str) -> None:
    assert not recipient(raw).is_odd


@pytest.mark.parametrize(
    ("raw", "msisdn"),
    [
        ("12345", "12345"),
        ("123-456", "123456"),
        ("٠١٢٣", "0123"),
        ("07911 123456", "07911123456"),
        ("1" * 20, "1" * 20),
        ("000123456789", "000123456789"),
        ("00 1 4155552671 99", "001415555267199"),  # "00" leads abroad only where a number follows
        ("+1415-555-2671/14155552672", "1415555267114155552672"),
        ("MyBank", "MyBank"),
        (" MyBank ", "MyBank"),
        ("BANK4U", "BANK4U"),
        ("SHOP4U", "SHOP4U"),
        ("ABC1234567", "ABC1234567"),
        ("+1-800-FLOWERS", "+1-800-FLOWERS"),
        ("messenger:10158467291234567", "messenger:10158467291234567"),
        ("messenger:123456789012345", "messenger:123456789012345"),
        ("hotel:12345", "hotel:12345"),
        ("john4155552671@example.com", "john4155552671@example.com"),
        ("ann.16502426055@example.com", "ann.16502426055@example.com"),
        ("user4155552671", "user4155552671"),
        ("client:agent16502426055x", "client:agent16502426055x"),
        ("Anonymous", "Anonymous"),
        ("+", "+"),
        ("a\ud800b\x00c", "abc"),
    ],
)
def test_an_odd_number_is_kept_and_flagged(raw: str, msisdn: str) -> None:
    found = recipient(raw)

    assert found.msisdn == msisdn
    assert found.is_odd


def test_an_odd_name_is_kept_up_to_a_length() -> None:
    assert recipient("x" * 1_000_000).msisdn == "x" * LONGEST


def test_white_space_around_a_number_does_not_count_as_its_length() -> None:
    assert recipient(" " * 1000 + "+16502426055").msisdn == "16502426055"


@pytest.mark.parametrize("raw", ["", " ", "\n\t ", "\u200b", "\ud800", "tel:", " " * 1000])
def test_only_an_empty_number_is_refused(raw: str) -> None:
    with pytest.raises(Refused, match="empty"):
        recipient(raw)


@given(st.text(max_size=200) | SEPARATED)
@example("00 44 (0) 7911 123456 x9")
def test_any_text_is_a_recipient_or_refused_and_the_kept_spelling_reads_as_itself(raw: str) -> None:
    try:
        found = recipient(raw)
    except Refused:
        return

    assert recipient(found.msisdn) == found
    assert 1 <= len(found.msisdn) <= LONGEST
    assert found.msisdn.encode().decode().isprintable()


@given(st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True))
def test_e164_is_taken_at_its_word(digits: str) -> None:
    assert recipient(digits) == recipient(f"+{digits}")
    assert recipient(digits).msisdn == digits
    assert not recipient(digits).is_odd


def test_the_phone_number_library_is_not_loaded_for_plain_numbers() -> None:
    program = """
import sys
from consent.numbers import recipient
for raw in ("16502426055", "+16502426055", " 16502426055", "tel:+16502426055", "12345", "MyBank"):
    recipient(raw)
sys.exit("phonenumbers" in sys.modules)
"""

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("msisdn", "shown"),
    [
        ("16502426055", "•••••••6055"),
        ("12345678", "••••5678"),
        ("1234567", "•••••••"),
        ("12345", "•••••"),
        ("", ""),
    ],
)
def test_a_mask_shows_four_digits_of_a_long_number_and_nothing_of_a_short_one(msisdn: str, shown: str) -> None:
    assert masked(msisdn) == shown


@given(st.text())
def test_a_mask_is_as_long_as_the_number(msisdn: str) -> None:
    assert len(masked(msisdn)) == len(msisdn)


@given(st.one_of(st.text(max_size=30), st.from_regex(r"\A\+?[0-9 ()-]{5,20}\Z")))
def test_read_by_the_thousand_a_number_is_the_same(raw: str) -> None:
    try:
        expected = recipient(raw).msisdn
    except Refused:
        with pytest.raises(Refused):
            msisdn_of(raw)
        return

    assert msisdn_of(raw) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("525512345678", "5215512345678"),
        ("541158749895", "5491158749895"),
        ("553196883193", "5531996883193"),
        ("552164180266", "5521964180266"),
    ],
)
def test_one_line_may_be_written_in_two_ways(one: Msisdn, other: Msisdn) -> None:
    assert other_way(one) == other
    assert other_way(other) == one


@pytest.mark.parametrize(
    "msisdn",
    [
        *("16502426055", "5512345", "52551234567", "521551234567", "52155123456789", "ann@example.com", "521"),
        *("551133334444", "5511933334444", "5521"),  # landlines of Brazil, and what would become one
    ],
)
def test_most_lines_are_written_in_one_way(msisdn: Msisdn) -> None:
    assert other_way(msisdn) is None


@given(st.from_regex(r"\A(52|54|55)[0-9]{5,13}\Z"))
def test_the_other_way_leads_back(msisdn: Msisdn) -> None:
    other = other_way(msisdn)

    assert other is None or (other != msisdn and other_way(other) == msisdn)
