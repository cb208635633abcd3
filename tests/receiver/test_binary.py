"""Which data are letters all the same, and which are for an application."""

import pytest

from receiver.codecs.binary import is_of_a_text, readings


@pytest.mark.parametrize(
    ("udh", "is_text"),
    [
        ("", True),
        ("050003cc0201", True),
        ("06080400cc0201", True),
        ("060504 23f40000", False),  # to a port, of an application
        ("0b0003cc0201 050423f40000", False),
        ("0500", True),  # cut off behind the name of an element
        ("050003", True),
        ("05", True),
    ],
)
def test_a_header_that_says_which_part_it_is_or_nothing_is_of_a_text(udh: str, is_text: bool) -> None:
    assert is_of_a_text(bytes.fromhex(udh)) is is_text


def test_a_word_is_read_in_each_alphabet_in_which_it_is_one() -> None:
    assert "STOP" in readings("STOP".encode("utf-16-be"))
    assert "ÁLLJ" in readings("ÁLLJ".encode("latin-1"))
    assert readings(b"") == ()
