"""Who knows the user and the password? HTTP Basic authentication of what a provider posts (RFC 7617).

Some show them only where they are asked to: so whoever shows none, or others, is answered 401 with a challenge.
"""

import base64
from dataclasses import replace

from consent.errors import ConsentError, Unverified
from consent.model import Source
from receiver.codecs.codec import Reply, reply_by_status
from receiver.codecs.mac import is_same
from receiver.inbound import Inbound

HEADERS = ("authorization",)

_SCHEME = "basic"
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="consent-relay", charset="UTF-8"')


class Unknown(Unverified):
    """The user and password are not the source's: set them at the provider as they are here."""

    status = 401


class Challenged(Unknown):
    """The request shows none, and was asked for them: some come again with them at once. If they do not, set them at
    the provider."""

    reason = "challenged"


def verify(inbound: Inbound, source: Source) -> None:
    """`signature_secret` is both, as in `user:password`."""
    if not source.signature_secret or inbound.is_visit:
        return
    scheme, _, given = inbound.header("authorization").partition(" ")
    if scheme.lower() != _SCHEME:
        raise Challenged("the request shows no user and password, and was asked for them")
    if not is_same(given.strip(), base64.b64encode(source.signature_secret.encode())):
        raise Unknown("the user and password are not those of signature_secret, written as user:password")


def is_pair(written: str) -> bool:
    """Whether it could be a user and a password."""
    return all(written.partition(":"))


def reply(error: ConsentError | None, *, retry_after: int) -> Reply:
    told = reply_by_status(error, retry_after=retry_after)
    return replace(told, headers=(_CHALLENGE,)) if told.status == Unknown.status else told
