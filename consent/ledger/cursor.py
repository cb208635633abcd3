"""How far has a reader of the log got? A place in each partition's stream, written as one opaque word.

    version, number of partitions, earliest ms; for each partition: ms after that, counter, entries passed; a checksum

`passed` counts every entry that the stream ever had up to this place. Without it nobody could tell a stream that lost
entries which the reader has not seen from one that lost only those it has: an id says nothing of its neighbours.
The checksum makes a word that lost a letter on the way an error, and not another place. Pure.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

from consent.errors import Refused

_VERSION = 1
_WORD = re.compile(r"[A-Za-z0-9_-]{4,32768}")
_CHECKSUM = 4
_BEFORE_PLACES = _OF_A_PLACE = 3
"""Numbers."""


class Place(NamedTuple):
    ms: int = 0
    counter: int = 0
    passed: int = 0

    @property
    def stream_id(self) -> str:
        return f"{self.ms}-{self.counter}"


def word_of(places: Sequence[Place]) -> str:
    base = min((place.ms for place in places if place.ms), default=0)
    numbers = [_VERSION, len(places), base]
    for place in places:
        numbers += [place.ms - base + 1 if place.ms else 0, place.counter, place.passed]
    content = b"".join(map(_varint, numbers))
    return base64.urlsafe_b64encode(content + _checksum(content)).rstrip(b"=").decode()


def places_of(word: str, *, partitions: int) -> list[Place]:
    """Refused for whatever `word_of` never wrote, or wrote for another store."""
    if not _WORD.fullmatch(word) or len(word) % 4 == 1:
        raise Refused("the cursor is malformed: send `next` of an earlier answer as it was")
    raw = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
    content, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    if checksum != _checksum(content):
        raise Refused("the cursor is damaged: send `next` of an earlier answer as it was")
    numbers = list(_numbers(content))
    if numbers[:2] != [_VERSION, partitions] or len(numbers) != _BEFORE_PLACES + _OF_A_PLACE * partitions:
        raise Refused("the cursor is of another store, or of another version of this one")
    base, rest = numbers[2], iter(numbers[3:])
    return [
        Place(base + ms - 1 if ms else 0, counter, passed) for ms, counter, passed in zip(rest, rest, rest, strict=True)
    ]


def _checksum(content: bytes) -> bytes:
    return crc32(content).to_bytes(_CHECKSUM, "big")


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _numbers(content: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in content:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
