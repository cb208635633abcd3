"""How is a call answered? Read it, believe it, record it, word it: the one part of this API that waits for anything."""

import re

from config.clock import system_clock
from consent.directory import Directory
from consent.ledger import Lookup
from consent.model import Account, Actor, CampaignId, Change, Recorded, Status
from consent.numbers import other_way
from receiver.apis.call import Answer, Call, Route
from receiver.apis.gate import Clock, KeyAlone
from receiver.apis.tools import Tools
from receiver.apis.wxml.change import change_of
from receiver.apis.wxml.errors import CAMPAIGN_UNKNOWN, NOT_SUBSCRIBED, NOT_UNSUBSCRIBED, Failure, Rejected
from receiver.apis.wxml.reply import failed, refuse, success
from receiver.apis.wxml.request import Request, check_action, check_parameters, read

MAX_BODY = 64 * 1024

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""All, so that another than GET and POST is answered as its clients understand it: with E100."""
_PATH = re.compile(r"/API/wxml/1\.3(?:/(?:index\.php/?)?)?")
_COULD_NOT = {"subscribe": NOT_SUBSCRIBED, "unsubscribe": NOT_UNSUBSCRIBED}


class Wxml:
    def __init__(self, tools: Tools, *, clock: Clock) -> None:
        self._tools = tools
        self._lookup = Lookup(tools.store)
        self._clock = clock

    async def answer(self, call: Call) -> Answer:
        request = read(call.inbound)
        check_action(request)
        directory = self._tools.directory()
        account = self._tools.gate.admit(KeyAlone(request.api_key), call.caller, directory)
        try:
            change = self._change(request, account, directory)
        except Rejected as rejected:
            return _failure(rejected.failure, request, account)
        self._tools.ensure_safe()
        if change.status is not Status.OPTED_OUT and await self._stopped_before(change, directory):
            return _failure(NOT_SUBSCRIBED, request, account)
        return await self._recorded(change, request, account)

    def _change(self, request: Request, account: Account, directory: Directory) -> Change:
        check_parameters(request)
        if directory.campaign(account.id, CampaignId(request.campaign)) is None:
            raise Rejected(CAMPAIGN_UNKNOWN)
        return change_of(request, account.id, confirm_within=self._tools.confirm_within, now=self._clock())

    async def _stopped_before(self, change: Change, directory: Directory) -> bool:
        """She stopped herself at the short code before anybody registered the campaign, or by the other writing of her
        number: that holds until she is in."""
        campaign = directory.campaign(change.account, change.campaigns[0])
        campaigns = directory.with_forerunners(campaign) if campaign else ()
        if len(campaigns) < 2 and other_way(change.msisdn) is None:
            return False
        known = await self._lookup.one(change.account, campaigns, change.msisdn, now=self._clock())
        return known is not None and known.status is Status.OPTED_OUT and known.actor is Actor.RECIPIENT

    async def _recorded(self, change: Change, request: Request, account: Account) -> Answer:
        applied = await self._tools.ledger.apply(change)
        if isinstance(applied, Recorded) and (not applied.superseded or await self._holds(change)):
            return Answer(
                reply=success(request),
                account=account.id,
                outcome=f"{request.action}d",
                events=applied.events,
            )
        return _failure(_COULD_NOT[request.action], request, account)

    async def _holds(self, change: Change) -> bool:
        """Something that happened later was recorded first: it may have come to the same."""
        state = await self._tools.ledger.state(change.account, change.campaigns[0], change.msisdn)
        asked_for = {change.status, Status.OPTED_IN} if change.status is Status.PENDING else {change.status}
        return state is not None and state.status_at(change.decides_at) in asked_for


def _failure(failure: Failure, request: Request, account: Account) -> Answer:
    return Answer(reply=failed(failure), account=account.id, outcome=failure.code, told={"action": request.action})


def routes(tools: Tools, *, clock: Clock = system_clock) -> tuple[Route, ...]:
    return (
        Route(
            name="wxml",
            path=_PATH,
            methods=_METHODS,
            handle=Wxml(tools, clock=clock).answer,
            refuse=refuse,
            max_body=MAX_BODY,
        ),
    )
