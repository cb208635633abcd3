"""How did an attempt end? What the wire said, as one of four outcomes; what follows from it is decided in retry.py.

A redirect is a failure: following one would send a signed body to an address that nobody configured.
"""

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from consent.model import Millis, UnixMs
from consent.values import value
from dispatcher.exchange import Timings

GONE = 410
BACK_PRESSURE = frozenset({429, 502, 503, 504})
"""Where Retry-After counts. RFC 9110 gives it a meaning with 503, RFC 6585 with 429; gateways send it with the others,
which Standard Webhooks reads as a wish for fewer: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"""
OUR_FAULTS = frozenset({"dns_unavailable", "proxy_failed", "no_route", "no_descriptors"})
"""Of the words in failure.py, those that say nothing about the endpoint: our resolver does not answer, our proxy is not
there or does not know us, this machine has no route at all, this process has no descriptor left. Whoever is in doubt
blames the endpoint: what is never charged is never given up."""

_SECONDS = re.compile(r"[0-9]{1,10}")


@value(frozen=True, slots=True, kw_only=False)
class Delivered:
    status: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The endpoint asks never to be called again."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    reason: str
    not_before: Millis | None = None
    """What Retry-After asked for, as a wait from now."""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class OurFault:
    """The endpoint was not reached for reasons on our side: it is not charged, neither is the delivery."""

    reason: str


Outcome = Delivered | Gone | TryAgain | OurFault


@value(frozen=True, slots=True, kw_only=True)
class Attempted:
    """One attempt as the operator sees it."""

    outcome: Outcome
    status: int | None
    """None when no answer came."""
    took_ms: int
    response: str
    """The beginning of the answer's body."""
    error: str
    """Why no answer came, in one stable word (failure.py lists them); empty when one did."""
    timings: Timings | None = None
    """None when no answer came, and from aiohttp's client."""


def charged(attempted: Attempted) -> Outcome:
    """The outcome, and whose it is."""
    if attempted.error in OUR_FAULTS and isinstance(attempted.outcome, TryAgain):
        return OurFault(attempted.outcome.reason)
    return attempted.outcome


def judged(status: int, retry_after: str | None, now: UnixMs) -> Outcome:
    if 200 <= status < 300:
        return Delivered(status)
    if status == GONE:
        return Gone()
    asked = _wait_asked_for(retry_after, now) if retry_after and status in BACK_PRESSURE else None
    return TryAgain(f"http_{status}", asked, status)


def _wait_asked_for(retry_after: str, now: UnixMs) -> Millis | None:
    """None for what is no wait at all: garbage, or an instant that has passed."""
    written = retry_after.strip()
    if _SECONDS.fullmatch(written):
        return Millis(int(written) * 1000)
    try:
        instant = parsedate_to_datetime(written)
    except (ValueError, OverflowError):
        return None
    # An HTTP-date is in GMT; only the obsolete asctime form does not say so.
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    wait = round(aware.timestamp() * 1000) - now
    return Millis(wait) if wait > 0 else None
