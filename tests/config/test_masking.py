"""A log never holds a whole phone number or a secret, and keeps everything that one searches by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.masking import cleaned, without_numbers

NUMBER = "16502426055"
MASKED = "•••••••6055"


@pytest.mark.parametrize("field", ["msisdn", "number", "sender", "recipient", "to", "from", "mobile"])
@pytest.mark.parametrize("value", [NUMBER, int(NUMBER)])
def test_a_number_keeps_its_last_four_digits(field: str, value: str | int) -> None:
    assert cleaned({field: value}, mask_numbers=True) == {field: MASKED}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "+{}",
        "from +{} to 123456",
        "({})",
        "sent to {}.",
        "{},{}",
        "/v1/consent/1116/{}",
        "/v1/consent/1116/{}?pretty",
        "msisdn={}&to=96167",
        "to=%2B{}",
        '{{"msisdn": "{}"}}',
        "{{7}}:lane:acme/crm:{}",
        "STOP {}!",
    ],
)
def test_a_number_inside_a_text_is_found(text: str) -> None:
    shown = without_numbers(text.format(NUMBER, NUMBER))

    assert NUMBER not in shown
    assert MASKED in shown


@pytest.mark.parametrize(
    "text",
    [
        "evt_3_1732230000123_0",
        "1732230000123-0",
        "0A0000000123ABCD1",
        "3f2504e0-4f89-41d3-9a0c-012345678901",
        "12345678-4f89-41d3-9a0c-0305e82c3301",
        "aaaaaaaa-bbbb-cccc-12345678-0123456789ab",
        "2014-06-27T18:31:33.123456Z",
        "20140627T183133Z",
        "1732230000.123",
        "0.123456789012",
        "4111111111111111",
        "short code 123456",
        "127.0.0.1:8080",
        "whatever",
        "",
    ],
)
def test_ids_times_and_short_codes_stay_readable(text: str) -> None:
    assert without_numbers(text) == text


@pytest.mark.parametrize(
    "field",
    [
        "secret",
        "api_secret",
        "API_KEY",
        "apikey",
        "token",
        "lease_token",
        "webhook-signature",
        "password",
        "Authorization",
    ],
)
@pytest.mark.parametrize("mask_numbers", [True, False])
def test_a_secret_is_hidden_whatever_is_configured(field: str, mask_numbers: bool) -> None:
    assert cleaned({field: "hunter2"}, mask_numbers=mask_numbers) == {field: "(hidden)"}


def test_what_lies_deeper_is_cleaned_as_well() -> None:
    fields = {
        "headers": {"authorization": "Basic x", "x": [NUMBER, {"to": NUMBER}]},
        "body": NUMBER.encode(),
        "error": ValueError(NUMBER),
    }

    assert cleaned(fields, mask_numbers=True) == {
        "headers": {"authorization": "(hidden)", "x": [MASKED, {"to": MASKED}]},
        "body": MASKED,
        "error": MASKED,
    }


def test_quantities_and_chosen_ids_are_left_alone() -> None:
    fields = {
        "at": 1732230000123,
        "ms": 1.5,
        "is_due": True,
        "reason": None,
        "campaign": "20140627",
        "account": "12345678",
    }

    assert cleaned(fields, mask_numbers=True) == fields


def test_numbers_are_shown_when_the_operator_says_so() -> None:
    assert cleaned({"msisdn": NUMBER, "text": f"to {NUMBER}"}, mask_numbers=False) == {
        "msisdn": NUMBER,
        "text": f"to {NUMBER}",
    }


@given(
    st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True), st.sampled_from([" ", ":", "/", "=", "'", "(", "+", ",", "\n"])
)
def test_no_number_between_marks_survives(number: str, mark: str) -> None:
    assert number not in without_numbers(f"a{mark}{number}{mark}b")
