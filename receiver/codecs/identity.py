"""What do we call a message that its provider does not name? A digest of what it says."""

from collections.abc import Iterable
from hashlib import blake2b

_MARK = "digest:"


_BETWEEN = "\x1f"


def digest_of(said: Iterable[str]) -> str:
    """The same for a repeat; also for a second message that says the same at the same instant, or at none."""
    return _MARK + blake2b(_BETWEEN.join(said).encode("utf-8", "replace"), digest_size=16).hexdigest()


def is_digest(identity: str) -> bool:
    return identity.startswith(_MARK)
