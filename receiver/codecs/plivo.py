"""Plivo: incoming messages and message statuses, as form posts or as GET.

https://www.plivo.com/docs/messaging/api/message/handling-incoming
https://www.plivo.com/docs/messaging/concepts/signature-validation
"""

from collections.abc import Iterable, Mapping

from consent.errors import ConsentError, Unverified
from consent.instants import stamp
from consent.model import Source, UnixMs
from receiver.codecs.codec import Reply, reply_by_status
from receiver.codecs.form import pairs_of, query_of
from receiver.codecs.identity import digest_of
from receiver.codecs.mac import is_same, mac
from receiver.codecs.needed import needed, place, refuse_strangers
from receiver.inbound import Inbound
from receiver.reports import Hint, ReceiptReported, Report, TextReceived

# "Ma" is made with the token of the main account, the other with that of the account or subaccount that has the number.
_V3 = ("x-plivo-signature-v3", "x-plivo-signature-ma-v3")
_V3_NONCE = "x-plivo-signature-v3-nonce"
_V2 = ("x-plivo-signature-v2", "x-plivo-signature-ma-v2")
_V2_NONCE = "x-plivo-signature-v2-nonce"
HEADERS = (*_V3, _V3_NONCE, *_V2, _V2_NONCE)

_RETRY_AFTER_SECONDS = 60
"""All that is not 2xx within eight seconds is sent again, after 60, 120 and 240 s.
https://support.plivo.com/hc/en-us/articles/360041344652"""
_HINTS = {"optout": Hint.OPT_OUT, "optin": Hint.OPT_IN}
_STRANGERS = {
    "CallUUID": "this is of a call: paste the URL as the message URL of the Plivo application, not as its answer URL"
}
_MOST_MEDIA = 10
_TELLING = ("From", "To", "Text", "Body")


def verify(inbound: Inbound, source: Source, now: UnixMs) -> None:
    """No time is signed: that a request is not an old one again is for de-duplication to see."""
    if not source.signature_secret or inbound.is_visit:
        return
    given, signed = _signed_v3(inbound)
    if not given:  # only then: the second version does not cover what the request says
        given, signed = _signed_v2(inbound)
    if not given:
        raise Unverified("the request has no X-Plivo-Signature-V2 or -V3")
    if not inbound.url:
        raise Unverified("Plivo signs the webhook URL, and we do not know it: set receiver.public_url")
    expected = mac(signed.encode("utf-8", "replace"), secret=source.signature_secret, algorithm="sha256")
    if not any(is_same(one, expected) for one in given):
        raise Unverified(
            "the X-Plivo-Signature does not match: signature_secret must be the auth token of the account, and "
            "receiver.public_url what the webhook URL of its application begins with"
        )


def decode(inbound: Inbound) -> tuple[Report, ...]:
    if inbound.is_visit:
        return ()
    given = dict(pairs_of(inbound))
    if not given.get("MessageUUID"):
        refuse_strangers(given, _STRANGERS)
    if given.get("Status") and not _said(given):
        return (_receipt(given),)
    return (_text(given),)


def reply(error: ConsentError | None) -> Reply:
    return reply_by_status(error, retry_after=_RETRY_AFTER_SECONDS)


def _signed_v2(inbound: Inbound) -> tuple[list[str], str]:
    return _signatures(inbound, _V2), _base(inbound) + inbound.header(_V2_NONCE)


def _signed_v3(inbound: Inbound) -> tuple[list[str], str]:
    queried = "&".join(f"{name}={value}" for name, value in sorted(query_of(inbound)))
    posted = "" if inbound.is_said_in_query else "".join(map("".join, sorted(pairs_of(inbound))))
    said = ".".join(filter(None, (queried, posted)))
    return _signatures(inbound, _V3), f"{_base(inbound)}{'?' if said else ''}{said}.{inbound.header(_V3_NONCE)}"


def _signatures(inbound: Inbound, names: Iterable[str]) -> list[str]:
    """One header may hold several, separated by commas."""
    given = (one.strip() for name in names for one in inbound.header(name).split(","))
    return [one for one in given if one]


def _base(inbound: Inbound) -> str:
    return inbound.url.partition("?")[0]


def _text(given: Mapping[str, str]) -> TextReceived:
    named = given.get("MessageUUID", "")
    media = " ".join(filter(None, (given.get(f"Media{number}", "") for number in range(_MOST_MEDIA + 1))))
    intent, type_ = given.get("MessageIntent", "").strip().lower(), given.get("Type", "").lower()
    channel = type_ if type_ not in {"sms", "mms"} else ""
    extra = {"message_id": named, "message_intent": intent, "channel": channel, "media": media}
    return TextReceived(
        identity=named or digest_of(given.get(name, "") for name in _TELLING),
        sender=needed(given, "From"),
        to=place(given, "To", _said(given)),
        text=_said(given),
        occurred_at=None,
        kind="mms" if type_ == "mms" or media else "text",
        hint=_HINTS.get(intent, Hint.NONE),
        extra={name: value for name, value in extra.items() if value},
    )


def _said(given: Mapping[str, str]) -> str:
    """`Text` of an SMS, `Body` of a picture message."""
    return given.get("Text") or given.get("Body", "")


def _receipt(given: Mapping[str, str]) -> ReceiptReported:
    """`To` is the recipient here. One message gets several, one per status."""
    named = given.get("MessageUUID") or digest_of(sorted(f"{name}={value}" for name, value in given.items()))
    return ReceiptReported(
        identity=f"dlr:{named}:{given['Status']}",
        recipient=needed(given, "To"),
        occurred_at=stamp(given.get("DeliveryReportTime", "")),
        fields={name: value for name, value in given.items() if value and name != "To"},
    )
