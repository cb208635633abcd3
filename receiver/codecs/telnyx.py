"""Telnyx: inbound messages and message statuses, as JSON posts.

https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks
https://developers.telnyx.com/docs/messaging/messages/advanced-opt-in-out
"""

from collections.abc import Iterator
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consent.errors import ConsentError, Refused, TooLarge, Unverified
from consent.instants import stamp
from consent.model import Source, UnixMs
from receiver.codecs import document
from receiver.codecs.binary import from_base64
from receiver.codecs.codec import Reply, reply_by_status
from receiver.codecs.document import Document, inside, listed, text_of, texts, urls_in
from receiver.codecs.identity import digest_of
from receiver.codecs.needed import needed, place, refuse_strangers
from receiver.inbound import Inbound
from receiver.reports import Hint, ReceiptReported, Report, TextReceived
from receiver.signature import check_age

_SIGNATURE, _TIMESTAMP = "telnyx-signature-ed25519", "telnyx-timestamp"
HEADERS = (_SIGNATURE, _TIMESTAMP)

_RETRY_AFTER_SECONDS = 1
"""Three attempts at each URL, the failover URL last; anything but 2xx within two seconds is a failure."""
_MOST_RECIPIENTS, _MOST_MEDIA = 100, 10
_KEY_BYTES = 32
_STRANGERS = {"sms_id": "this is of version 1: choose API version 2 for the webhooks of the messaging profile"}
_STATUSES = frozenset({"message.sent", "message.finalized"})
_HINTS = {"STOP": Hint.OPT_OUT, "START": Hint.OPT_IN}


def verify(inbound: Inbound, source: Source, now: UnixMs) -> None:
    """`signature_secret` is the account's public key, which is no secret, but proves as much."""
    if not source.signature_secret or inbound.is_visit:
        return
    given, timestamp = inbound.header(_SIGNATURE), inbound.header(_TIMESTAMP)
    if not given:
        raise Unverified(f"the request has no {_SIGNATURE}")
    check_age(timestamp, tolerance=source.tolerance, now=now)
    try:
        _key(source.signature_secret).verify(from_base64(given), timestamp.encode() + b"|" + inbound.body)
    except InvalidSignature:
        raise Unverified(
            f"the {_SIGNATURE} does not match: signature_secret must be the public key of the account"
        ) from None


def decode(inbound: Inbound) -> tuple[Report, ...]:
    """The body alone: no signature covers a query."""
    if inbound.is_visit:
        return ()
    told = document.read(inbound.body)
    event = inside(told, "data")
    type_, payload = text_of(event.get("event_type")), inside(event, "payload")
    if type_ == "message.received":
        return tuple([_message(event, payload, to) for to in _ours(payload)])
    if type_ in _STATUSES:
        return tuple(_receipts(type_, event, payload))
    refuse_strangers(told, _STRANGERS)
    raise Refused("the body is of no type that we know: neither message.received nor a message's status")


def reply(error: ConsentError | None) -> Reply:
    return reply_by_status(error, retry_after=_RETRY_AFTER_SECONDS)


def is_key(written: str) -> bool:
    """Whether it could be an account's public key."""
    return len(from_base64(written)) == _KEY_BYTES


@lru_cache(maxsize=256)
def _key(public: str) -> Ed25519PublicKey:
    if not is_key(public):
        raise Unverified("signature_secret is no public key of Telnyx's: 32 bytes in base64")
    return Ed25519PublicKey.from_public_bytes(from_base64(public))


def _ours(payload: Document) -> tuple[str, ...]:
    """Which of the numbers that it was sent to are the account's: a message to a group names others too, and Telnyx
    says for whom it calls a webhook. Where it does not say, all of them; an empty one where it names none."""
    named = [each for each in listed(payload, "to") if isinstance(each, dict)]
    if len(named) > _MOST_RECIPIENTS:
        raise TooLarge(f"the message names more than {_MOST_RECIPIENTS} recipients")
    called = [each for each in named if text_of(each.get("status")).startswith("webhook_")]
    return tuple(dict.fromkeys(text_of(each.get("phone_number")) for each in called or named)) or ("",)


def _message(event: Document, payload: Document, to: str) -> TextReceived:
    said = texts(payload)
    # Some of Telnyx's own examples have the number itself where the others have an object.
    given = {"from": said.get("from") or text_of(inside(payload, "from").get("phone_number")), "to": to}
    text, subject = said.get("text", ""), said.get("subject", "")
    when = said.get("received_at") or text_of(event.get("occurred_at"))
    hinted = said.get("autoresponse_type", "")
    extra = {
        "message_id": said.get("id", ""),
        "subject": subject,
        "opt_out_type": hinted,
        "media": urls_in(payload, "media", most=_MOST_MEDIA),
    }
    return TextReceived(
        identity=said.get("id") or digest_of((given["from"], to, text, subject, when)),
        sender=needed(given, "from"),
        to=place(given, "to", text or subject),
        text=text,
        occurred_at=stamp(when),
        kind="mms" if said.get("type") == "MMS" else "text",
        hint=_HINTS.get(hinted.strip().upper(), Hint.NONE),
        besides=(subject,) if subject else (),
        extra={name: value for name, value in extra.items() if value},
    )


def _receipts(type_: str, event: Document, payload: Document) -> Iterator[ReceiptReported]:
    """One for each recipient: a message to a group has several."""
    about = texts(payload) | {"event_type": type_}
    when = text_of(event.get("occurred_at"))
    for count, each in enumerate(listed(payload, "to"), start=1):
        if not isinstance(each, dict):
            raise Refused("a recipient of the message is no object")
        if count > _MOST_RECIPIENTS:
            raise TooLarge(f"the status names more than {_MOST_RECIPIENTS} recipients")
        told = about | texts(each)
        recipient = needed(told, "phone_number")
        named = (recipient, about.get("id", ""), type_, told.get("status", ""))
        yield ReceiptReported(
            identity=f"dlr:{digest_of(named)}",
            recipient=recipient,
            occurred_at=stamp(when),
            fields={name: text for name, text in told.items() if name != "phone_number"},
        )
