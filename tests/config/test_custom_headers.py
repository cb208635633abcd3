"""An operator may add any header but ours, and no header may become two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.custom_headers import MOST, wrong_with_headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Api-Key": "k"},
        {"Authorization": "Bearer abc", "Cookie": "a=b; c=d", "x_under.score~": "two words"},
        {f"X-{n}": "v" for n in range(MOST)},
    ],
)
def test_a_header_of_ones_own_is_taken(headers: dict[str, str]) -> None:
    assert wrong_with_headers(headers) == ""


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "CONTENT-TYPE",
        "content-length",
        "Content-Encoding",
        "webhook-id",
        "Webhook-Anything",
        "Connection",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Keep-Alive",
        "Proxy-Authorization",
        "Date",
        "Via",
        "User-Agent",
        "Accept",
        "Traceparent",
    ],
)
def test_what_is_ours_to_say_cannot_be_said_otherwise(name: str) -> None:
    assert wrong_with_headers({"X-Fine": "v", name: "v"}) == f"headers other than {name}, which we set ourselves"


@pytest.mark.parametrize("name", ["", "X Api", "X-Api:", "X-Äpi", "X\nApi", "X" * 129, "(x)"])
def test_a_name_is_a_token(name: str) -> None:
    assert wrong_with_headers({name: "v"}) == "names of letters, digits and -"


@pytest.mark.parametrize("value", ["", " v", "v ", "a\r\nX-Other: b", "a\nb", "a\x00b", "a\tb", "é", "v" * 4097])
def test_a_value_is_one_printable_line_and_is_not_shown(value: str) -> None:
    told = wrong_with_headers({"X-Api-Key": value})

    assert told == "1 to 4096 printable ASCII characters as the value of X-Api-Key, without a line break"


def test_two_that_differ_in_case_are_one() -> None:
    assert "once" in wrong_with_headers({"X-Api-Key": "a", "x-api-key": "b"})


def test_there_is_an_end_to_them() -> None:
    assert "at most" in wrong_with_headers({f"X-{n}": "v" for n in range(MOST + 1)})


@given(st.dictionaries(st.text(), st.text(), max_size=3))
def test_whatever_is_taken_makes_one_line_each(headers: dict[str, str]) -> None:
    if not wrong_with_headers(headers):
        written = "\r\n".join(f"{name}: {value}" for name, value in headers.items())

        assert len(written.splitlines()) == len(headers)
        assert written.isascii()
