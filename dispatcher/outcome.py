"""How did an attempt end? What the wire said, as one of three outcomes; what follows from it is decided in retry.py.

A redirect is a failure: following one would send a signed body to an address that nobody configured.
"""

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from consent.model import Millis, UnixMs

GONE = 410
BACK_PRESSURE = frozenset({429, 503})
"""Where RFC 9110 gives Retry-After a meaning for a request that failed: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"""

_SECONDS = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
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


Outcome = Delivered | Gone | TryAgain


@dataclass(frozen=True, slots=True, kw_only=True)
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
