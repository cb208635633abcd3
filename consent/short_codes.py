"""Which number was texted? One spelling of it, whether an operator registered it or a webhook names it."""

import re

_LONGEST = 32

# RFC 3966 writes "tel:"; Twilio puts the channel in front; "%2B" is a "+" that was escaped twice.
# https://www.twilio.com/docs/whatsapp/api
IN_FRONT = re.compile(r"\A(?:(?:tel:|sms:|rcs:|whatsapp:|%2B)\s*)+", re.IGNORECASE)


def short_code_of(written: str) -> str:
    """ "+1 (800) 555-1212" and "whatsapp:+18005551212" are one. Letters and digits alone, for it may become the id of a
    campaign; empty where there are none."""
    if written.isalnum() and len(written) <= _LONGEST:
        return written
    return "".join(filter(str.isalnum, IN_FRONT.sub("", written.strip())))[:_LONGEST]
