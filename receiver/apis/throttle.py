"""How often may somebody guess? Failed authentications fill a bucket per address and one per key; both leak slowly.

While a bucket is full, no secret is compared: a right guess would look like a wrong one. But an attacker must not lock
out the key's owner, so an address that has lately proved a key is not kept from it by what others get wrong.

Kept in this process alone, and bounded: each receiver allows as many guesses (docs/adr/0009-who-may-call.md).
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network
from math import ceil
from typing import TypeVar

from consent.errors import Throttled
from consent.model import UnixMs
from receiver.apis.caller import address_of

Name = TypeVar("Name", str, tuple[str, str])

MOST_KEPT = 10_000
"""Addresses, keys and proofs, of each. Who was heard of longest ago is forgotten first."""
_LONGEST_KEY = 64
"""A wrong key may be as long as a request; remembered as it is, ten thousand of them would fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    burst: int
    """Failures that may come at once."""
    refill_ms: int
    """After which one more is allowed."""


PER_CALLER = Allowance(burst=10, refill_ms=6_000)
PER_KEY = Allowance(burst=30, refill_ms=2_000)
PROOF_LASTS_MS = 24 * 3600 * 1000


class Throttle:
    def __init__(self, *, per_caller: Allowance = PER_CALLER, per_key: Allowance = PER_KEY) -> None:
        self._callers = _Buckets(per_caller)
        self._keys = _Buckets(per_key)
        self._proved: OrderedDict[tuple[str, str], UnixMs] = OrderedDict()

    def check(self, caller: str, key: str, now: UnixMs) -> None:
        """Raise Throttled where no further guess is allowed yet."""
        household, key = _household(caller), _bounded(key)
        proved = self._proved.get((household, key))
        if proved is not None and now - proved < PROOF_LASTS_MS:
            return
        wait = max(self._callers.wait(household, now), self._keys.wait(key, now))
        if wait > 0:
            seconds = ceil(wait / 1000)
            raise Throttled(f"too many wrong credentials: wait {seconds} s and try again", retry_after=seconds)

    def failed(self, caller: str, key: str, now: UnixMs) -> None:
        household, key = _household(caller), _bounded(key)
        self._proved.pop((household, key), None)
        self._callers.fill(household, now)
        self._keys.fill(key, now)

    def proved(self, caller: str, key: str, now: UnixMs) -> None:
        _remember(self._proved, (_household(caller), _bounded(key)), now)

    @property
    def kept(self) -> int:
        """How much is remembered, of everything."""
        return len(self._callers) + len(self._keys) + len(self._proved)


class _Buckets:
    """Per name, the instant at which it will be empty again."""

    def __init__(self, allowance: Allowance) -> None:
        self._refill = allowance.refill_ms
        self._room = allowance.burst * allowance.refill_ms
        self._empty_at: OrderedDict[str, UnixMs] = OrderedDict()

    def __len__(self) -> int:
        return len(self._empty_at)

    def wait(self, name: str, now: UnixMs) -> int:
        """Milliseconds until one more failure fits; not above zero where one does."""
        return self._level(name, now) + self._refill - self._room

    def fill(self, name: str, now: UnixMs) -> None:
        level = min(self._level(name, now) + self._refill, self._room)
        _remember(self._empty_at, name, UnixMs(now + level))

    def _level(self, name: str, now: UnixMs) -> int:
        """Never above full, or a clock that was set back would keep everybody out for as long as that."""
        return min(max(self._empty_at.get(name, now) - now, 0), self._room)


@lru_cache(maxsize=1024)
def _household(caller: str) -> str:
    """Whoever has one IPv6 address has a whole /64 of them."""
    address = address_of(caller)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), 64), strict=False))
    return caller if address is None else str(address)


def _bounded(key: str) -> str:
    if len(key) <= _LONGEST_KEY:
        return key
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_LONGEST_KEY // 2).hexdigest()


def _remember(kept: OrderedDict[Name, UnixMs], name: Name, value: UnixMs) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > MOST_KEPT:
        kept.popitem(last=False)
