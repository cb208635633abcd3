"""How does a customer know it was us? Standard Webhooks signatures, made from bytes and values alone.

Rules: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme

* Signed is `{id}.{timestamp}.{body}`: the exact bytes of the body, and the second of this attempt.
* `whsec_` signs by HMAC-SHA256 ("v1"); `whsk_` by ed25519 ("v1a"), and whoever has its `whpk_` can verify, not forge.
* Every active secret signs, so that a customer may change over at leisure. One that retires is active until its end.
* The id and the timestamp are ours, and hold no dot: nobody can move text from one part into another.
"""

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.errors import Misconfigured
from consent.model import RetiringSecret

PREFIX = "whsec_"
PRIVATE_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"
NEW_SECRET_BYTES = 24
NEW_PRIVATE_KEY_BYTES = 32
FEWEST_BYTES = 16
"""The specification asks for 24 to 64; a customer who brings an older secret along is taken from 128 bits on."""
_SEED_BYTES = 32
_PAIR_BYTES = 64

Signing = Callable[[bytes], str]


class Signer:
    """Prepared once for the secrets of an endpoint: copying a keyed HMAC costs half of keying one."""

    __slots__ = ("_lasting", "_retiring")

    def __init__(self, secrets: tuple[str, ...], retiring: tuple[RetiringSecret, ...] = ()) -> None:
        if not secrets:
            raise Misconfigured("endpoints.secret: none is given; leave the key out to have one generated")
        self._lasting = tuple(map(_signing, secrets))
        self._retiring = tuple((_signing(secret.value), secret.until) for secret in retiring)

    def headers(self, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """`timestamp` is the Unix second of this attempt, `webhook_id` the same at every attempt."""
        signed = b"%b.%d.%b" % (webhook_id.encode(), timestamp, body)
        active = self._lasting if not self._retiring else (*self._lasting, *self._still_active(timestamp))
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join([sign(signed) for sign in active]),
        }

    def _still_active(self, timestamp: int) -> list[Signing]:
        return [sign for sign, until in self._retiring if timestamp * 1000 < until]


def new_secret(random_bytes: bytes) -> str:
    """From `NEW_SECRET_BYTES` bytes of the system's randomness."""
    if len(random_bytes) != NEW_SECRET_BYTES:
        raise ValueError(f"a new secret is made of {NEW_SECRET_BYTES} random bytes, not of {len(random_bytes)}")
    return PREFIX + b64encode(random_bytes).decode()


def new_private_key(random_bytes: bytes) -> str:
    """From `NEW_PRIVATE_KEY_BYTES` bytes of the system's randomness."""
    if len(random_bytes) != NEW_PRIVATE_KEY_BYTES:
        raise ValueError(f"a private key is made of {NEW_PRIVATE_KEY_BYTES} random bytes, not of {len(random_bytes)}")
    public = Ed25519PrivateKey.from_private_bytes(random_bytes).public_key().public_bytes_raw()
    return PRIVATE_PREFIX + b64encode(random_bytes + public).decode()


def public_key(secret: str) -> str | None:
    """What a customer verifies with, and may show around; None for a secret that both sides share."""
    if not _is_private_key(secret) or not _pair(secret):
        return None
    return PUBLIC_PREFIX + b64encode(_private_key(secret).public_key().public_bytes_raw()).decode()


def wrong_with_secret(secret: str) -> str:
    """What is expected instead; "" for one that signs."""
    if _is_private_key(secret):
        return "" if _pair(secret) else f'"{PRIVATE_PREFIX}" and the base64 of an ed25519 seed and its public key'
    if len(_decoded(secret.strip().removeprefix(PREFIX))) >= FEWEST_BYTES:
        return ""
    return f'"{PREFIX}" and the base64 of 24 to 64 random bytes'


def _signing(secret: str) -> Signing:
    if wrong := wrong_with_secret(secret):
        raise Misconfigured(f"endpoints.secret: expected {wrong}; leave the key out to have one generated")
    if _is_private_key(secret):
        return _by_ed25519(_private_key(secret))
    return _by_hmac(hmac.new(_decoded(secret.strip().removeprefix(PREFIX)), digestmod="sha256"))


def _by_hmac(keyed: hmac.HMAC) -> Signing:
    def sign(signed: bytes) -> str:
        mac = keyed.copy()
        mac.update(signed)
        return "v1," + b64encode(mac.digest()).decode()

    return sign


def _by_ed25519(key: Ed25519PrivateKey) -> Signing:
    def sign(signed: bytes) -> str:
        return "v1a," + b64encode(key.sign(signed)).decode()

    return sign


def _is_private_key(secret: str) -> bool:
    return secret.strip().startswith(PRIVATE_PREFIX)


def _private_key(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_pair(secret)[:_SEED_BYTES])


def _pair(secret: str) -> bytes:
    """Seed and public key; empty where the two do not belong together."""
    pair = _decoded(secret.strip().removeprefix(PRIVATE_PREFIX))
    if len(pair) != _PAIR_BYTES:
        return b""
    public = Ed25519PrivateKey.from_private_bytes(pair[:_SEED_BYTES]).public_key().public_bytes_raw()
    return pair if hmac.compare_digest(public, pair[_SEED_BYTES:]) else b""


def _decoded(text: str) -> bytes:
    encoded = text.rstrip("=")
    try:
        # Secrets are pasted by hand, and their padding is what gets lost; verifying libraries do without it too.
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
