"""When does a provider say that it was? Its many ways to write an instant, read as one."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from consent.model import UnixMs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# What comes in one second bears one stamp.
@lru_cache(maxsize=1024)
def instant(text: str) -> UnixMs | None:
    """ISO 8601 or `YYYY-MM-DD HH:MM:SS`, UTC where no zone is given. None for anything else: an opt-out is never
    refused because of its date."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return UnixMs((moment - _EPOCH) // timedelta(milliseconds=1)) if moment >= _EPOCH else None
