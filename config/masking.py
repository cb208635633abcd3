"""What must a log not hold? Phone numbers, but for their last four digits, and secrets. Pure: fields in, fields out."""

import re
from collections.abc import Callable, Mapping

from consent.numbers import masked

_HIDDEN = "(hidden)"
_NUMBER_FIELDS = frozenset({"msisdn", "number", "sender", "recipient", "to", "from", "mobile", "phone"})
_SECRET_FIELD = re.compile(r"secret|token|signature|password|authorization|api_?key|cookie", re.IGNORECASE)
_OWN_WORDS = frozenset(
    {"level", "timestamp", "logger", "account", "campaign", "source", "endpoint", "provider", "event_id"}
)
"""Ids that operators and providers chose: long ones may be all digits, and a masked one leads nowhere."""

# A run of digits that stands alone. Not a part of an id (evt_3_1732230000123_0, 0A0000000123ABCD), of a UUID, of a
# stream position (1732230000123-0), of a date (20140627T183133Z) or of a decimal number; but also behind a
# percent-encoded "+", whose last character is a letter.
_RUN = re.compile(r"(?:(?<=%2B)|(?<=%2b)|(?<![\w-])(?<!\d\.))\+?(\d{8,15})(?!\w|-\w|\.\d)", re.ASCII)


def without_numbers(text: str) -> str:
    return _RUN.sub(lambda found: masked(found[1]), text)


def cleaned(fields: Mapping[str, object], *, mask_numbers: bool) -> dict[str, object]:
    clean = without_numbers if mask_numbers else _unchanged
    return {name: _field(name, value, clean, mask_numbers=mask_numbers) for name, value in fields.items()}


def _field(name: str, value: object, clean: Callable[[str], str], *, mask_numbers: bool) -> object:
    if _SECRET_FIELD.search(name):
        return _HIDDEN
    if mask_numbers and name in _NUMBER_FIELDS and isinstance(value, str | int):
        return masked(str(value))
    return value if name in _OWN_WORDS else _value(value, clean, mask_numbers=mask_numbers)


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
