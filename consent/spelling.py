"""Which words does a text have, however they were typed? "ＳＴＯＰ!", "Stop." and "ŝtop" are one word.

Compatibility forms, case, accents, punctuation and whatever cannot be seen are gone; the words are left.
"""

import re
import unicodedata
from functools import lru_cache

LONGEST = 1600
"""Characters that are looked at: ten parts of a concatenated text."""

# Dropped, so that "don't" and "dont" are one word; other punctuation parts words.
_APOSTROPHE = re.compile("['`´‘’‛ʼ＇]")
# Letters in black circles and squares, and those that flags are made of: no compatibility forms, and sent as letters.
_ENCLOSED = {chr(first + place): chr(ord("a") + place) for first in (0x1F150, 0x1F170, 0x1F1E6) for place in range(26)}
_ASCII = bytes(ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else 32 for code in range(256))


# Letters by their category, and nothing to be seen: what Hangul is filled up with.
_UNSEEN = frozenset("\u115f\u1160\u3164\uffa0")


def normalise(text: str) -> str:
    return " ".join(words_of(text))


def words_of(text: str) -> list[str]:
    text = text[:LONGEST]
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
