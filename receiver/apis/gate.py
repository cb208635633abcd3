"""Whose call is it? Credentials against the registered accounts, guesses counted.

A key is compared in lower case (a documented client sends it so) unless it is the only credential; secrets as they are.
Whatever is secret is compared in constant time: how long a wrong one takes tells nothing of the right one.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config.clock import system_clock
from consent.directory import Directory
from consent.errors import Unauthorised, Unverified
from consent.model import Account, Millis, UnixMs
from receiver import signature
from receiver.apis.throttle import Throttle

SIGNATURE_TOLERANCE = Millis(5 * 60 * 1000)
"""Either side of now, as in every sample of the provider: https://developer.vonage.com/en/getting-started/concepts/signing-messages"""

Clock = Callable[[], UnixMs]


@dataclass(frozen=True, slots=True)
class Secret:
    """A key and its secret, as parameters or by HTTP Basic."""

    key: str
    secret: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters with `api_key`, `timestamp` and `sig` among them (receiver/signature.py)."""

    fields: Mapping[str, str]

    @property
    def key(self) -> str:
        return self.fields.get("api_key", "")


@dataclass(frozen=True, slots=True)
class KeyAlone:
    """WXML's: the key is the secret."""

    key: str


Credential = Secret | Signature | KeyAlone


def basic(authorization: str) -> Secret | None:
    """The credential in an Authorization header; None where there is none that can be read (RFC 7617)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # no base64, not even ASCII, or no UTF-8 inside
        return None
    return Secret(key, secret) if colon else None


def prove(credential: Credential, directory: Directory, now: UnixMs) -> Account:
    """The account. Unauthorised if there is none, or its secret is another; Unverified for a bad signature, and for one
    of nobody's: neither the time it takes nor the answer tells which keys exist."""
    account = directory.accounts_by_key.get(credential.key.lower())
    match credential:
        case Secret(secret=secret):
            # Also where there is no such account.
            expected = account.api_secret if account else ""
            is_right = hmac.compare_digest(secret.encode("utf-8", "replace"), expected.encode()) and bool(expected)
        case Signature(fields=fields):
            if account is None or not account.signature_secret:
                raise Unverified("no account of this api_key has a signature secret")
            _verify(fields, account, now)
            is_right = True
        case KeyAlone(key=key):
            expected = account.api_key if account else ""
            is_right = hmac.compare_digest(key.encode("utf-8", "replace"), expected.encode())
    if account is None or not is_right:
        raise Unauthorised("no account has these credentials")
    return account


def _verify(fields: Mapping[str, str], account: Account, now: UnixMs) -> None:
    signature.verify(
        fields,
        secret=account.signature_secret,
        method=account.signature_method,
        tolerance=SIGNATURE_TOLERANCE,
        now=now,
    )


class Gate:
    """One per receiver: it remembers who guessed."""

    def __init__(self, throttle: Throttle | None = None, *, clock: Clock = system_clock) -> None:
        self._throttle = throttle or Throttle()
        self._clock = clock

    def admit(self, credential: Credential, caller: str, directory: Directory) -> Account:
        """The caller's account. Unauthorised, Unverified, or Throttled after too many of these."""
        now, key = self._clock(), credential.key.lower()
        self._throttle.check(caller, key, now)
        try:
            account = prove(credential, directory, now)
        except (Unauthorised, Unverified):
            self._throttle.failed(caller, key, now)
            raise
        self._throttle.proved(caller, key, now)
        return account

    def admit_basic(self, authorization: str, caller: str, directory: Directory) -> Account:
        """By the Authorization header. To send none is no guess."""
        credential = basic(authorization)
        if credential is None:
            raise Unauthorised("send the account's api_key and api_secret by HTTP Basic")
        return self.admit(credential, caller, directory)
