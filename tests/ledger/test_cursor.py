"""A cursor is one word, and no other word is taken for one."""

import base64
import random
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import Refused
from consent.ledger.cursor import Place, places_of, word_of

instants = st.one_of(st.just(0), st.integers(1_000_000_000_000, 4_102_444_800_000))
places = st.builds(Place, instants, st.integers(0, 2**40), st.integers(0, 2**40))
PLACES = [Place(1_764_000_000_000, 0, 17), Place(), Place(1_764_000_123_456, 3, 2_000_000)]


@given(st.lists(places, min_size=1, max_size=64))
def test_what_was_written_is_read_again(written: list[Place]) -> None:
    assert places_of(word_of(written), partitions=len(written)) == written


def test_it_needs_no_escaping_in_a_url() -> None:
    assert set(word_of(PLACES)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_it_fits_into_a_url_however_many_partitions_there_are() -> None:
    chosen = random.Random(1)
    busy = [Place(1_764_000_000_000 + chosen.randrange(3_600_000), 1, 1_000_000) for _ in range(256)]

    assert len(word_of(busy[:16])) < 250
    assert len(word_of(busy)) < 3500


@given(st.data())
def test_a_word_that_lost_or_changed_a_letter_is_refused(data: st.DataObject) -> None:
    word = word_of(PLACES)
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from(["", "A", "b", "-", "7"]))
    changed = word[:at] + letter + word[at + 1 :]
    try:
        found = places_of(changed, partitions=3)
    except Refused:
        return

    assert found == PLACES  # the last letter of base64 may hold bits that mean nothing


@given(st.text(max_size=40))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        places_of(text, partitions=3)


@given(st.binary(max_size=40))
def test_any_other_bytes_in_base64_are_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        places_of(base64.urlsafe_b64encode(content).rstrip(b"=").decode(), partitions=3)


@pytest.mark.parametrize("numbers", [[1, 3], [1, 3, 0], [1, 3, 0, *[1] * 8], [1, 3, 0, *[1] * 10], [2, 3, 0, *[1] * 9]])
def test_a_cursor_that_is_whole_by_its_checksum_alone_is_refused(numbers: list[int]) -> None:
    content = bytes(numbers)
    word = base64.urlsafe_b64encode(content + crc32(content).to_bytes(4, "big")).rstrip(b"=").decode()

    with pytest.raises(Refused):
        places_of(word, partitions=3)


def test_a_cursor_of_a_store_with_other_partitions_is_refused() -> None:
    with pytest.raises(Refused, match="of another store"):
        places_of(word_of(PLACES), partitions=4)
