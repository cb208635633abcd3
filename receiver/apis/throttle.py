"""How often may somebody guess? Failed authentications fill a bucket per address and one per key; both leak slowly.

While a bucket is full, no secret is compared: a right guess would look like a wrong one. But an attacker must not lock
out the key's owner, so an address that has lately proved a key is not kept from it by what others get wrong.

Kept in this process alone, and bounded: each receiver allows as many guesses (docs/adr/0009-who-may-call.md).
"""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Network
from math import ceil
from typing import TypeVar

from consent.errors import Throttled
from consent.model import UnixMs

Name = TypeVar("Name", str, tuple[str, str])

_MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    burst: int
    """Failures that may come at once."""
    refill_ms: int
    """After which one more is allowed."""


PER_CALLER = Allowance(burst=10, refill_ms=6_000)
PER_KEY = Allowance(burst=30, refill_ms=2_000)
_PROOF_LASTS_MS = 24 * 3600 * 1000


class Throttle:
    def __init__(self, *, per_caller: Allowance = PER_CALLER, per_key: Allowance = PER_KEY) -> None:
        self._callers = _Buckets(per_caller)
        self._keys = _Buckets(per_key)
        self._proved: OrderedDict[tuple[str, str], UnixMs] = OrderedDict()

    def check(self, caller: str, key: str, now: UnixMs) -> None:
        """Raise Throttled where no further guess is allowed yet."""
        proved = self._proved.get((caller, key))
        if proved is not None and now - proved < _PROOF_LASTS_MS:
            return
        wait = max(self._callers.wait(_household(caller), now), self._keys.wait(key, now))
        if wait > 0:
            seconds = ceil(wait / 1000)
            raise Throttled(f"too many wrong credentials: wait {seconds} s and try again", retry_after=seconds)

    def failed(self, caller: str, key: str, now: UnixMs) -> None:
        self._proved.pop((caller, key), None)
        self._callers.fill(_household(caller), now)
        self._keys.fill(key, now)

    def proved(self, caller: str, key: str, now: UnixMs) -> None:
        _remember(self._proved, (caller, key), now)


class _Buckets:
    """Per name, the instant at which it will be empty again."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._empty_at: OrderedDict[str, UnixMs] = OrderedDict()

    def wait(self, name: str, now: UnixMs) -> int:
        """Milliseconds until one more failure fits."""
        room = self._allowance.burst * self._allowance.refill_ms
        return self._empty_at.get(name, now) - now - room + self._allowance.refill_ms

    def fill(self, name: str, now: UnixMs) -> None:
        empty_at = max(self._empty_at.get(name, now), now) + self._allowance.refill_ms
        _remember(self._empty_at, name, UnixMs(empty_at))


def _household(caller: str) -> str:
    """Whoever has one IPv6 address has a whole /64 of them."""
    return str(IPv6Network((caller, 64), strict=False)) if ":" in caller else caller


def _remember(kept: OrderedDict[Name, UnixMs], name: Name, value: UnixMs) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > _MOST_KEPT:
        kept.popitem(last=False)
