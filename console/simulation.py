"""What would a provider post? A webhook as it comes from outside, signed where the source asks for it. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode

from consent import postback
from consent.model import Campaign, Msisdn, Source, UnixMs
from consent.postback import Postback
from console.credentials import Random
from receiver import signature

Code = Literal["N301", "N302"]
"""She subscribed, she unsubscribed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    content_type: str
    body: bytes = field(repr=False)


def text(source: Source, msisdn: Msisdn, to: str, words: str, *, now: UnixMs, random: Random) -> Webhook:
    """An inbound SMS as Nexmo posts it.

    https://developer.vonage.com/en/messaging/sms/guides/inbound-sms
    """
    form = {
        "msisdn": msisdn,
        "to": to,
        "messageId": random(8).hex().upper(),
        "text": words,
        "type": "text",
        "keyword": next(iter(words.upper().split()), ""),
        "message-timestamp": f"{datetime.fromtimestamp(now / 1000, UTC):%Y-%m-%d %H:%M:%S}",
    }
    if source.signature_secret:
        form |= {"timestamp": str(now // 1000), "nonce": random(16).hex()}
        form["sig"] = signature.sign(form, secret=source.signature_secret, method=source.signature_method)
    return Webhook(content_type="application/x-www-form-urlencoded", body=urlencode(form).encode())


def notification(campaign: Campaign, msisdn: Msisdn, code: Code, *, now: UnixMs) -> Webhook:
    """A Skycore POSTBACK: somebody subscribed (N301) or unsubscribed (N302) by text."""
    told = Postback(
        code=code,
        msisdn=msisdn,
        campaign=campaign.id,
        timestamp=now,
        short_code=campaign.short_code,
        title=campaign.title,
        brand=campaign.brand,
        source="MO",
    )
    return Webhook(content_type="text/xml", body=postback.encode(told))
