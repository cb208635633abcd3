"""What is to be recorded of a request? The change, and the texts that it asks somebody to send. Pure.

We send no texts. NOTIFY and CTA become `message.requested` events, for the system that does:

    confirm_opt_in        CTA: ask her, before `until`, to reply YES
    opt_in_confirmation   NOTIFY: tell her that she is subscribed; with CTA, once she has said YES
    opt_out_confirmation  NOTIFY: tell her that she is unsubscribed
"""

import json
from datetime import UTC, datetime

from consent.errors import Refused
from consent.model import (
    CONSENT_EVENT,
    AccountId,
    Actor,
    Attached,
    CampaignId,
    Change,
    Condition,
    EventType,
    Millis,
    Origin,
    Question,
    SourceId,
    Status,
    UnixMs,
    Via,
)
from consent.numbers import Recipient, recipient
from consent.ordering import deciding_time
from receiver.apis.wxml.errors import INVALID_NUMBER, Rejected
from receiver.apis.wxml.request import Request

_MOST_DIGITS = 18
"""Of one number: fifteen (https://www.itu.int/rec/T-REC-E.164), and three to dial out of a country."""
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def change_of(request: Request, account: AccountId, *, confirm_within: Millis, now: UnixMs) -> Change:
    """Without an identity: each call is an event of its own, and an opt-in that holds already is told again."""
    who = _recipient(request)
    status = _status(request)
    is_out = status is Status.OPTED_OUT
    question = _question(request, confirm_within, now) if status is Status.PENDING else None
    return Change(
        account=account,
        msisdn=who.msisdn,
        type=CONSENT_EVENT[status],
        campaigns=(CampaignId(request.campaign),),
        origin=_origin(request, status),
        occurred_at=now,
        decides_at=deciding_time(now, now, status=status),
        received_at=now,
        identities=(),
        status=status,
        condition=Condition.ALWAYS if is_out else Condition.UNLESS_SELF_STOPPED,
        question=question,
        is_odd=who.is_odd,
        detail=_evidence(request),
        attached=_texts(request, status, question),
    )


def _recipient(request: Request) -> Recipient:
    """An opt-out holds for whatever was written there, unless that is several numbers: it would hold for the first or
    for none, and the client not know. Nobody can be texted, or asked, at an odd number."""
    try:
        who = recipient(request.mobile)
    except Refused as exc:  # it has not one character that can be shown
        raise Rejected(INVALID_NUMBER) from exc
    if _is_several(request.mobile) or (who.is_odd and request.action == "subscribe"):
        raise Rejected(INVALID_NUMBER)
    return who


def _is_several(mobile: str) -> bool:
    return sum(map(str.isdecimal, mobile)) > _MOST_DIGITS and not any(map(str.isalpha, mobile))


def _status(request: Request) -> Status:
    if request.action == "unsubscribe":
        return Status.OPTED_OUT
    return Status.PENDING if request.asks_first else Status.OPTED_IN


def _origin(request: Request, status: Status) -> Origin:
    rule = f"{request.action}:cta" if status is Status.PENDING else request.action
    return Origin(actor=Actor.ACCOUNT, via=Via.API, source=SourceId("wxml"), provider="skycore", rule=rule)


def _question(request: Request, confirm_within: Millis, now: UnixMs) -> Question:
    return Question(until=UnixMs(now + confirm_within), promises_confirmation=request.notify)


def _evidence(request: Request) -> str:
    kept = {
        "data": dict(request.data),
        "data_cut": request.is_data_cut,
        "spid": request.spid,
        "timezone": request.timezone,
        "subscriber_ref": request.subscriber,
    }
    given = {name: value for name, value in kept.items() if value}
    return _COMPACT.encode(given) if given else ""


def _texts(request: Request, status: Status, question: Question | None) -> tuple[Attached, ...]:
    if question is not None:
        return (_requested("confirm_opt_in", request, until=_iso(question.until)),)
    if not request.notify:
        return ()
    if status is Status.OPTED_OUT:
        return (_requested("opt_out_confirmation", request, if_changed=True),)
    return (_requested("opt_in_confirmation", request),)


def _requested(what: str, request: Request, *, until: str = "", if_changed: bool = False) -> Attached:
    told = {"request": what, "until": until, "timezone": request.timezone, "spid": request.spid}
    given = {name: value for name, value in told.items() if value}
    return Attached(EventType.MESSAGE_REQUESTED, _COMPACT.encode(given), if_changed=if_changed)


def _iso(instant: UnixMs) -> str:
    return datetime.fromtimestamp(instant // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
