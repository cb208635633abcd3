"""A sealed secret opens with its key, at its place, unchanged; nowhere else and never otherwise."""

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import Misconfigured
from consent.ledger.sealing import UNSEALED, Key, Seals, key_of

KEY, OTHER = Key(bytes(32)), Key(bytes(range(32)))
HERE = ("accounts", "acme", "api_secret")
places = st.lists(st.text(max_size=8), min_size=1, max_size=4).map(tuple)


@given(st.text(min_size=1), places)
def test_what_was_sealed_opens_at_its_place(text: str, place: tuple[str, ...]) -> None:
    sealed = Seals(KEY).sealed(text, place)

    assert Seals(KEY).opened(sealed, place) == text
    assert key_of(sealed) == KEY.id


@given(st.text(min_size=1), places, places)
def test_what_was_sealed_for_one_place_opens_at_no_other(
    text: str, place: tuple[str, ...], other: tuple[str, ...]
) -> None:
    sealed = Seals(KEY).sealed(text, place)

    assert (KEY.opened(_content(sealed), other) == text) is (place == other)


def test_parts_of_a_place_do_not_run_into_one_another() -> None:
    sealed = Seals(KEY).sealed("s3cr3t", ("a", "bc"))

    with pytest.raises(Misconfigured, match="somebody changed it"):
        Seals(KEY).opened(sealed, ("ab", "c"))


@given(st.text(min_size=4), st.integers(0, 10_000))
def test_what_was_changed_in_the_store_does_not_open(text: str, at: int) -> None:
    sealed = Seals(KEY).sealed(text, HERE)
    begin = len("sealed:1:") + len(KEY.id) + 1
    at = begin + at % (len(sealed.rstrip("=")) - begin - 1)  # the last letter has bits that say nothing
    changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]

    with pytest.raises(Misconfigured, match=f"accounts acme api_secret is not what the key {KEY.id} sealed"):
        Seals(KEY).opened(changed, HERE)


def test_a_seal_shows_nothing_of_the_secret_nor_of_the_key() -> None:
    sealed = Seals(KEY).sealed("s3cr3t", HERE)

    assert "s3cr3t" not in sealed
    assert bytes(32).hex() not in f"{sealed} {KEY!r}"


def test_the_same_secret_at_the_same_place_has_the_same_seal_and_elsewhere_another() -> None:
    seals = Seals(KEY)

    assert seals.sealed("s3cr3t", HERE) == seals.sealed("s3cr3t", HERE)
    assert seals.sealed("s3cr3t", HERE) != seals.sealed("s3cr3t", ("accounts", "other", "api_secret"))


def test_an_older_key_opens_and_the_newest_seals() -> None:
    seals = Seals(OTHER, [KEY])

    assert seals.opened(Seals(KEY).sealed("s3cr3t", HERE), HERE) == "s3cr3t"
    assert key_of(seals.sealed("s3cr3t", HERE)) == OTHER.id


def test_plain_text_is_taken_as_it_is_and_nothing_stays_nothing() -> None:
    assert Seals(KEY).opened("s3cr3t", HERE) == "s3cr3t"
    assert Seals(KEY).sealed("", HERE) == ""
    assert UNSEALED.sealed("s3cr3t", HERE) == "s3cr3t"
    assert key_of("s3cr3t") == ""


@pytest.mark.parametrize(
    ("seals", "told"),
    [
        (UNSEALED, f"is sealed with the key {KEY.id}, and none is configured"),
        (Seals(OTHER), f"is sealed with the key {KEY.id}, and configured is {OTHER.id}"),
    ],
)
def test_a_missing_key_is_told_by_its_name_and_with_the_remedy(seals: Seals, told: str) -> None:
    with pytest.raises(Misconfigured, match=told) as refused:
        seals.opened(Seals(KEY).sealed("s3cr3t", HERE), HERE)

    assert "store.old_secret_keys" in str(refused.value)


@pytest.mark.parametrize("sealed", ["sealed:2:abc:def", "sealed:", "sealed:2"])
def test_a_seal_of_another_version_is_not_guessed_at(sealed: str) -> None:
    with pytest.raises(Misconfigured, match="upgrade"):
        Seals(KEY).opened(sealed, HERE)


@pytest.mark.parametrize("content", ["", "A", "é", "!!!!", "AAAA", "A" * 24])
def test_garbage_under_a_known_key_does_not_open(content: str) -> None:
    with pytest.raises(Misconfigured, match="somebody changed it"):
        Seals(KEY).opened(f"sealed:1:{KEY.id}:{content}", HERE)


def test_a_plain_secret_that_looks_like_a_seal_is_refused_rather_than_misread() -> None:
    with pytest.raises(Misconfigured, match="does not begin with"):
        UNSEALED.sealed("sealed:1:by:somebody", HERE)

    assert Seals(KEY).opened(Seals(KEY).sealed("sealed:1:by:me", HERE), HERE) == "sealed:1:by:me"


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Key(bytes(length))


# So that what one version sealed, every later one opens.
def test_the_form_of_a_seal_does_not_change() -> None:
    assert Seals(KEY).sealed("s3cr3t", HERE) == "sealed:1:9025c96d:jKgKU1xUFMapQC2IaenXNKGnKpKhUA=="


def _content(sealed: str) -> bytes:
    return urlsafe_b64decode(sealed.rpartition(":")[2])
