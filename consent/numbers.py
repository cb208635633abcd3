"""Whose number is it? One spelling per recipient, whatever a provider, an account or an operator writes.

Almost all numbers arrive as the digits of E.164, so one regular expression settles them; only written forms such as
"+44 (0) 7911 123456" need the phone number library. Nothing here knows a region: a national number read in the wrong
country is somebody else's. Nothing is refused for looking wrong either: numbering plans change faster than libraries,
and a lost opt-out costs more than a strange key.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from consent.errors import Refused
from consent.model import Msisdn

# RFC 3966 writes "tel:"; Twilio puts the channel in front; "%2B" is a "+" that was escaped twice.
# https://www.twilio.com/docs/whatsapp/api
IN_FRONT = re.compile(r"\A(?:(?:tel:|sms:|rcs:|whatsapp:|%2B)\s*)+", re.IGNORECASE)

LONGEST = 64
"""Characters of a sender that we look at, and at most keep."""

_E164 = re.compile(r"\+?([1-9][0-9]{6,14})")
_LONGEST_NAME = 11
"""An alphanumeric sender has at most 11 characters: https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id"""

_NAME = re.compile(
    r"""
    [^\W\d]\+?[0-9]{7}                # letters run into the digits: user4155552671
    | \A(?!sips?:)[a-z][\w.+-]*:      # an id of another channel: messenger:123456789012345
    | \A(?!(?:sips?:)?\+?[0-9])[^@]*@ # somebody's address, unless it begins with a number, as 16502426055@c.us
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Whose digits are nobody's number."""
_IN_WORDS = re.compile(r"(?<![0-9])[1-9][0-9]{6,14}(?![0-9])")


_TWO_WAYS: dict[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    # The 1 of mobiles went in 2019, and WhatsApp has kept it: https://www.twilio.com/guidelines/mx/voice
    "52": ((re.compile(r"521([2-9][0-9]{9})"), r"52\1"), (re.compile(r"52([2-9][0-9]{9})"), r"521\1")),
    # Mobiles have a 9 in front, which texts leave out: https://github.com/aftership/phone/issues/18
    "54": ((re.compile(r"549([1-3][0-9]{9})"), r"54\1"), (re.compile(r"54([1-3][0-9]{9})"), r"549\1")),
    # Mobiles got a ninth digit by 2016, and not everywhere: https://github.com/wwebjs/whatsapp-web.js/issues/86413
    "55": (
        (re.compile(r"55([1-9][0-9])9([6-9][0-9]{7})"), r"55\1\2"),
        (re.compile(r"55([1-9][0-9])([6-9][0-9]{7})"), r"55\g<1>9\2"),
    ),
}
"""By country code, where one line is written in two ways: what it is called by, and what else."""


class Recipient(NamedTuple):
    msisdn: Msisdn
    is_odd: bool
    """Not E.164: a short code, a name, or digits that nobody can dial. `recipient(msisdn)` comes to the same answer."""


def recipient(raw: str) -> Recipient:
    """Refused only where there is nothing at all to remember."""
    if found := _E164.fullmatch(raw):
        return Recipient(Msisdn(found[1]), is_odd=False)
    return _written(raw if len(raw) <= LONGEST else raw.strip()[:LONGEST])


def msisdn_of(raw: str) -> Msisdn:
    """`recipient(raw).msisdn`, for who reads ten thousand: a plain number costs a match, and nothing is remembered."""
    found = _E164.fullmatch(raw)
    return Msisdn(found[1]) if found else recipient(raw).msisdn


def other_way(msisdn: Msisdn) -> Msisdn | None:
    """How else the same line is written: 525512345678 is 5215512345678 to others."""
    for pattern, other in _TWO_WAYS.get(msisdn[:2], ()):
        if found := pattern.fullmatch(msisdn):
            return Msisdn(found.expand(other))
    return None


def masked(msisdn: str) -> str:
    """What a log may show. Too short a number would be told by its last four digits."""
    shown = msisdn[-4:] if len(msisdn) >= 8 else ""
    return "•" * (len(msisdn) - len(shown)) + shown


@lru_cache(maxsize=16_384)
def _written(raw: str) -> Recipient:
    text = _tidied(raw)
    if not text:
        raise Refused("the number is empty: send the recipient's number, country code first")
    return recipient(text) if _E164.fullmatch(text) else _read(text)


def _read(text: str) -> Recipient:
    digits = "".join(filter(str.isdecimal, text))
    has_letters = any(map(str.isalpha, text))
    is_name = has_letters and (len(text) <= _LONGEST_NAME or _NAME.search(text) is not None)
    if len(digits) >= 7 and not is_name:
        if found := _E164.fullmatch(_dialled(text)):
            return Recipient(msisdn=Msisdn(found[1]), is_odd=False)
        if has_letters and len(runs := _IN_WORDS.findall(text)) == 1:
            return Recipient(msisdn=Msisdn(runs[0]), is_odd=False)
    kept = text if has_letters else digits or text
    # What is kept is read once more, so that the ledger, which knows only that, comes to the same answer.
    return Recipient(msisdn=Msisdn(kept), is_odd=True) if kept == text else recipient(kept)


def _tidied(raw: str) -> str:
    """The same sender without what transports add.

    The "+" that a form did not escape is a space; bidi marks and full-width or Arabic digits come with a paste.
    """
    printable = "".join(filter(str.isprintable, unicodedata.normalize("NFKC", raw)))
    dialled = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in printable)
    return IN_FRONT.sub("", dialled.strip())[:LONGEST].strip()


def _dialled(text: str) -> str:
    """The number in E.164 as the library reads it, or nothing.

    "00" is the way out of most countries but not of all, so it counts only before a number of possible length.
    """
    import phonenumbers  # noqa: PLC0415 - 35 to 63 ms, which most processes never need to spend

    has_exit_code = text.startswith("00")
    international = text.removeprefix("00") if has_exit_code else text
    try:
        number = phonenumbers.parse(international if "+" in international else f"+{international}")
    except phonenumbers.NumberParseException:
        return ""
    if has_exit_code and not phonenumbers.is_possible_number(number):
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
