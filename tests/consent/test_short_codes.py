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
    ],
)
def test_a_number_has_one_spelling(written: str) -> None:
    assert short_code_of(written) == "18005551212"


@pytest.mark.parametrize(
    ("written", "code"),
    [("ACME", "ACME"), ("a-b", "ab"), ("", ""), ("+", ""), ("9" * 40, "9" * 32), ("x" * 40, "x" * 32)],
)
def test_it_can_be_the_id_of_a_campaign(written: str, code: str) -> None:
    assert short_code_of(written) == code
