"""Who could have signed this, and when? What signatures in headers have in common."""

import base64
import hmac
from typing import Literal

from consent.errors import Unverified
from consent.model import Millis, UnixMs

_MAX_SECONDS_DIGITS = 12


def mac(text: bytes, *, secret: str, algorithm: Literal["sha1", "sha256"]) -> bytes:
    """The HMAC, in base64."""
    return base64.b64encode(hmac.digest(secret.encode(), text, algorithm))


def is_same(given: str, expected: bytes) -> bool:
    """In constant time, and as bytes: compare_digest takes text only if it is ASCII, and this is the sender's."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected)


def check_age(seconds: str, *, tolerance: Millis, now: UnixMs) -> None:
    """Raise Unverified unless these Unix seconds, which the signature covers, are within the tolerance of now."""
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) <= _MAX_SECONDS_DIGITS):
        raise Unverified("a signed request needs a timestamp, in Unix seconds")
    if abs(now - int(seconds) * 1000) > tolerance:
        raise Unverified("the signed timestamp is further from our clock than the source tolerates")
