"""AWS End User Messaging: inbound texts and message statuses, which it publishes to topics of Amazon SNS.

https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html
https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html
https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html
https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html

SNS signs with a key whose certificate one would have to fetch from it. The receiver asks nobody anything, so what
proves a request is the user and password in the URL that was subscribed.
https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
"""

import re

from consent.errors import ConsentError, Refused
from consent.instants import stamp, stamp_of_ms
from consent.model import Source, UnixMs
from receiver.codecs import basic, document
from receiver.codecs.codec import Reply
from receiver.codecs.document import Document, texts
from receiver.codecs.identity import digest_of
from receiver.codecs.needed import needed, place
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextReceived

HEADERS = basic.HEADERS

_RETRY_AFTER_SECONDS = 20
"""Three more attempts, 20 seconds apart, unless the subscription's delivery policy asks for more.
https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html"""
_OF_A_SUBSCRIPTION = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
_AT_SNS = re.compile(r"https://sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/[^\s<>\"]*")
_KEPT = {"inboundMessageId": "message_id", "messageKeyword": "keyword", "previousPublishedMessageId": "in_reply_to"}


class Unconfirmed(Refused):
    """SNS asks whether it may post here: open the address that the message names, in a browser."""

    reason = "unconfirmed"


def verify(inbound: Inbound, source: Source, now: UnixMs) -> None:
    basic.verify(inbound, source)


def decode(inbound: Inbound) -> tuple[Report, ...]:
    if inbound.is_visit:
        return ()
    envelope = document.read(inbound.body)
    said = texts(envelope)
    if said.get("Type") in _OF_A_SUBSCRIPTION:
        raise Unconfirmed(_what_to_open(said))
    return (_report(_published(envelope, said), said),)


def reply(error: ConsentError | None) -> Reply:
    return basic.reply(error, retry_after=_RETRY_AFTER_SECONDS)


def _what_to_open(said: dict[str, str]) -> str:
    """Only what leads to SNS: whoever knows the URL could write any address here."""
    topic, address = said.get("TopicArn", "").rpartition(":")[2], said.get("SubscribeURL", "")
    if not _AT_SNS.fullmatch(address):
        return "a subscription was made or ended, by an address that does not lead to SNS: look at its topic there"
    if said["Type"] == "UnsubscribeConfirmation":
        return f"SNS posts nothing of its topic {topic} here any more; if that is a mistake, open {_kept(address)}"
    return f"SNS posts nothing of its topic {topic} here until somebody opens, within three days, {_kept(address)}"


def _kept(address: str) -> str:
    """Written so that a log does not take the number of the AWS account in it for a phone's, and mask it."""
    path, _, query = address.partition("?")
    return f"{path}?{query.replace(':', '%3A')}"


def _published(envelope: Document, said: dict[str, str]) -> Document:
    """What was published: in an envelope, or alone where the subscription has raw message delivery."""
    return document.read(said["Message"].encode()) if "Message" in said else envelope


def _report(published: Document, envelope: dict[str, str]) -> Report:
    said = texts(published)
    if "originationNumber" in said or "inboundMessageId" in said:
        return _message(said, envelope)
    if "eventType" in said and "destinationPhoneNumber" in said:
        return _receipt(said)
    raise Refused("what was published is neither a text (originationNumber) nor a message's status (eventType)")


def _message(said: dict[str, str], envelope: dict[str, str]) -> TextReceived:
    """Only the envelope says when: raw delivery does not."""
    given = {"from": said.get("originationNumber", ""), "to": said.get("destinationNumber", "")}
    text, when = said.get("messageBody", ""), envelope.get("Timestamp", "")
    return TextReceived(
        identity=said.get("inboundMessageId") or envelope.get("MessageId") or digest_of((*given.values(), text, when)),
        sender=needed({"originationNumber": given["from"]}, "originationNumber"),
        to=place({"destinationNumber": given["to"]}, "destinationNumber", text),
        text=text,
        occurred_at=stamp(when),
        extra={name: said[key] for key, name in _KEPT.items() if key in said},
    )


def _receipt(said: dict[str, str]) -> ReceiptReported:
    """One message gets several: queued, sent, delivered."""
    recipient = needed(said, "destinationPhoneNumber")
    named = (recipient, said.get("messageId", ""), said["eventType"], said.get("eventTimestamp", ""))
    return ReceiptReported(
        identity=f"dlr:{digest_of(named)}",
        recipient=recipient,
        occurred_at=stamp_of_ms(said.get("eventTimestamp", "")),
        fields={name: text for name, text in said.items() if name != "destinationPhoneNumber"},
    )
