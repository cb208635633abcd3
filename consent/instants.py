"""When does a provider say that it was? Its many ways to write an instant, read as one, and the way back."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from consent.model import UnixMs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_IN_UTC = datetime(1970, 1, 1)  # noqa: DTZ001 - to count from where no zone is given
_EARLIEST, _LATEST = UnixMs(-62_135_596_800_000), UnixMs(253_402_300_799_999)
"""From year 1 to the end of 9999: what lies beyond has no date."""
_MOST_DIGITS = len(str(_LATEST))
_FIRST = UnixMs(946_684_800_000)
"""2000-01-01T00:00:00Z"""
_ZONED = re.compile(r":\d\d(?:[.,]\d+)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)\s*\Z")


def read_instant(text: str) -> UnixMs | None:
    """ISO 8601 or `YYYY-MM-DD HH:MM:SS`, UTC where no zone is given. None for anything else: an opt-out is never
    refused because of its date."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    since = moment - (_EPOCH if moment.tzinfo else _EPOCH_IN_UTC)
    at = UnixMs((since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000)
    # An offset may lead out of the years that its date lies in: "9999-12-31T23:59:59-14:00".
    return at if 0 <= at <= _LATEST else None


def surest(*texts: str) -> str:
    """Of several stamps of one thing the first that says its zone, or else the first that there is."""
    told = [text for text in texts if text]
    return next(filter(_ZONED.search, told), told[0] if told else "")


@lru_cache(maxsize=1024)  # what comes in one second bears one stamp
def stamp(text: str) -> UnixMs | None:
    """`read_instant` of what a provider says of now. None also for the zero of some clock: as a date it would make her
    opt-out older than every opt-in."""
    at = read_instant(text)
    return None if at is None or is_unset(at) else at


def stamp_of_ms(digits: str) -> UnixMs | None:
    """`stamp`, where a provider counts the milliseconds since 1970."""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        return None
    at = UnixMs(int(digits))
    return None if at > _LATEST or is_unset(at) else at


def is_unset(at: UnixMs) -> bool:
    """Nobody was texted by a program before 2000; clocks that nobody has set, and cells without a value, say 1970."""
    return at < _FIRST


def moment_of(at: UnixMs) -> datetime:
    """In UTC, and the first or last there is for what lies beyond: what is stored must be told, whatever its date."""
    return _EPOCH + timedelta(milliseconds=min(max(at, _EARLIEST), _LATEST))
