"""Which words does a text have, however they were typed? "ＳＴＯＰ!", "Stop." and "ŝtop" are one word.

Compatibility forms, case, accents, punctuation and whatever cannot be seen are gone; the words are left.
"""

import re
import unicodedata
from functools import lru_cache

_BEGINNING, _END = 1200, 400
"""Characters that are looked at, ten parts of a long text in all: a STOP stands in front, or behind all else."""

# Dropped, so that "don't" and "dont" are one word; other punctuation parts words.
_APOSTROPHE = re.compile("['`´‘’‛ʼ＇]")
# Letters in black circles and squares, and those that flags are made of: no compatibility forms, and sent as letters.
_ENCLOSED = {chr(first + place): chr(ord("a") + place) for first in (0x1F150, 0x1F170, 0x1F1E6) for place in range(26)}
# Small letters whose capitals look the same, as Unicode's table of confusables has them, and letters for show.
# https://www.unicode.org/Public/security/latest/confusables.txt
_ALIKE = {
    ord(letter): latin
    for letters, latin in (
        ("аαꭺᴀ", "a"),
        ("вβʙ", "b"),
        ("сϲᴄ", "c"),
        ("ԁᴅ", "d"),
        ("еεᴇ", "e"),
        ("нηʜ", "h"),
        ("іιɪ1", "i"),
        ("јᴊ", "j"),
        ("кκᴋ", "k"),
        ("ʟ", "l"),
        ("мμᴍ", "m"),
        ("νɴ", "n"),
        ("оοօᴏ0", "o"),
        ("рρᴘ", "p"),
        ("ԛ", "q"),
        ("ʀ", "r"),
        ("ѕꜱ5", "s"),
        ("тτᴛ", "t"),
        ("ᴜ", "u"),
        ("ѵᴠ", "v"),
        ("хχ", "x"),
        ("уυʏ", "y"),
        ("ζᴢ", "z"),
    )
    for letter in letters
}
_DRAWN_OUT = re.compile(r"([^\W\d_])\1\1")
_RUN = re.compile(r"([^\W\d_])\1\1+", re.IGNORECASE)
_ASCII = bytes(ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else 32 for code in range(256))


# Letters by their category, and nothing to be seen: what Hangul is filled up with.
_UNSEEN = frozenset("\u115f\u1160\u3164\uffa0")


def normalise(text: str) -> str:
    return " ".join(words_of(text))


def looked_at(text: str) -> str:
    return text if len(text) <= _BEGINNING + _END else f"{text[:_BEGINNING]}\n{text[-_END:]}"


def is_drawn_out(words: str) -> bool:
    """Whether somebody held a key down. Of normalised words."""
    return _DRAWN_OUT.search(words) is not None


def calmed(text: str) -> str:
    """ "STOOOP" as it would be in a calmer moment: no letter thrice."""
    return _RUN.sub(r"\1", text)


def in_latin(words: str) -> str:
    """With Latin letters in the place of those that look like them: "ꜱᴛᴏᴘ", "ЅТОР", "ST0P". Of normalised words."""
    return words.translate(_ALIKE)


def words_of(text: str) -> list[str]:
    # As bytes, because that is several times as fast, and nearly every text is ASCII.
    return (text.encode().translate(_ASCII, b"'`").decode() if text.isascii() else _folded(text)).split()


def _folded(text: str) -> str:
    """Twice, for what the first time brings up: "İ" becomes "i" and a dot, "ŉ" an apostrophe and "n"."""
    folded = unicodedata.normalize("NFKD", _APOSTROPHE.sub("", text)).casefold()
    letters = "".join(map(_spoken, _APOSTROPHE.sub("", unicodedata.normalize("NFKD", folded))))
    return unicodedata.normalize("NFC", letters)


@lru_cache(maxsize=4096)
def _spoken(character: str) -> str:
    if character in _ENCLOSED:
        return _ENCLOSED[character]
    if character in _UNSEEN:
        return ""
    category = unicodedata.category(character)
    if category[0] in "LN":
        return character
    # Accents, and what cannot be seen: soft hyphens, zero-width spaces, variation selectors, marks of direction.
    return "" if category[0] == "M" or category == "Cf" else " "
