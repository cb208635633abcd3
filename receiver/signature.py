"""Who sent these parameters? Nexmo's `sig`: a digest over all of them and a secret that only we and the sender know.

The rule (https://developer.vonage.com/en/getting-started/concepts/signing-messages): all parameters but `sig`, sorted
by name, each written `&name=value` with every `&` and `=` inside a value made `_`; then MD5 of that and the secret, or
an HMAC of that with the secret as its key. Names and values are the decoded ones.

Published clients differ in details. Verifying takes what cannot hurt:

* hex digits of either case: the platform sends MD5 in lower case and HMACs in upper case;
* blank values left out of the digest, as Java and .NET do. Whoever reads the parameters must hold a blank one for an
  absent one;
* pairs sorted as `name=value`, as an early sample of the provider does: `page-size` then precedes `page`.

And it refuses what could:

* no `timestamp`: such a signature would be good for ever, though some clients would fill in the current time;
* `&` or `=` in a name counts as `_`, as in Java and .NET: no real name has either, but `a=1&b` would pass for two.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from consent.errors import Unverified
from consent.model import Millis, SignatureMethod, UnixMs

_MAX_SECONDS_DIGITS = 12


def sign(params: Mapping[str, str], *, secret: str, method: SignatureMethod) -> str:
    """The `sig` for these parameters, in lower case. A `sig` among them does not take part; a `timestamp` does."""
    return _digest(_text(params, _signed(tuple(params))), secret, method)


def verify(params: Mapping[str, str], *, secret: str, method: SignatureMethod, tolerance: Millis, now: UnixMs) -> None:
    """Raise Unverified unless these parameters were signed with this secret, and within the tolerance of now."""
    given = params.get("sig", "")
    if not given:
        raise Unverified("the request has no sig")
    check_age(params.get("timestamp", ""), tolerance=tolerance, now=now)
    # As bytes: compare_digest takes text only if it is ASCII, and this text is the sender's.
    claimed = given.lower().encode("utf-8", "replace")
    names = _signed(tuple(params))
    documented = _text(params, names)
    if _matches(documented, claimed, secret, method):
        return
    for text in _other_texts(params, names):
        if text != documented and _matches(text, claimed, secret, method):
            return
    raise Unverified(f"the sig does not match: check the signature secret and that its method is {method}")


def check_age(timestamp: str, *, tolerance: Millis, now: UnixMs) -> None:
    """Raise Unverified unless these Unix seconds, which a signature covers, are within the tolerance of now."""
    at = _read_seconds(timestamp) if len(timestamp) <= _MAX_SECONDS_DIGITS else None
    if at is None:
        raise Unverified("a signed request needs a timestamp, in Unix seconds")
    if abs(now - at) > tolerance:
        raise Unverified("the signed timestamp is further from our clock than the source tolerates")


# What comes in one second bears one stamp.
@lru_cache(maxsize=1024)
def _read_seconds(text: str) -> int | None:
    """In milliseconds."""
    return int(text) * 1000 if text.isascii() and text.isdecimal() else None


def _other_texts(params: Mapping[str, str], names: Sequence[str]) -> Iterator[bytes]:
    """Besides the documented one."""
    yield _text(params, [name for name in names if params[name].strip()])
    yield _text(params, sorted(names, key=lambda name: f"{name}={params[name]}"))


def _matches(text: bytes, claimed: bytes, secret: str, method: SignatureMethod) -> bool:
    return hmac.compare_digest(_digest(text, secret, method).encode(), claimed)


# A provider sends the same parameters all day.
@lru_cache(maxsize=64)
def _signed(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*names} - {"sig"}))


def _text(params: Mapping[str, str], names: Sequence[str]) -> bytes:
    text = "".join([f"&{name}={params[name]}" for name in names])
    if text.count("&") > len(names) or text.count("=") > len(names):
        text = "".join([f"&{_cleaned(name)}={_cleaned(params[name])}" for name in names])
    return text.encode("utf-8", "replace")


def _cleaned(text: str) -> str:
    return text.replace("&", "_").replace("=", "_")


def _digest(text: bytes, secret: str, method: SignatureMethod) -> str:
    if method == "md5hash":
        return hashlib.md5(text + secret.encode()).hexdigest()  # noqa: S324  # the provider's default method
    keyed = _keyed(secret, method).copy()
    keyed.update(text)
    return keyed.hexdigest()


@lru_cache(maxsize=1024)
def _keyed(secret: str, method: str) -> hmac.HMAC:
    """The costly half of an HMAC depends on the secret alone: done once, then copied."""
    return hmac.new(secret.encode(), digestmod=method)
