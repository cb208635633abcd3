"""Nexmo / Vonage SMS API: inbound texts and delivery receipts, as GET, form POST or JSON POST.

https://developer.vonage.com/en/messaging/sms/guides/inbound-sms
https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts

A blank parameter is held for an absent one throughout: receiver/signature.py relies on it.
"""

from collections.abc import Mapping

from consent.errors import ConsentError
from consent.instants import stamp
from consent.model import Source, UnixMs
from receiver import fields, signature
from receiver.codecs.binary import from_hex, is_of_a_text, readings, text_in
from receiver.codecs.codec import Reply, reply_by_status
from receiver.codecs.identity import digest_of
from receiver.codecs.needed import needed, place
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextPart, TextReceived

HEADERS = ()

_RETRY_AFTER_SECONDS = 5
"""The provider's own first wait: 5 s, doubling to 15 min, for 24 h. Only 429 and 5xx are sent again.
https://api.support.vonage.com/hc/en-us/articles/360028543292"""
_MOST_PARTS = 255
"""The user data header counts parts in one byte."""
_KEPT = {"messageId": "message_id", "keyword": "keyword", "data": "data", "udh": "udh"}
"""Parameter -> its name in `TextReceived.extra`: what two-way texting may need besides the text."""
_TELLING = ("msisdn", "to", "text", "data", "udh", "message-timestamp")
"""What tells one message from another where there is no messageId."""
_STRANGERS = {
    "message_uuid": "this is of the Messages API: choose the SMS API in Vonage's API settings, or paste the URL of a "
    "source whose provider is vonage-messages",
    "conversation_uuid": "this is of a call: paste the URL as the inbound SMS webhook, not as one of the Voice API",
}
_NOT_OF_THE_RECEIPT = frozenset({"sig", "nonce", "timestamp", "api-key", "msisdn"})


def verify(inbound: Inbound, source: Source, now: UnixMs) -> None:
    if not source.signature_secret or inbound.is_visit:
        return
    signature.verify(
        fields.of(inbound),
        secret=source.signature_secret,
        method=source.signature_method,
        tolerance=source.tolerance,
        now=now,
    )


def decode(inbound: Inbound) -> tuple[Report, ...]:
    if inbound.is_visit:
        return ()
    given = fields.of(inbound)
    if not all(map(str.strip, given.values())):
        given = {name: value for name, value in given.items() if value.strip()}
    if given.get("status") and given.get("messageId") and not given.get("text"):
        return (_receipt(given),)
    return (_part(given) if _is_part(given) else _text(given),)


def reply(error: ConsentError | None) -> Reply:
    return reply_by_status(error, retry_after=_RETRY_AFTER_SECONDS)


def _text(given: Mapping[str, str]) -> TextReceived:
    is_binary = given.get("type") == "binary" or bool(given.get("data") or given.get("udh"))
    data = _letters(given) if is_binary else b""
    text = given.get("text") or (text_in(data) if is_binary else given.get("keyword", ""))
    return TextReceived(
        identity=_identity(given),
        sender=needed(given, "msisdn", strangers=_STRANGERS),
        to=place(given, "to", text),
        text=text,
        occurred_at=stamp(given.get("message-timestamp", "")),
        kind="binary" if is_binary else "text",
        besides=readings(data) if data else (),
        extra={name: given[key] for key, name in _KEPT.items() if given.get(key)},
    )


def _letters(given: Mapping[str, str]) -> bytes:
    """Nothing where its user data header says that it is something else."""
    return from_hex(given.get("data", "")) if is_of_a_text(from_hex(given.get("udh", ""))) else b""


def _part(given: Mapping[str, str]) -> TextPart:
    return TextPart(
        identity=_identity(given),
        sender=needed(given, "msisdn"),
        to=given.get("to", "").strip(),
        text=given["text"],
        occurred_at=stamp(given.get("message-timestamp", "")),
        reference=given.get("concat-ref", ""),
        number=int(given["concat-part"]),
        total=int(given["concat-total"]),
    )


def _is_part(given: Mapping[str, str]) -> bool:
    """Binary parts are passed on one by one: whoever reads their data reads their user data header as well."""
    if given.get("concat") != "true" or not given.get("text") or given.get("data"):
        return False
    total, number = _count(given.get("concat-total", "")), _count(given.get("concat-part", ""))
    return 1 < total <= _MOST_PARTS and 1 <= number <= total


def _count(digits: str) -> int:
    """0 for what is no count, so that a damaged part is at least judged alone."""
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 3 else 0


def _receipt(given: Mapping[str, str]) -> ReceiptReported:
    """Here `msisdn` is the recipient, and `to` the sender. One message gets several, one per status."""
    return ReceiptReported(
        identity=f"dlr:{given['messageId']}:{given['status']}",
        recipient=needed(given, "msisdn"),
        occurred_at=stamp(given.get("message-timestamp", "")),
        fields={name: value for name, value in given.items() if value and name not in _NOT_OF_THE_RECEIPT},
    )


def _identity(given: Mapping[str, str]) -> str:
    """The same however often the provider sends the message: it repeats for 24 h what it got no good answer to."""
    named = given.get("messageId") or digest_of(given.get(name, "") for name in _TELLING)
    part = given.get("concat-part")
    return f"{named}:{part}" if part else named
