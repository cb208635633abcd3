"""Which number was texted? One spelling of it, whether an operator registered it or a webhook names it."""

from consent.numbers import IN_FRONT, recipient

_LONGEST = 32
_LONGEST_CODE = 8
"""Digits of a short code; what has more is a number, and written as one is."""


def short_code_of(written: str) -> str:
    """ "+1 (800) 555-1212", "001 800 5551212" and "whatsapp:+18005551212" are one. Letters and digits alone, for it may
    become the id of a campaign; empty where there are none."""
    is_plain = written.isalnum() and len(written) <= _LONGEST
    if is_plain and not written.startswith("00"):
        return written
    bare = "".join(filter(str.isalnum, IN_FRONT.sub("", written.strip())))[:_LONGEST]
    if bare.isdecimal() and len(bare) > _LONGEST_CODE:
        found = recipient(written)
        return bare if found.is_odd else found.msisdn
    return bare
