"""Where is a webhook URL pasted, and what proves that a webhook is real? docs/providers.md, in short. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from consent.model import Source
from receiver.codecs import basic, telnyx


def _no_key_of_telnyxs(secret: str) -> str:
    return "" if telnyx.is_key(secret) else "no public key of Telnyx's, which is 32 bytes in base64"


def _no_user_and_password(secret: str) -> str:
    return "" if basic.is_pair(secret) else "no user and password, which are written as user:password"


_PASSWORD = "a user and a password of your choice, written as user:password here"  # noqa: S105
_BY_PASSWORD = "a user and password"  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    name: str
    paste: str
    """Where, at the provider's."""
    secret: str
    """What to copy from there as the source's signature secret; empty where the provider does not sign."""
    unfit: Callable[[str], str] = lambda _: ""
    """What something is that cannot be that secret; empty where it can."""
    signature: str = ""
    """What it signs with, by its name; empty where that is the method chosen there."""
    has_method: bool = False
    """It signs by one of several methods."""
    signs_time: bool = False
    signs_url: bool = False
    """Then receiver.public_url has to be what the URL begins with there."""
    suffix: str = ""
    """Belongs behind the URL."""
    careful: str = ""
    """What goes wrong most easily."""


PROVIDERS = {
    "nexmo": Provider(
        name="Nexmo / Vonage, SMS API",
        paste="In the API settings: choose the SMS API, and paste it as the inbound SMS webhook. Paste it as the "
        "delivery receipt webhook too if your systems want message.status events. Any HTTP method will do.",
        secret="the signature secret of the API settings, with its method",  # noqa: S106 - what to look for, no secret
        has_method=True,
        signs_time=True,
        careful="A refused signature is not sent again: when the secret changes there, change it here at once.",
    ),
    "vonage-messages": Provider(
        name="Vonage, Messages API",
        paste="In the application: switch the Messages capability on, and paste it as the inbound URL, and as the "
        "status URL too if your systems want message.status events. In the API settings choose the Messages API for "
        "SMS.",
        secret="the signature secret of the API settings",  # noqa: S106
        signature="a bearer token (JWT)",
        signs_time=True,
        careful="Otherwise inbound texts go to the SMS webhook of the account.",
    ),
    "twilio": Provider(
        name="Twilio, Programmable Messaging",
        paste="At the number or at the Messaging Service: paste it as “A message comes in”, HTTP POST, with all that "
        "stands behind it. Use it as the status callback too if your systems want message.status events.",
        secret="the auth token of the account, or of the subaccount that has the number",  # noqa: S106
        signature="X-Twilio-Signature",
        signs_url=True,
        suffix="#rc=5&rp=all",
        careful="Without #rc=5&rp=all a STOP is easily lost: Twilio would try only once more, and only if it could not "
        "connect.",
    ),
    "plivo": Provider(
        name="Plivo",
        paste="In the application of the number: paste it as the message URL, method POST. For message.status events, "
        "send messages with it as their url.",
        secret="the auth token of the account, or of the subaccount that has the number",  # noqa: S106
        signature="X-Plivo-Signature",
        signs_url=True,
    ),
    "sinch": Provider(
        name="Sinch, SMS API",
        paste="At the service plan: paste it as the callback URL. It gets inbound messages, and delivery reports for "
        "batches that ask for them.",
        secret="the webhook secret of the service plan; your account manager has it set",  # noqa: S106
        signature="x-sinch-webhook-signature",
        signs_time=True,
        careful="A refused webhook is not sent again.",
    ),
    "telnyx": Provider(
        name="Telnyx, Messaging",
        paste="At the messaging profile: paste it as the webhook URL. Its numbers' messages come there, and the "
        "statuses of what is sent with the profile.",
        secret="the public key of the account, under Keys & Credentials",  # noqa: S106
        unfit=_no_key_of_telnyxs,
        signature="telnyx-signature-ed25519",
        signs_time=True,
        careful="Telnyx waits two seconds for an answer, tries three times, then the failover URL, and then no more.",
    ),
    "bandwidth": Provider(
        name="Bandwidth, Messaging",
        paste="In the messaging application: paste it as the inbound callback URL. Use it as the status callback URL "
        "too if your systems want message.status events.",
        secret=_PASSWORD,
        unfit=_no_user_and_password,
        signature=_BY_PASSWORD,
        careful="Bandwidth leaves opt-outs to you, but at toll-free numbers: nothing else stops the next text.",
    ),
    "infobip": Provider(
        name="Infobip, SMS and MMS",
        paste="In the inbound configuration of the number: forward to HTTP, and paste it as the URL, format MO_JSON_2. "
        "Delivery reports may come there too.",
        secret=_PASSWORD,
        unfit=_no_user_and_password,
        signature=_BY_PASSWORD,
    ),
    "aws": Provider(
        name="AWS End User Messaging",
        paste="Subscribe it, by HTTPS, to the SNS topic of the number's two-way messages, as "
        "https://USER:PASSWORD@… where there is a secret. SNS posts nothing until somebody has opened the address that "
        "the receiver then logs.",
        secret=_PASSWORD,
        unfit=_no_user_and_password,
        signature=_BY_PASSWORD,
        careful="Switch self-managed opt-outs on at the number: otherwise AWS keeps every STOP to itself, and none of "
        "them comes here. SNS tries three times within a minute, unless the subscription's delivery policy asks for "
        "more: give it one.",
    ),
    "skycore": Provider(
        name="Skycore, WXML 1.3",
        paste="Set it as the account's postback URL.",
        secret="",
        careful="Skycore does not sign, so the URL is the proof: keep it out of logs and tickets. Batches need "
        "receiver.max_body = 1048576.",
    ),
}


def provider(key: str) -> Provider:
    """Of a provider that this text does not know yet, too."""
    return PROVIDERS.get(key, Provider(name=key, paste="Paste it as the webhook URL for inbound texts.", secret=""))


def signed_by(source: Source) -> str | None:
    """What each of its webhooks has to show; None where whoever knows the URL is believed."""
    whose = provider(source.provider)
    if not source.signature_secret or not whose.secret:
        return None
    return source.signature_method if whose.has_method else whose.signature


def futile(source: Source) -> str:
    """Why its signature secret proves nothing; empty where it does, or there is none."""
    name, whose = f"{source.account}/{source.id}", provider(source.provider)
    if not source.signature_secret:
        return ""
    if unfit := whose.unfit(source.signature_secret):
        return f"{name}: its signature_secret is {unfit}: none of its webhooks is believed"
    if whose.secret:
        return ""
    return (
        f"{name}: {source.provider} signs nothing, so its signature_secret is not looked at: who knows the URL is "
        "believed"
    )
