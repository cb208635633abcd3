"""What must a log not hold? Phone numbers, but for their last four digits, and secrets. Pure: fields in, fields out."""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache

from consent.numbers import masked

_HIDDEN = "(hidden)"
_NUMBER_FIELDS = frozenset({"msisdn", "number", "sender", "recipient", "to", "from", "mobile", "phone"})
_SECRET_FIELD = re.compile(r"secret|token|signature|password|authorization|api_?key|cookie", re.IGNORECASE)
_OWN_WORDS = frozenset(
    {"level", "timestamp", "logger", "account", "campaign", "source", "endpoint", "endpoints", "provider"}
    | {"event_id", "events", "delivery", "type", "types", "outcome", "task"}
)
"""Ids that operators, providers and we chose: long ones may be all digits, and a masked one leads nowhere."""

# A run of digits that stands alone. Not a part of an id (evt_3_1732230000123_0, 0A0000000123ABCD), of a UUID, of a
# stream position (1732230000123-0), of a date (20140627T183133Z) or of a decimal number; but also behind a
# percent-encoded "+", whose last character is a letter.
_RUN = re.compile(r"(?:(?<=%2B)|(?<=%2b)|(?<![\w-])(?<!\d\.))\+?(\d{8,15})(?!\w|-\w|\.\d)", re.ASCII)

_DIGITS = re.compile(r"\d{8}", re.ASCII)
"""Asked first, because few values have so many in a row, and a line is written for every webhook."""
_SHORTEST_NUMBER = 8


def without_numbers(text: str) -> str:
    if len(text) < _SHORTEST_NUMBER or not _DIGITS.search(text):
        return text
    return _RUN.sub(lambda found: masked(found[1]), text)


def cleaned(fields: Mapping[str, object], *, mask_numbers: bool) -> dict[str, object]:
    clean = without_numbers if mask_numbers else _unchanged
    return {
        name: value
        if (treatment := _treatment(name)) is None or type(value) in _SPARED[treatment]
        else _field(value, treatment, clean, mask_numbers=mask_numbers)
        for name, value in fields.items()
    }


class _Treatment(Enum):
    HIDE = "hide"
    MASK = "mask"
    SEARCH = "search"


_SPARED: Mapping[_Treatment, frozenset[type]] = {
    _Treatment.HIDE: frozenset(),
    _Treatment.MASK: frozenset({bool, type(None)}),
    _Treatment.SEARCH: frozenset({int, float, bool, type(None)}),
}
"""Values of these types pass as they are."""


@lru_cache(maxsize=1024)
def _treatment(name: str) -> _Treatment | None:
    """None: a value of our own making, shown as it is."""
    if _SECRET_FIELD.search(name):
        return _Treatment.HIDE
    if name in _NUMBER_FIELDS:
        return _Treatment.MASK
    return None if name in _OWN_WORDS else _Treatment.SEARCH


def _field(value: object, treatment: _Treatment, clean: Callable[[str], str], *, mask_numbers: bool) -> object:
    if treatment is _Treatment.HIDE:
        return _HIDDEN
    if treatment is _Treatment.MASK and mask_numbers and isinstance(value, str | int):
        return masked(str(value))
    return _value(value, clean, mask_numbers=mask_numbers)


def _value(value: object, clean: Callable[[str], str], *, mask_numbers: bool) -> object:
    match value:
        case str():
            return clean(value)
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return cleaned({str(name): inner for name, inner in value.items()}, mask_numbers=mask_numbers)
        case list() | tuple() | set() | frozenset():
            return [_value(inner, clean, mask_numbers=mask_numbers) for inner in value]
        case bytes():
            return clean(value.decode(errors="replace"))
        case _:
            return clean(str(value))


def _unchanged(text: str) -> str:
    return text
