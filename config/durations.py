"""How long is "5m"? Durations as people write them, to milliseconds and back."""

import re

from consent.model import Millis

UNITS: dict[str, int] = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST = Millis(3650 * UNITS["d"])
"""Past ten years it is a typing mistake; and everything below is exact in Lua's doubles."""

_WRITTEN = re.compile(r"(\d{1,15})\s*(ms|s|m|h|d)?", re.ASCII)


def milliseconds(written: str | int) -> Millis:
    """A bare number is seconds. Raises ValueError for anything else that is not a whole number and a unit."""
    match = _WRITTEN.fullmatch(str(written).strip())
    if match is None:
        raise ValueError(written)
    value = int(match[1]) * UNITS[match[2] or "s"]
    if value > LONGEST:
        raise ValueError(written)
    return Millis(value)


def spelled(value: Millis) -> str:
    """The shortest exact spelling: what `milliseconds` reads back as the same value."""
    if value == 0:
        return "0s"
    unit = next(unit for unit in reversed(UNITS) if value % UNITS[unit] == 0)
    return f"{value // UNITS[unit]}{unit}"
