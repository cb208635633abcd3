"""Do all ways to type a word come out as one?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.spelling import calmed, in_latin, is_drawn_out, looked_at, normalise


@pytest.mark.parametrize(
    "typed",
    [
        "stop",
        "STOP",
        " Stop. ",
        "“Stop”",
        "_stop_",
        "*STOP*",
        "ＳＴＯＰ",
        "𝐒𝐓𝐎𝐏",
        "Stop\u200b",
        "st\u00adop",
        "STOP\u3164",
        "\u115fST\uffa0OP\u1160",
        "\ufeffSTOP\ufe0f",
        "STOP🛑",
        "\u202eSTOP\u202c",
        "ŠTOP",
        "stop\x00",
        "'stop'",
        "STOP\r\n",
    ],
)
def test_every_way_to_type_stop_is_stop(typed: str) -> None:
    assert normalise(typed) == "stop"


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("ARRÊT", "arret"),
        ("arre\u0302t", "arret"),
        ("Opt-out", "opt out"),
        ("OPT_OUT", "opt out"),
        ("stop=quit", "stop quit"),
        ("STOP2QUIT", "stop2quit"),
        ("don't", "dont"),
        ("don’t", "dont"),
        ("STRASSE Straße", "strasse strasse"),
        ("İptal", "iptal"),
        ("ŉ", "n"),
        ("½", "1 2"),
        ("한국", "한국"),
        ("🛑", ""),
        ("", ""),
        ("a\ud800b", "a b"),
    ],
)
def test_words_are_what_remains(typed: str, normal: str) -> None:
    assert normalise(typed) == normal


def test_a_cyrillic_letter_that_looks_latin_stays_cyrillic() -> None:
    assert normalise("stор") != "stop"


@pytest.mark.parametrize(
    ("words", "latin"),
    [
        ("ꜱᴛᴏᴘ", "stop"),
        ("ѕтор", "stop"),  # Cyrillic
        ("sτορ", "stop"),  # Greek
        ("st0p 5t0p", "stop stop"),
        ("стоп", "ctoп"),  # a word, and no look-alike: its capital is a C
    ],
)
def test_letters_that_look_latin_are_taken_for_latin_where_that_is_asked_for(words: str, latin: str) -> None:
    assert in_latin(normalise(words)) == latin


@pytest.mark.parametrize(
    ("text", "calm"),
    [("STOOOP", "STOP"), ("stoPPpp!!!", "stoP!!!"), ("stoop 1000", "stoop 1000"), ("ARRÊÊÊÊT", "ARRÊT"), ("", "")],
)
def test_who_holds_a_key_down_means_one_letter(text: str, calm: str) -> None:
    assert calmed(text) == calm
    assert is_drawn_out(normalise(text)) is (text != calm)


def test_of_a_long_text_the_beginning_and_the_end_are_looked_at() -> None:
    longest = "a" * 1600

    assert looked_at(longest) == longest
    assert looked_at("b" + longest + "c") == f"b{'a' * 1199}\n{'a' * 399}c"


def test_normalising_any_letter_twice_changes_nothing_more() -> None:
    letters = [chr(code) for code in range(0x30000)]
    once = [normalise(" ".join(letters[at : at + 100])) for at in range(0, len(letters), 100)]

    assert [normalise(text) for text in once] == once


@given(st.text())
def test_a_normal_text_has_single_spaces_inside_and_none_around(text: str) -> None:
    normal = normalise(text)

    assert normal == " ".join(normal.split())
    assert normal == normal.casefold()
