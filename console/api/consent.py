"""Consent: one number across campaigns, what happened to it, and a decision by hand.

The number is in the body, never in the path: addresses end up in logs and histories.
"""

from typing import Literal

from pydantic import BaseModel, Field

from consent.model import Status
from consent.numbers import recipient
from console import decisions, standings
from console.api.operation import CLOSED, MOST_ON_A_PAGE, Call, Operation, Page
from console.decisions import Decided, Wish
from console.eventlines import EventLine, line_of
from console.server.scopes import Scope
from console.standings import Standing


class LookUp(BaseModel):
    model_config = CLOSED

    number: str = Field(min_length=1, max_length=64, repr=False, description="With its country code.")
    account: str | None = Field(default=None, max_length=64, description="Only for this account.")
    campaign: str | None = Field(default=None, max_length=64, description="Only in this campaign.")


class HistoryOf(BaseModel):
    model_config = CLOSED

    number: str = Field(min_length=1, max_length=64, repr=False, description="With its country code.")
    account: str | None = Field(default=None, max_length=64, description="Only for this account.")
    limit: int = Field(default=100, ge=1, le=MOST_ON_A_PAGE, description="At most so many, the newest.")


class Decision(BaseModel):
    model_config = CLOSED

    number: str = Field(min_length=1, max_length=64, repr=False, description="With its country code.")
    account: str | None = Field(default=None, max_length=64, description="Not needed where there is one account.")
    campaign: str | None = Field(default=None, max_length=64, description="Not needed where there is one campaign.")
    status: Literal["opted_out", "opted_in"] = Field(description="What holds from now on.")
    reason: str = Field(
        min_length=1, max_length=decisions.LONGEST_REASON, description="On the record, and endpoints are told."
    )
    overrule: bool = Field(default=False, description="Opt her in again though she stopped herself: she asked for it.")


async def _look_up(call: Call) -> Page[Standing]:
    said = call.said(LookUp)
    who = recipient(said.number).msisdn
    found = await standings.looked_up(call.desk, who, said.account, said.campaign, now=call.now)
    return Page(tuple(found), None)


async def _history(call: Call) -> Page[EventLine]:
    said = call.said(HistoryOf)
    who = recipient(said.number).msisdn
    events = await standings.happened(call.desk, who, said.account, limit=said.limit)
    return Page(tuple(line_of(event, mask_numbers=call.desk.mask_numbers) for event in events), None)


async def _decide(call: Call) -> Decided:
    said = call.said(Decision)
    wish = Wish(
        number=said.number,
        account=said.account,
        campaign=said.campaign,
        status=Status(said.status),
        reason=said.reason,
        overrules=said.overrule,
    )
    return await decisions.decide(call.desk, wish, now=call.now)


OPERATIONS = (
    Operation(
        name="lookUpNumber",
        method="POST",
        path="/api/v1/consent/lookup",
        tag="consent",
        summary="What is known of a number now, campaign by campaign.",
        scope=Scope.READ,
        handle=_look_up,
        body=LookUp,
        answers=Page[Standing],
    ),
    Operation(
        name="tellHistory",
        method="POST",
        path="/api/v1/consent/history",
        tag="consent",
        summary="What happened to a number, newest last, as far back as the log is kept.",
        scope=Scope.READ,
        handle=_history,
        body=HistoryOf,
        answers=Page[EventLine],
    ),
    Operation(
        name="decide",
        method="POST",
        path="/api/v1/consent/decisions",
        tag="consent",
        summary="Decide for a number, by hand and with a reason. Endpoints are told as of any other change.",
        scope=Scope.OPERATE,
        handle=_decide,
        body=Decision,
        answers=Decided,
        status=201,
        conflicts=True,
    ),
)
