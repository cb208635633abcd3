"""Vonage Messages API: inbound messages and message statuses, as signed JSON posts, in versions v0.1 and v1.

https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks
https://developer.vonage.com/en/api/messages-olympus (webhooks)

Not the SMS API of the same company, whose dialect is receiver/codecs/nexmo.py.
"""

import hashlib

from consent.errors import ConsentError, Unverified
from consent.instants import stamp
from consent.model import Source, UnixMs
from receiver.codecs import bearer, document
from receiver.codecs.codec import Reply, reply_by_status
from receiver.codecs.document import Document, inside, text_of, texts
from receiver.codecs.identity import digest_of
from receiver.codecs.mac import is_same
from receiver.codecs.needed import needed, place, refuse_strangers
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextReceived
from receiver.signature import check_age

HEADERS = ("authorization",)

_RETRY_AFTER_SECONDS = 5
"""The provider's own first wait: 5 s, doubling to 15 min, for 24 h. Only 429 and 5xx are sent again.
https://api.support.vonage.com/hc/en-us/articles/360028543292"""
_WITHOUT_NUMBERS = frozenset({"messenger", "instagram"})
"""Channels whose ids are digits and no phone numbers."""
_STRANGERS = {
    "msisdn": "this is of the SMS API: choose the Messages API in Vonage's API settings, or paste the URL of a source "
    "whose provider is nexmo",
    "conversation_uuid": "this is of a call: paste the URL as the inbound URL of Messages, not of Voice",
}
_MEDIA = ("image", "video", "audio", "file", "vcard")


class Unsigned(Unverified):
    """The request has no signature: the provider sends it again, signed. If all come so, switch signing on there."""

    # An internal error there may leave a callback unsigned, and the provider asks for a 5xx then, so that it is sent
    # again. Nobody is believed for it. https://developer.vonage.com/en/getting-started/concepts/webhooks
    status = 503
    retryable = True


def verify(inbound: Inbound, source: Source, now: UnixMs) -> None:
    if not source.signature_secret or inbound.is_visit:
        return
    token = bearer.token_in(inbound.header("authorization"))
    if not token:
        raise Unsigned("the request has no bearer token: Vonage shall send it again, signed")
    claimed = texts(bearer.claims(token, secret=source.signature_secret))
    missing = [name for name in ("iat", "api_key", "payload_hash") if not claimed.get(name)]
    if missing:
        raise Unverified(f"the bearer token does not claim {' and '.join(missing)}")
    check_age(claimed["iat"], tolerance=source.tolerance, now=now)
    # Of the bytes as they came: some published samples write the JSON anew first, and then only their own verifies.
    if not is_same(claimed["payload_hash"].lower(), hashlib.sha256(inbound.body).hexdigest().encode()):
        raise Unverified("the bearer token was made for another body")


def decode(inbound: Inbound) -> tuple[Report, ...]:
    """The body alone: no signature covers a query."""
    if inbound.is_visit:
        return ()
    told = document.read(inbound.body)
    said = texts(told)
    if not said.get("message_uuid"):
        refuse_strangers(said, _STRANGERS)
    if said.get("status") and not _texts_in(told):
        return (_receipt(told, said),)
    return (_message(told, said),)


def reply(error: ConsentError | None) -> Reply:
    return reply_by_status(error, retry_after=_RETRY_AFTER_SECONDS)


def _message(told: Document, said: dict[str, str]) -> TextReceived:
    numbers = {"from": _person(told, said, "from"), "to": _number(told, "to")}
    content = inside(told, "message", "content")
    type_ = said.get("message_type") or text_of(content.get("type"))
    keyword = text_of(inside(told, "sms").get("keyword"))
    extra = {
        "message_id": said.get("message_uuid"),
        "keyword": keyword,
        "channel": _channel(said),
        "media": _media(told),
    }
    text, *besides = _texts_in(told) or ("",)
    return TextReceived(
        identity=said.get("message_uuid") or digest_of((*numbers.values(), text, said.get("timestamp", ""))),
        sender=needed(numbers, "from"),
        to=place(numbers, "to", text),
        text=text,
        occurred_at=stamp(said.get("timestamp", "")),
        kind="mms" if type_ in _MEDIA else "text",
        besides=tuple(besides),
        extra={name: value for name, value in extra.items() if value},
    )


def _receipt(told: Document, said: dict[str, str]) -> ReceiptReported:
    """`to` is the recipient here too: of the message that the company sent. One message gets several statuses."""
    recipient = _person(told, said, "to")
    named = said.get("message_uuid") or digest_of((recipient, said.get("timestamp", "")))
    error = texts(inside(told, "error"))
    return ReceiptReported(
        identity=f"dlr:{named}:{said['status']}",
        recipient=needed({"to": recipient}, "to"),
        occurred_at=stamp(said.get("timestamp", "")),
        fields={name: text for name, text in said.items() if name != "to"}
        | {f"error.{name}": text for name, text in error.items()},
    )


def _person(told: Document, said: dict[str, str], name: str) -> str:
    """With the channel in front where it knows no numbers: digits alone would be taken for somebody's."""
    number = _number(told, name)
    channel = said.get("channel") or text_of(inside(told, name).get("type"))
    return f"{channel}:{number}" if number and channel in _WITHOUT_NUMBERS else number


def _number(told: Document, name: str) -> str:
    """A string in v1; in v0.1 an object with a type and a number (or an id, for other channels than SMS)."""
    party = inside(told, name)
    return text_of(told.get(name)) or text_of(party.get("number")) or text_of(party.get("id"))


def _texts_in(told: Document) -> tuple[str, ...]:
    """Typed, below a picture too, or the words on the button or in the list that she tapped: to her, "STOP" there is a
    STOP. The keyword is the first word of an SMS, for where the others are not there."""
    content = inside(told, "message", "content")
    given = (
        told.get("text"),
        inside(told, "button").get("text"),
        inside(told, "reply").get("title"),
        content.get("text"),
        *(inside(said, kind).get("caption") for said in (told, content) for kind in _MEDIA),
    )
    return tuple(filter(None, map(text_of, given))) or tuple(
        filter(None, [text_of(inside(told, "sms").get("keyword"))])
    )


def _channel(said: dict[str, str]) -> str:
    channel = said.get("channel", "")
    return "" if channel == "sms" else channel


def _media(told: Document) -> str:
    """In v0.1 inside the message, like its text."""
    places = [inside(said, kind) for said in (told, inside(told, "message", "content")) for kind in _MEDIA]
    return next((url for place in places if (url := text_of(place.get("url")))), "")
