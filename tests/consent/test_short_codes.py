"""Is a number that is texted the same one however it is written?"""

import pytest

from consent.short_codes import short_code_of


@pytest.mark.parametrize(
    "written",
    [
        "18005551212",
        "+18005551212",
        " 18005551212 ",
        "+1 (800) 555-1212",
        "whatsapp:+18005551212",
        "WhatsApp: +1 800 555 1212",
        "tel:%2B18005551212",
        "0018005551212",
        "00 1 800 555 1212",
    ],
)
def test_a_number_has_one_spelling(written: str) -> None:
    assert short_code_of(written) == "18005551212"


@pytest.mark.parametrize("written", ["442079461111", "+44 (0) 20 7946 1111", "0044 20 7946 1111", "+44 20 7946 1111"])
def test_the_zero_that_is_dialled_at_home_is_no_part_of_it(written: str) -> None:
    assert short_code_of(written) == "442079461111"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("00700", "00700"),
        ("0070 0700", "00700700"),
        ("020 7946 1111", "02079461111"),
        ("0" * 12, "0" * 12),
        ("MY-SHOP-123456789", "MYSHOP123456789"),
    ],
)
def test_what_is_no_number_of_any_country_keeps_its_digits(written: str, code: str) -> None:
    assert short_code_of(written) == code


@pytest.mark.parametrize(
    ("written", "code"),
    [("ACME", "ACME"), ("a-b", "ab"), ("", ""), ("+", ""), ("9" * 40, "9" * 32), ("x" * 40, "x" * 32)],
)
def test_it_can_be_the_id_of_a_campaign(written: str, code: str) -> None:
    assert short_code_of(written) == code
