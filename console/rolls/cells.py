"""What does one cell say? A number, a date, the instant that decides; Refused, with the reason, for nonsense. Pure."""

import re

from consent.errors import Refused
from consent.instants import is_unset, read_instant
from consent.model import Msisdn, Status, UnixMs
from consent.numbers import recipient
from consent.ordering import deciding_time
from console.rolls.vocabulary import unguarded

# The commonest writing, past the cache of consent.numbers, which a million different numbers would only churn.
_PLAIN = re.compile(r"\+?([1-9][0-9]{6,14})")
# As spreadsheets and programs write it, with a sign: "0E0" is an odd sender, which an export hands back as it is.
_ROUNDED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?[eE][+-][0-9]{2,}")
_IN_FRONT = re.compile(r"\A(?:tel|sms|rcs|whatsapp):", re.IGNORECASE)
_FLOAT = re.compile(r"([0-9]{7,15})\.0+")


def number(said: str, *, is_odd: bool) -> tuple[Msisdn, bool]:
    if found := _PLAIN.fullmatch(said):
        return Msisdn(found[1]), False
    text = unguarded(said.strip()) if is_odd else said.strip(" \t'\"=\xa0")
    if not text:
        raise Refused("no number")
    if _ROUNDED.fullmatch(text):
        raise Refused(f"{text[:40]!r} was rounded by a spreadsheet: format the column as text and export it again")
    if not is_odd and (found := _FLOAT.fullmatch(text)):
        text = found[1]
    who = recipient(text)
    # A webhook's sender may be dug out of words; in a cell, words are a shifted column or a quote that nobody closed.
    has_words = any(map(str.isalpha, _IN_FRONT.sub("", text)))
    if (who.is_odd or has_words) and not is_odd:
        raise Refused(f"{text[:40]!r} is no number with its country code")
    return who.msisdn, who.is_odd


def date(said: str, now: UnixMs) -> tuple[UnixMs, bool]:
    """One that is ahead of the clock is taken for now: nobody has opted out tomorrow."""
    at = read_instant(said)
    if at is None:
        text = said.strip().removesuffix(" UTC")
        if not text:
            return now, False
        at = read_instant(text)
        if at is None:
            raise Refused(f"date {text[:40]!r}: expected ISO 8601, or YYYY-MM-DD HH:MM:SS in UTC")
    if is_unset(at):
        raise Refused(f"date {said.strip()[:40]!r} is where clocks begin: leave the cell empty where none is known")
    return (at, True) if at <= now else (now, False)


def when(said: str, now: UnixMs, status: Status) -> tuple[UnixMs, UnixMs, bool]:
    """When it happened, the instant that decides, and whether the line said so. A date with a fraction is exact; one
    without means "some time in this second" (consent/ordering.py)."""
    at, is_dated = date(said, now)
    return at, at if "." in said else deciding_time(at, now, status=status), is_dated
