"""When does a provider say that it was? Its many ways to write an instant, read as one."""

from datetime import UTC, datetime
from functools import lru_cache

from consent.model import UnixMs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_IN_UTC = datetime(1970, 1, 1)  # noqa: DTZ001 - to count from where no zone is given


def read_instant(text: str) -> UnixMs | None:
    """ISO 8601 or `YYYY-MM-DD HH:MM:SS`, UTC where no zone is given. None for anything else: an opt-out is never
    refused because of its date."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    since = moment - (_EPOCH if moment.tzinfo else _EPOCH_IN_UTC)
    if since.days < 0:
        return None
    return UnixMs((since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000)


# What comes in one second bears one stamp.
instant = lru_cache(maxsize=1024)(read_instant)
"""`read_instant`, for who is told of what happens now."""
