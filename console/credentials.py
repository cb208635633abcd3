"""How is a new token or signing secret made? From randomness that is handed in."""

from base64 import urlsafe_b64encode
from collections.abc import Callable

from dispatcher.signing import NEW_SECRET_BYTES, new_secret

Random = Callable[[int], bytes]
"""So many bytes that nobody can guess."""

_TOKEN_BYTES = 24


def new_token(random: Random) -> str:
    """Of a webhook URL."""
    return urlsafe_b64encode(random(_TOKEN_BYTES)).decode().rstrip("=")


def new_signing_secret(random: Random) -> str:
    return new_secret(random(NEW_SECRET_BYTES))
