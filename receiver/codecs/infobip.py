"""Infobip: inbound SMS and MMS, and delivery reports, as JSON posts.

https://www.infobip.com/docs/api/channels/sms/inbound-sms/receive-inbound-sms-messages (MO_JSON_2)
https://www.infobip.com/docs/api/channels/mms (MO_MMS_2)
https://www.infobip.com/docs/api/platform/subscriptions-api/create-security-settings (BASIC)
"""

from consent.errors import ConsentError, Refused, TooLarge
from consent.instants import stamp
from consent.model import Source, UnixMs
from receiver.codecs import basic, document
from receiver.codecs.batch import reports_of
from receiver.codecs.codec import Reply
from receiver.codecs.document import Document, inside, listed, texts
from receiver.codecs.identity import digest_of
from receiver.codecs.needed import needed, place
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextReceived, Unreadable

HEADERS = basic.HEADERS

_RETRY_AFTER_SECONDS = 60
_MOST_RESULTS = 1000
_KEPT = {"messageId": "message_id", "keyword": "keyword", "callbackData": "callback_data"}


def verify(inbound: Inbound, source: Source, now: UnixMs) -> None:
    """Nothing is signed, nor is any time: that a request is not an old one again is for de-duplication to see."""
    basic.verify(inbound, source)


def decode(inbound: Inbound) -> tuple[Report | Unreadable, ...]:
    if inbound.is_visit:
        return ()
    results = [*listed(document.read(inbound.body), "results")]
    if not results:
        raise Refused("the body has no results: neither inbound messages nor delivery reports")
    if len(results) > _MOST_RESULTS:
        raise TooLarge(f"more than {_MOST_RESULTS} results in one body")
    return reports_of((result if isinstance(result, dict) else {} for result in results), _report)


def reply(error: ConsentError | None) -> Reply:
    return basic.reply(error, retry_after=_RETRY_AFTER_SECONDS)


def _report(result: Document) -> Report:
    """A delivery report is of a message that the company sent, and has a status; who sent it is not said."""
    said = texts(result)
    return _receipt(result, said) if inside(result, "status") else _message(said)


def _message(said: dict[str, str]) -> TextReceived:
    """`text` is all of it, `cleanText` what follows the keyword. The text of an MMS is its `message`."""
    text = said.get("text") or said.get("message") or f"{said.get('keyword', '')} {said.get('cleanText', '')}".strip()
    when = said.get("receivedAt", "")
    return TextReceived(
        identity=said.get("messageId") or digest_of((said.get("from", ""), said.get("to", ""), text, when)),
        sender=needed(said, "from"),
        to=place(said, "to", text),
        text=text,
        occurred_at=stamp(when),
        kind="mms" if "message" in said or "mmsCount" in said else "text",
        extra={name: said[key] for key, name in _KEPT.items() if key in said},
    )


def _receipt(result: Document, said: dict[str, str]) -> ReceiptReported:
    """One message gets several: pending, delivered, seen."""
    recipient = needed(said, "to")
    about = {
        f"{part}.{name}": text for part in ("status", "error") for name, text in texts(inside(result, part)).items()
    }
    named = (recipient, said.get("messageId", ""), about.get("status.id", ""), about.get("status.name", ""))
    return ReceiptReported(
        identity=f"dlr:{digest_of(named)}",
        recipient=recipient,
        occurred_at=stamp(said.get("doneAt", "")),
        fields={name: text for name, text in said.items() if name != "to"} | about,
    )
