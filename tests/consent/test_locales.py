"""Can every word of the packs ever match?"""

from dataclasses import asdict

import pytest

from consent.locales import DEFAULT_PACKS, PACKS
from consent.spelling import normalise

SINGLE_WORDS = ("courtesies", "negations", "questions", "everything")


@pytest.mark.parametrize("name", PACKS)
def test_every_word_is_written_as_messages_are_normalised(name: str) -> None:
    words = [word for kind in asdict(PACKS[name]).values() for word in kind]

    assert [normalise(word) for word in words] == words


@pytest.mark.parametrize("name", PACKS)
def test_what_is_compared_with_single_words_is_single_words(name: str) -> None:
    assert all(len(word.split()) == 1 for kind in SINGLE_WORDS for word in asdict(PACKS[name])[kind])


@pytest.mark.parametrize("name", PACKS)
def test_what_is_compared_with_pairs_of_words_is_pairs(name: str) -> None:
    assert all(len(words.split()) == 2 for words in PACKS[name].innocent)


def test_the_default_packs_are_those_with_a_source() -> None:
    assert set(DEFAULT_PACKS) == {name for name in PACKS if not name.endswith("-unsourced")}


@pytest.mark.parametrize("word", ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"])
def test_the_words_of_the_regulation_opt_out(word: str) -> None:
    assert word in PACKS["en"].opt_out


def test_canadian_words_are_on_by_default() -> None:
    assert "fr" in DEFAULT_PACKS
    assert "arret" in PACKS["fr"].opt_out
    assert "aide" in PACKS["fr"].help
