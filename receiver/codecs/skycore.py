"""Skycore WXML 1.3 postbacks: subscriptions the provider has decided on, texts, and what became of messages.

https://github.com/SkycoreMobile/API (1.3/CONTENTS/POSTBACKS); how the XML is read is consent/postback.py's matter.
No content type or field name was ever documented, so raw XML under any type will do, as will a field `xml` or `XML`.
"""

import re

from consent import postback
from consent.errors import ConsentError, Refused
from consent.model import Actor, CampaignId, Source, Status, UnixMs, Via
from consent.postback import Other, Postback
from receiver import fields
from receiver.codecs.codec import Reply, reply_by_status
from receiver.codecs.identity import digest_of
from receiver.inbound import Inbound
from receiver.reports import ConsentReported, ReceiptReported, Report, TextReceived, Unreadable

HEADERS = ()

_RETRY_AFTER_SECONDS = 300
"""All that is not 200 is sent again, five times, five minutes apart."""

_STATUS = {"N301": Status.OPTED_IN, "N302": Status.OPTED_OUT}
_DECIDED_BY = {
    "MO": (Actor.RECIPIENT, Via.MO),
    "WEB": (Actor.RECIPIENT, Via.WEB),  # her own click on a landing page
    "API": (Actor.ACCOUNT, Via.API),
    "MANAGER": (Actor.OPERATOR, Via.MANAGER),
    "IMPORTED AS UNSUBSCRIBED": (Actor.IMPORT, Via.IMPORTED),
}
# Postbacks before 2014-07 have no SOURCE. In doubt an opt-out is her own, which protects her, and an opt-in is not.
_PRESUMED = {
    Status.OPTED_OUT: (Actor.RECIPIENT, Via.MO),
    Status.OPTED_IN: (Actor.ACCOUNT, Via.API),
}
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
"""As somebody escaped it who had made a page of the text."""
_TEXT_KINDS = {"N211": "text", "N401": "mms"}
# Sinch's MMS service, a younger relative, calls the subject <message-subject>.
# https://developers.sinch.com/docs/mms/mms-mo-postbacks
_SUBJECTS = ("SUBJECT", "MESSAGESUBJECT")
_READ = frozenset({"TEXT", *_SUBJECTS})
_DIGITS = "0123456789"
"""Behind the name of an element that was there before."""
_KEPT = {"TRANSACTIONID": "message_id", "TRACKINGID": "message_id", "KEYWORD": "keyword"} | dict.fromkeys(
    _SUBJECTS, "subject"
)


def verify(inbound: Inbound, source: Source, now: UnixMs) -> None:
    """Postbacks are not signed: who knows the token of the URL is believed."""


def decode(inbound: Inbound) -> tuple[Report | Unreadable, ...]:
    if inbound.is_visit:
        return ()
    document = fields.xml_of(inbound)
    if document is None:
        raise Refused("the request holds no XML, neither as its body nor in a field named xml")
    return tuple([report for told in postback.decode(document) if (report := _report(told)) is not None])


def reply(error: ConsentError | None) -> Reply:
    return reply_by_status(error, retry_after=_RETRY_AFTER_SECONDS)


def _report(told: Postback | Other | postback.Unreadable) -> Report | Unreadable | None:
    """None for what concerns no phone number (passes, e-mail, encoding): to refuse it would only have it repeated."""
    match told:
        case Postback():
            return _consent(told)
        case postback.Unreadable(reason=reason):
            return Unreadable(reason)
        case Other(code=code) if code in _TEXT_KINDS:
            return _text(told)
        case Other():
            return _receipt(told)


def _consent(told: Postback) -> ConsentReported:
    status = _STATUS[told.code]
    actor, via = _DECIDED_BY.get(told.source.strip().upper(), _PRESUMED[status])
    return ConsentReported(
        identity=digest_of(postback.telling(told)),
        msisdn=told.msisdn,
        status=status,
        campaign=CampaignId(told.campaign),
        actor=actor,
        via=via,
        occurred_at=told.timestamp,
        keyword="",
        short_code=told.short_code,
        title=told.title,
        brand=told.brand,
    )


def _text(told: Other) -> TextReceived | None:
    said = told.fields
    if not said.get("FROM"):
        return None
    named = said.get("TRANSACTIONID") or said.get("TRACKINGID")
    return TextReceived(
        identity=f"mo:{named}" if named else _digest(told),
        sender=said["FROM"],
        to=said.get("TO", ""),  # a STOP is one wherever it went, and to refuse it would refuse its whole batch
        text=_LINE_BREAK.sub("\n", said.get("TEXT") or said.get("KEYWORD", "")),
        occurred_at=postback.when(said, "RECEIVED", "TIMESTAMP"),
        kind=_TEXT_KINDS[told.code],
        besides=tuple([text for tag, text in said.items() if text and tag.rstrip(_DIGITS) in _READ and tag != "TEXT"]),
        extra={name: said[tag] for tag, name in _KEPT.items() if said.get(tag)},
    )


def _receipt(told: Other) -> ReceiptReported | None:
    """One message gets several: sent, delivered, failed. Nothing but the whole of it tells one from another."""
    recipient = told.fields.get("TO")
    if not recipient:
        return None
    return ReceiptReported(
        identity=_digest(told),
        recipient=recipient,
        occurred_at=postback.when(told.fields, "TIMESTAMP"),
        fields={"CODE": told.code, **{tag: value for tag, value in told.fields.items() if value and tag != "TO"}},
    )


def _digest(told: Other) -> str:
    return digest_of((told.origin, told.code, *(f"{tag}={value}" for tag, value in sorted(told.fields.items()))))
