"""How does the store keep a secret that it cannot read? Sealed under a key that only the processes have. Pure.

A seal is AES-256-SIV: authenticated, bound to the place where it stands, and the same for the same text, so that a row
that was not changed is not changed in the store either (docs/adr/0016-secrets-at-rest.md).

    sealed:1:<key id>:<base64 of the tag and the ciphertext>

What does not begin like that was written before there was a key, and is taken as it is.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from consent.errors import Misconfigured

KEY_BYTES = 32
_MARK = "sealed:"
_VERSION = "1"
_CIPHER_BYTES = 64
"""AES-256-SIV takes two keys of 32."""
_ID_BYTES = 4

Place = tuple[str, ...]
"""Where a secret stands: table, row, field, and what else tells it from others. It opens nowhere else."""


class Key:
    """One key, with the name that its seals carry. The name gives nothing of it away."""

    __slots__ = ("_cipher", "id")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self.id = _derived(key, b"name", _ID_BYTES).hex()
        self._cipher = AESSIV(_derived(key, b"seal", _CIPHER_BYTES))

    def __repr__(self) -> str:
        return f"Key({self.id})"

    def sealed(self, text: str, place: Place) -> str:
        """The same text at the same place has the same seal, so a row that is put again unchanged stays as it is."""
        sealed = self._cipher.encrypt(text.encode(), [part.encode() for part in place])
        return f"{_MARK}{_VERSION}:{self.id}:{urlsafe_b64encode(sealed).decode()}"

    def opened(self, sealed: bytes, place: Place) -> str | None:
        """None for what this key did not seal for this place."""
        try:
            return self._cipher.decrypt(sealed, [part.encode() for part in place]).decode()
        except (InvalidTag, ValueError):
            return None


class Seals:
    """All keys there are. The newest seals, every one opens; without a newest, what is written is not sealed."""

    def __init__(self, newest: Key | None = None, older: Sequence[Key] = ()) -> None:
        self.newest = newest
        self._keys: dict[str, Key] = {key.id: key for key in (*older, *([newest] if newest else ()))}

    def sealed(self, text: str, place: Place) -> str:
        """Nothing is no secret: an empty text stays one."""
        if self.newest and text:
            return self.newest.sealed(text, place)
        if text.startswith(_MARK):
            raise Misconfigured(f'{" ".join(place[:3])}: expected a secret that does not begin with "{_MARK}"')
        return text

    def opened(self, text: str, place: Place) -> str:
        if not text.startswith(_MARK):
            return text
        _, version, key_id, encoded = (*text.split(":", 3), "", "", "")[:4]
        where = " ".join(place[:3])
        if version != _VERSION:
            raise Misconfigured(f"{where} was sealed by a newer version of consent-relay: upgrade this one")
        if key_id not in self._keys:
            raise Misconfigured(
                f"store.secret_key: {where} is sealed with the key {key_id}, {self._known()}; "
                f"put the key {key_id} into store.secret_key or store.old_secret_keys"
            )
        opened = self._keys[key_id].opened(_decoded(encoded), place)
        if opened is None:
            raise Misconfigured(
                f"{where} is not what the key {key_id} sealed there: somebody changed it in the store; "
                "restore it from a backup, or delete the row in the store and apply it again"
            )
        return opened

    def _known(self) -> str:
        if not self._keys:
            return "and none is configured"
        return f"and configured is {' and '.join(sorted(self._keys))}"


UNSEALED = Seals()
"""No key: what is plain is read, and written plain."""


def key_of(text: str) -> str:
    """The name of the key that sealed it; "" for plain text."""
    return text.split(":", 3)[2] if text.startswith(_MARK) and text.count(":") >= 3 else ""


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA512(), length, salt=None, info=b"consent-relay store " + purpose).derive(key)


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text)
    except (NotBase64, ValueError):
        return b""
