"""Is a binary message a text all the same? Some phones and gateways send letters as data; to her, STOP is a STOP."""

import base64
import binascii

_ENCODINGS = ("utf-8", "utf-16-be", "utf-16-le", "latin-1")
_OF_A_TEXT = frozenset({0x00, 0x08, 0x24, 0x25})
"""Elements of a user data header that say which part it is, and in which alphabet."""


def is_of_a_text(udh: bytes) -> bool:
    """Whether the user data header, if there is one, says no more than which part of a text it is: not which
    application the data is for. 3GPP TS 23.040, 9.2.3.24"""
    at = 1
    while at + 1 < len(udh):
        if udh[at] not in _OF_A_TEXT:
            return False
        at += 2 + udh[at + 1]
    return True


def readings(data: bytes) -> tuple[str, ...]:
    """What it says in each of the alphabets in which it says anything, for who looks for one word: nothing tells which
    was meant, and nearly any data are letters in one of them."""
    return tuple(dict.fromkeys(filter(None, (_decoded(data, encoding) for encoding in _ENCODINGS))))


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding).strip("\0 \r\n")
    except UnicodeDecodeError:
        return ""


def text_in(data: bytes) -> str:
    """Empty where any of it is no letter that one can see: then it is data."""
    try:
        text = data.decode("ascii").strip("\0 \r\n")
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""


def from_hex(data: str) -> bytes:
    """Empty where it is none."""
    try:
        return bytes.fromhex(data)
    except ValueError:
        return b""


def from_base64(data: str) -> bytes:
    """Empty where it is none."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return b""
