"""How is an instant told, and how a span? UTC, as providers and notifications write it. Pure."""

from datetime import UTC, datetime

from consent.instants import moment_of as moment

__all__ = ["for_people", "moment", "roughly", "written"]

_UNITS = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000))


def written(instant: datetime) -> str:
    """ISO 8601, with a fraction only where there is one."""
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def for_people(instant: datetime | None) -> str:
    """To the second; nothing for what never was."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if instant else ""


def roughly(span_ms: int) -> str:
    """The two largest units: "3 days 4 hours"."""
    if span_ms < 1000:
        return f"{span_ms} ms"
    words = []
    left = span_ms
    for name, length in _UNITS:
        count, left = divmod(left, length)
        if count:
            words.append(f"{count} {name}{'' if count == 1 else 's'}")
        if words and (len(words) == 2 or not count):
            break
    return " ".join(words)
