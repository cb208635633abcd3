"""May I text this number? One, or up to ten thousand, for a sender that asks before every text (docs/apis/check.md)."""

import asyncio
import re
from typing import Any
from urllib.parse import unquote

import orjson

from config.clock import system_clock
from consent.errors import NoSuchCampaign, Refused, TooLarge
from consent.ledger import Lookup
from consent.model import Account, Campaign, CampaignId, Msisdn, Status
from consent.notification import written
from consent.numbers import msisdn_of
from consent.permission import may_text
from receiver.apis.call import Answer, Call, Route
from receiver.apis.gate import Clock
from receiver.apis.problems import refuse
from receiver.apis.tools import Tools
from receiver.codecs.codec import Reply

MOST_NUMBERS = 10_000
_MAX_BODY = 1024 * 1024
"""Ten thousand numbers, of as many characters as we look at, fit."""
_TURN_S = 0.002
"""Of the event loop, for the numbers of one list; looked at after"""
_A_FEW = 32
"""of them."""
_ONE = re.compile(r"/v1/consent/[^/]+/[^/]+")
_MANY = re.compile(r"/v1/consent/check")


class Check:
    def __init__(self, tools: Tools, *, clock: Clock) -> None:
        self._tools = tools
        self._lookup = Lookup(tools.store)
        self._clock = clock

    async def one(self, call: Call) -> Answer:
        account = self._admit(call)
        *_, name, number = call.path.split("/")
        msisdn = msisdn_of(unquote(number))
        campaign, campaigns = await self._campaigns(account, unquote(name))
        known = await self._lookup.one(account.id, campaigns, msisdn, now=self._clock())
        status = known.status if known else Status.UNKNOWN
        body = {
            "campaign": campaign.id,
            "msisdn": msisdn,
            "may_text": may_text(status, campaign),
            "status": status,
            "actor": known.actor if known else None,
            "since": written(known.since) if known else None,
            "sequence": known.sequence if known else None,
        }
        return _answer(account, body)

    async def many(self, call: Call) -> Answer:
        account = self._admit(call)
        name, numbers = _question(call.inbound.body)
        campaign, campaigns = await self._campaigns(account, name)
        msisdns = await msisdns_of(numbers)
        statuses = await self._lookup.many(account.id, campaigns, msisdns, now=self._clock())
        verdict = {status: may_text(status, campaign) for status in Status}
        results = [
            {"msisdn": number, "may_text": verdict[status], "status": status}
            for number, status in zip(numbers, statuses, strict=True)
        ]
        return _answer(account, {"results": results}, numbers=len(numbers))

    def _admit(self, call: Call) -> Account:
        return self._tools.gate.admit_basic(call.authorization, call.caller, self._tools.directory())

    async def _campaigns(self, account: Account, name: str) -> tuple[Campaign, tuple[CampaignId, ...]]:
        """The one of this name, and all whose opt-outs hold for it."""
        directory = self._tools.directory()
        if directory.campaign(account.id, CampaignId(name)) is None:
            directory = await self._tools.newest_directory()
        campaign = directory.campaign(account.id, CampaignId(name))
        if campaign is None:
            raise NoSuchCampaign("the account has no campaign of this id")
        return campaign, directory.with_forerunners(campaign)


def _question(body: bytes) -> tuple[str, list[str]]:
    try:
        asked: Any = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Refused(f"the body is not JSON: {exc}") from exc
    match asked:
        case {"campaign": str(campaign), "msisdns": [*numbers]}:
            if len(numbers) > MOST_NUMBERS:
                raise TooLarge(f"msisdns has {len(numbers)} numbers; {MOST_NUMBERS} are looked up at most")
            if all(isinstance(number, str) for number in numbers):
                return campaign, numbers
    raise Refused('expected {"campaign": "…", "msisdns": ["…", …]}, all of them strings')


async def msisdns_of(numbers: list[str]) -> list[Msisdn]:
    """In turns: ten thousand that are not written as digits take a quarter of a second, and webhooks shall not wait."""
    loop = asyncio.get_running_loop()
    read: list[Msisdn] = []
    until = loop.time() + _TURN_S
    for place, number in enumerate(numbers):
        try:
            read.append(msisdn_of(number))
        except Refused as exc:
            raise Refused(f"msisdns[{place}]: {exc}") from exc
        if place % _A_FEW == 0 and loop.time() > until:
            await asyncio.sleep(0)
            until = loop.time() + _TURN_S
    return read


def _answer(account: Account, body: object, **told: object) -> Answer:
    reply = Reply(status=200, body=orjson.dumps(body), content_type="application/json")
    return Answer(reply=reply, account=account.id, outcome="checked", told=told, is_routine=True)


def routes(tools: Tools, *, clock: Clock = system_clock) -> tuple[Route, ...]:
    check = Check(tools, clock=clock)
    return (
        Route(
            name="check",
            path=_ONE,
            methods=frozenset({"GET", "HEAD"}),
            handle=check.one,
            refuse=refuse,
        ),
        Route(
            name="check.bulk",
            path=_MANY,
            methods=frozenset({"POST"}),
            handle=check.many,
            refuse=refuse,
            max_body=_MAX_BODY,
        ),
    )
