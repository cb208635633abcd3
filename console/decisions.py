"""How does an operator decide for a number? With a reason, on the record like any other change, and told to endpoints.

Who stopped herself is opted in again only by somebody who says that he overrules that; a number that nobody can text is
never opted in.
"""

import json
from dataclasses import dataclass, field

from config.masking import without_numbers
from consent.errors import StoreUnavailable
from consent.ledger import Ledger
from consent.model import (
    CONSENT_EVENT,
    Actor,
    Campaign,
    Change,
    Condition,
    Declined,
    Origin,
    Recorded,
    SourceId,
    Status,
    UnixMs,
    Via,
)
from consent.numbers import Recipient, recipient
from consent.ordering import deciding_time
from console.desk import Desk
from console.eventlines import shown
from console.lookup import account_meant, campaign_meant
from console.refusals import SelfStopped, Taken, Unfit

LONGEST_REASON = 500
_MAY_BE = frozenset({Status.OPTED_IN, Status.OPTED_OUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    number: str = field(repr=False)
    account: str | None = None
    campaign: str | None = None
    """None: the only one there is."""
    status: Status
    reason: str
    overrules: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    event_id: str
    account: str
    campaign: str
    msisdn: str
    odd: bool
    """No number with its country code: recorded as it is."""
    status: str
    previous: str
    changed: bool


async def decide(desk: Desk, wish: Wish, *, now: UnixMs) -> Decided:
    reason, who = wish.reason.strip(), recipient(wish.number)
    _ensure_fit(wish.status, reason, who)
    async with desk.writing() as store:
        directory, ledger = await desk.registry(store).directory(), Ledger(store)
        campaign = campaign_meant(directory, account_meant(directory, wish.account).id, wish.campaign)
        outcome = await ledger.apply(_change(wish, campaign, who, now))
        if isinstance(outcome, Declined):
            raise SelfStopped("she stopped herself: if she asked to be opted in again, overrule it")
        if not isinstance(outcome, Recorded) or outcome.superseded:
            raise Taken("something newer has decided already: is the clock of this machine right?")
        event = await ledger.event(outcome.events[0])
        if event is None:
            raise StoreUnavailable(f"{outcome.events[0]} was recorded, and cannot be read")
        where, told = f"{campaign.account}/{campaign.id}", without_numbers(reason)
        await desk.note(store, f"consent.{wish.status}", where, event=event.id, reason=told)
    return Decided(
        event_id=event.id,
        account=campaign.account,
        campaign=campaign.id,
        msisdn=shown(event.msisdn, mask_numbers=desk.mask_numbers),
        odd=who.is_odd,
        status=event.status or Status.UNKNOWN,
        previous=event.previous or Status.UNKNOWN,
        changed=event.changed,
    )


def _ensure_fit(status: Status, reason: str, who: Recipient) -> None:
    if status not in _MAY_BE:
        raise Unfit("status: expected opted_in or opted_out")
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Unfit(f"reason: expected a sentence of at most {LONGEST_REASON} characters, for whoever asks later")
    if who.is_odd and status is Status.OPTED_IN:
        raise Unfit("number: expected one with its country code; nobody can be texted at any other")


def _change(wish: Wish, campaign: Campaign, who: Recipient, now: UnixMs) -> Change:
    """Without an identity: to decide the same once more is on the record once more."""
    respects_stop = wish.status is Status.OPTED_IN and not wish.overrules
    return Change(
        account=campaign.account,
        msisdn=who.msisdn,
        type=CONSENT_EVENT[wish.status],
        campaigns=(campaign.id,),
        origin=Origin(actor=Actor.OPERATOR, via=Via.MANAGER, source=SourceId("console"), provider="", rule="decision"),
        occurred_at=now,
        decides_at=deciding_time(now, now, status=wish.status),
        received_at=now,
        identities=(),
        status=wish.status,
        condition=Condition.UNLESS_SELF_STOPPED if respects_stop else Condition.ALWAYS,
        is_odd=who.is_odd,
        detail=json.dumps({"reason": wish.reason.strip()}, ensure_ascii=True),
    )
