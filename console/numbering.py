"""Does such a number exist? Judged by the world's numbering plans, for people to look at: nothing is refused for it."""

from collections.abc import Iterable
from itertools import islice

from consent.model import Msisdn
from consent.numbers import recipient

SAMPLE = 250
"""A fifth of a millisecond each, before anything is recorded."""
_TOLERATED = 0.1
"""Which share of a list may be in no plan: people mistype, and plans change faster than libraries."""


class Sample:
    """The first numbers of a list. One without its country code reads as some other country's; of a list of them, most
    do not exist there."""

    def __init__(self) -> None:
        self._seen = 0
        self._in_no_plan = 0

    @property
    def wants_more(self) -> bool:
        return self._seen < SAMPLE

    def add(self, numbers: Iterable[Msisdn]) -> None:
        for number in islice(numbers, SAMPLE - self._seen):
            self._seen += 1
            self._in_no_plan += not exists(number)

    def doubt(self) -> str | None:
        if self._in_no_plan <= _TOLERATED * self._seen:
            return None
        first = f"the first {self._seen:,} numbers" if self._seen > 1 else "one number"
        verb = "exists" if self._in_no_plan == 1 else "exist"
        return f"of {first} {self._in_no_plan:,} {verb} in no numbering plan: are the country codes missing?"


def oddity(number: Msisdn, *, done: str) -> str | None:
    return f"'{number}' is no number with its country code: {done} as it is" if recipient(number).is_odd else None


def doubt_about(number: Msisdn, *, done: str) -> str | None:
    """For a person who typed it, and found nothing."""
    if odd := oddity(number, done=done):
        return odd
    if exists(number):
        return None
    return f"{international(number)} exists in no numbering plan: is the country code missing?"


def exists(number: Msisdn) -> bool:
    import phonenumbers  # noqa: PLC0415 - 35 to 63 ms, which most commands never need to spend

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(f"+{number}")))
    except phonenumbers.NumberParseException:
        return False


def international(number: Msisdn) -> str:
    """As people write it, country code first; what is no number stays as it is."""
    import phonenumbers  # noqa: PLC0415 - see above

    if recipient(number).is_odd:
        return number
    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return f"+{number}"
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))
