"""What would a provider post? A webhook as it comes from outside, signed where the source asks for it. Pure."""

from typing import Literal

from consent import postback
from consent.model import Campaign, Msisdn, Source, UnixMs
from consent.postback import Postback
from console.credentials import Random
from console.dialects import TEXTS, Said, Webhook
from console.providers import provider
from console.refusals import Unfit

Code = Literal["N301", "N302"]
"""She subscribed, she unsubscribed."""


def is_possible(source: Source) -> bool:
    """Whether a text can be simulated through it."""
    return source.provider in TEXTS and not _takes_a_key_of_telnyxs(source)


def text(source: Source, msisdn: Msisdn, to: str, words: str, *, url: str, now: UnixMs, random: Random) -> Webhook:
    """An inbound SMS. `url`: the webhook URL as the provider was told it, for those that sign it; empty where the
    receiver does not know it. Unfit where the receiver would not believe anything that can be made here."""
    if source.provider not in TEXTS:
        raise Unfit(f"{source.provider} posts what it made of a text: `consent-relay simulate postback` does that")
    if _takes_a_key_of_telnyxs(source):
        raise Unfit("nobody but Telnyx can sign as it does: text the number, or take a source without signature_secret")
    if source.signature_secret and not url and provider(source.provider).signs_url:
        raise Unfit(f"{source.provider} signs the webhook URL, and we do not know it: set receiver.public_url")
    said = Said(
        sender=msisdn,
        to=to,
        text=words,
        id=random(16).hex(),
        nonce=random(16).hex(),
        at=now,
        url=url,
        secret=source.signature_secret,
        method=source.signature_method,
    )
    return TEXTS[source.provider](said)


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


def _takes_a_key_of_telnyxs(source: Source) -> bool:
    return source.provider == "telnyx" and bool(source.signature_secret)
