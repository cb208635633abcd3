"""Bandwidth: inbound messages and message statuses of its messaging API, version 2, as JSON posts.

https://dev.bandwidth.com/docs/messaging/webhooks
https://dev.bandwidth.com/docs/account/applications (InboundCallbackCreds)
"""

from consent.errors import ConsentError, Refused
from consent.instants import stamp
from consent.model import Source, UnixMs
from receiver.codecs import basic, document
from receiver.codecs.batch import reports_of
from receiver.codecs.codec import Reply
from receiver.codecs.document import Document, inside, text_of, texts, urls_in
from receiver.codecs.identity import digest_of
from receiver.codecs.needed import needed, place
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextReceived, Unreadable

HEADERS = basic.HEADERS

_RETRY_AFTER_SECONDS = 5
"""Sent again until it is answered with 2xx within ten seconds, for 24 hours."""
_MOST_EVENTS, _MOST_MEDIA = 300, 10
_INBOUND = "in"
_OF_A_MESSAGE = "message-"
"""message-received, and message-sending, -delivered, -failed and the like of a message that was sent."""


def verify(inbound: Inbound, source: Source, now: UnixMs) -> None:
    """Nothing is signed, nor is any time: that a request is not an old one again is for de-duplication to see."""
    basic.verify(inbound, source)


def decode(inbound: Inbound) -> tuple[Report | Unreadable, ...]:
    if inbound.is_visit:
        return ()
    return reports_of(document.read_all(inbound.body, most=_MOST_EVENTS), _report)


def reply(error: ConsentError | None) -> Reply:
    return basic.reply(error, retry_after=_RETRY_AFTER_SECONDS)


def _report(event: Document) -> Report:
    told, message = texts(event), inside(event, "message")
    type_ = told.get("type", "")
    if type_ == "message-received" or text_of(message.get("direction")) == _INBOUND:
        return _message(told, message)
    if type_.startswith(_OF_A_MESSAGE):
        return _receipt(told, texts(message))
    raise Refused("an event is of no type that we know: neither a message nor a message's status (message-…)")


def _message(told: dict[str, str], message: Document) -> TextReceived:
    """A group's comes once for each number of ours in it, with that one as the event's own `to`."""
    said = texts(message)
    to = told.get("to") or said.get("owner", "")
    # The words on the button that she tapped: to her, "STOP" there is a STOP.
    text = said.get("text") or text_of(inside(message, "suggestionResponse").get("text"))
    when = said.get("time") or told.get("time", "")
    extra = {"message_id": said.get("id", ""), "media": urls_in(message, "media", most=_MOST_MEDIA)}
    return TextReceived(
        identity=said.get("id") or digest_of((said.get("from", ""), to, text, when)),
        sender=needed(said, "from"),
        to=place({"to": to}, "to", text),
        text=text,
        occurred_at=stamp(when),
        kind="mms" if extra["media"] else "text",
        extra={name: value for name, value in extra.items() if value},
    )


def _receipt(told: dict[str, str], said: dict[str, str]) -> ReceiptReported:
    """One message gets several statuses, and one to a group several of each."""
    recipient = needed(told, "to")
    named = (recipient, said.get("id", ""), told["type"], told.get("errorCode", ""))
    about = {f"message.{name}": said[name] for name in ("id", "from", "applicationId", "tag") if name in said}
    return ReceiptReported(
        identity=f"dlr:{digest_of(named)}",
        recipient=recipient,
        occurred_at=stamp(told.get("time", "")),
        fields={name: text for name, text in told.items() if name != "to"} | about,
    )
