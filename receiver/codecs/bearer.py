"""Who signed this bearer token, and what does it claim? A JSON Web Token, HS256 and nothing else (RFC 7519).

The algorithm is ours, never the token's own word: a token that could choose it could choose `none`.
"""

import base64
import binascii
import hashlib
import hmac

from consent.errors import Refused, Unverified
from receiver.codecs import document
from receiver.codecs.document import Document

_LONGEST = 4096
_SCHEME = "bearer"


def token_in(authorization: str) -> str:
    """The token of an `Authorization: Bearer` header; empty for none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == _SCHEME else ""


def claims(token: str, *, secret: str) -> Document:
    """What a token of this secret claims; Unverified for any other. Whether that suffices is for the caller to say."""
    if len(token) > _LONGEST:
        raise Unverified("the bearer token is longer than any that is sent")
    signed, _, signature = token.rpartition(".")
    digest = hmac.digest(secret.encode(), signed.encode("utf-8", "replace"), hashlib.sha256)
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    if not hmac.compare_digest(signature.encode("utf-8", "replace"), expected):
        raise Unverified("the signature of the bearer token does not match: check the signature secret")
    header, _, payload = signed.partition(".")
    if document.texts(_part(header)).get("alg") != "HS256":
        raise Unverified("the bearer token does not say that it is signed with HS256")
    return _part(payload)


def _part(encoded: str) -> Document:
    try:
        return document.read(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (Refused, binascii.Error, ValueError) as exc:
        raise Unverified("the bearer token is malformed") from exc
