"""How does a customer know it was us? Standard Webhooks signatures, made from bytes and values alone.

Rules: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme

* Signed is `{id}.{timestamp}.{body}`: the exact bytes of the body, and the second of this attempt.
* Every active secret signs, so that a customer may change over at leisure.
* The id and the timestamp are ours, and hold no dot: nobody can move text from one part into another.
"""

import binascii
import hmac
from base64 import b64decode, b64encode

from consent.errors import Misconfigured

PREFIX = "whsec_"
NEW_SECRET_BYTES = 24
FEWEST_BYTES = 16
"""The specification asks for 24 to 64; a customer who brings an older secret along is taken from 128 bits on."""


class Signer:
    """Prepared once for the secrets of an endpoint: copying a keyed HMAC costs half of keying one."""

    __slots__ = ("_keyed",)

    def __init__(self, secrets: tuple[str, ...]) -> None:
        if not secrets:
            raise Misconfigured("endpoints.secret: none is given; leave the key out to have one generated")
        self._keyed = tuple(hmac.new(_key(secret), digestmod="sha256") for secret in secrets)

    def headers(self, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """`timestamp` is the Unix second of this attempt, `webhook_id` the same at every attempt."""
        signed = b"%b.%d.%b" % (webhook_id.encode(), timestamp, body)
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(_signature(keyed, signed) for keyed in self._keyed),
        }


def new_secret(random_bytes: bytes) -> str:
    """From `NEW_SECRET_BYTES` bytes of the system's randomness."""
    if len(random_bytes) != NEW_SECRET_BYTES:
        raise ValueError(f"a new secret is made of {NEW_SECRET_BYTES} random bytes, not of {len(random_bytes)}")
    return PREFIX + b64encode(random_bytes).decode()


def _signature(keyed: hmac.HMAC, signed: bytes) -> str:
    mac = keyed.copy()
    mac.update(signed)
    return "v1," + b64encode(mac.digest()).decode()


def _key(secret: str) -> bytes:
    encoded = secret.strip().removeprefix(PREFIX).rstrip("=")
    try:
        # Secrets are pasted by hand, and their padding is what gets lost; verifying libraries do without it too.
        key = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < FEWEST_BYTES:
        raise Misconfigured(
            f'endpoints.secret: expected "{PREFIX}" and the base64 of 24 to 64 random bytes; '
            "leave the key out to have one generated"
        )
    return key
