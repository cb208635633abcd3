"""How is a new token or signing secret made? From randomness that is handed in."""

from base64 import urlsafe_b64encode
from collections.abc import Callable

from dispatcher.signing import NEW_PRIVATE_KEY_BYTES, NEW_SECRET_BYTES, new_private_key, new_secret

Random = Callable[[int], bytes]
"""So many bytes that nobody can guess."""

_TOKEN_BYTES = 24


def new_token(random: Random) -> str:
    """Of a webhook URL."""
    return urlsafe_b64encode(random(_TOKEN_BYTES)).decode().rstrip("=")


def new_signing_secret(random: Random, *, is_ed25519: bool = False) -> str:
    return new_private_key(random(NEW_PRIVATE_KEY_BYTES)) if is_ed25519 else new_secret(random(NEW_SECRET_BYTES))
