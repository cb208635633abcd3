"""Sinch SMS: inbound messages and delivery reports, as JSON posts.

https://developers.sinch.com/docs/sms/api-reference/sms/tag/Webhooks/
"""

from collections.abc import Iterator

from consent.errors import ConsentError, Refused, TooLarge, Unverified
from consent.instants import stamp
from consent.model import Source, UnixMs
from receiver.codecs import document
from receiver.codecs.binary import from_base64, from_hex, is_of_a_text, readings, text_in
from receiver.codecs.codec import Reply, reply_by_status
from receiver.codecs.document import Document, inside, listed, text_of, texts, urls_in
from receiver.codecs.identity import digest_of
from receiver.codecs.mac import is_same, mac
from receiver.codecs.needed import needed, place, refuse_strangers
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextReceived
from receiver.signature import check_age

_SIGNATURE = "x-sinch-webhook-signature"
_ALGORITHM, _NONCE, _TIMESTAMP = f"{_SIGNATURE}-algorithm", f"{_SIGNATURE}-nonce", f"{_SIGNATURE}-timestamp"
HEADERS = (_SIGNATURE, _ALGORITHM, _NONCE, _TIMESTAMP)

_RETRY_AFTER_SECONDS = 5
"""The provider's own first wait: 5 s, doubling to 81,920 s. Only 429 and 5xx are sent again."""
_MOST_RECIPIENTS = 1000
"""In one batch, and so in its report."""
_MOST_MEDIA = 10
_KINDS = {"mo_text": "text", "mo_binary": "binary", "mo_media": "mms"}
_STRANGERS = {
    "app_id": "this is of the Conversation API: paste the URL as the callback URL of a service plan of the SMS API",
}
_OF_A_BATCH = frozenset({"delivery_report_sms", "delivery_report_mms"})
_OF_A_RECIPIENT = frozenset({"recipient_delivery_report_sms", "recipient_delivery_report_mms"})
_KEPT = {"id": "message_id", "udh": "udh", "client_reference": "client_reference"}


def verify(inbound: Inbound, source: Source, now: UnixMs) -> None:
    if not source.signature_secret or inbound.is_visit:
        return
    given, nonce, timestamp = (inbound.header(name) for name in (_SIGNATURE, _NONCE, _TIMESTAMP))
    if not given:
        raise Unverified(f"the request has no {_SIGNATURE}: ask Sinch to sign the callbacks of the service plan")
    if inbound.header(_ALGORITHM).lower() not in {"", "hmacsha256"}:
        raise Unverified("the request is signed in another way than HmacSHA256")
    check_age(timestamp, tolerance=source.tolerance, now=now)
    signed = b".".join((inbound.body, nonce.encode("utf-8", "replace"), timestamp.encode()))
    if not is_same(given, mac(signed, secret=source.signature_secret, algorithm="sha256")):
        raise Unverified("the signature does not match: check the signature secret")


def decode(inbound: Inbound) -> tuple[Report, ...]:
    """The body alone: no signature covers a query."""
    if inbound.is_visit:
        return ()
    told = document.read(inbound.body)
    said = texts(told)
    type_ = said.get("type", "")
    if type_ in _KINDS:
        return (_message(told, said, kind=_KINDS[type_]),)
    if type_ in _OF_A_RECIPIENT:
        return (_receipt(said),)
    if type_ in _OF_A_BATCH:
        return tuple(_receipts(told, said))
    refuse_strangers(said, _STRANGERS)
    raise Refused("the body is of no type that we know: neither a message (mo_…) nor a delivery report")


def reply(error: ConsentError | None) -> Reply:
    return reply_by_status(error, retry_after=_RETRY_AFTER_SECONDS)


def _message(told: Document, said: dict[str, str], *, kind: str) -> TextReceived:
    inner = inside(told, "body")
    text, subject = said.get("body", "") or text_of(inner.get("message")), text_of(inner.get("subject"))
    extra = {name: said.get(key, "") for key, name in _KEPT.items()}
    extra |= {"subject": subject, "media": urls_in(inner, "media", most=_MOST_MEDIA)}
    extra |= {"data": text} if kind == "binary" else {}
    data = _letters(said, text) if kind == "binary" else b""
    when = said.get("received_at") or said.get("sent_at", "")
    return TextReceived(
        identity=said.get("id") or digest_of((said.get("from", ""), said.get("to", ""), text, subject, when)),
        sender=needed(said, "from"),
        to=place(said, "to", text or subject),
        text=text_in(data) if kind == "binary" else text,
        occurred_at=stamp(when),
        kind=kind,
        besides=tuple(filter(None, (subject, *readings(data)))),
        extra={name: value for name, value in extra.items() if value},
    )


def _letters(said: dict[str, str], data: str) -> bytes:
    """Nothing where its user data header says that it is something else."""
    return from_base64(data) if is_of_a_text(from_hex(said.get("udh", ""))) else b""


def _receipt(said: dict[str, str]) -> ReceiptReported:
    recipient = needed(said, "recipient")
    return ReceiptReported(
        identity=_identity(said, recipient),
        recipient=recipient,
        occurred_at=stamp(said.get("at", "")),
        fields={name: text for name, text in said.items() if name != "recipient"},
    )


def _receipts(told: Document, said: dict[str, str]) -> Iterator[ReceiptReported]:
    """One for each recipient; a summary names none, and then there is nothing to pass on."""
    count = 0
    for status in listed(told, "statuses"):
        if not isinstance(status, dict):
            raise Refused("a status of the delivery report is no object")
        about = said | texts(status)
        for recipient in filter(None, map(text_of, listed(status, "recipients"))):
            count += 1
            if count > _MOST_RECIPIENTS:
                raise TooLarge(f"the delivery report names more than {_MOST_RECIPIENTS} recipients")
            yield ReceiptReported(
                identity=_identity(about, recipient), recipient=recipient, occurred_at=None, fields=about
            )


def _identity(said: dict[str, str], recipient: str) -> str:
    """One message gets several: queued, dispatched, delivered."""
    about = (said.get(name, "") for name in ("batch_id", "status", "code"))
    return f"dlr:{digest_of((recipient, *about))}"
