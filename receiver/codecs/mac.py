"""Who could have signed this? What signatures in headers have in common; how old they may be is signature.py's."""

import base64
import hmac
from typing import Literal


def mac(text: bytes, *, secret: str, algorithm: Literal["sha1", "sha256"]) -> bytes:
    """The HMAC, in base64."""
    return base64.b64encode(hmac.digest(secret.encode(), text, algorithm))


def is_same(given: str, expected: bytes) -> bool:
    """In constant time, and as bytes: compare_digest takes text only if it is ASCII, and this is the sender's."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected)
