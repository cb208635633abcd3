"""How is a call answered? Believe it, read it, do it, word it: the one part of this API that waits for anything."""

import re
from collections.abc import Mapping, Sequence

from config.clock import system_clock
from consent.directory import Directory
from consent.ledger import OptOuts
from consent.model import Account, CampaignId, EventId, Msisdn, Recorded
from receiver import fields
from receiver.apis.call import Answer, Call, Route
from receiver.apis.gate import Clock
from receiver.apis.opt_in import reach, request, resubscription, told
from receiver.apis.opt_in.bodies import Body, about_one, form_of, listing, record, written
from receiver.apis.opt_in.errors import NO_CAMPAIGN, Rejected, refuse
from receiver.apis.tools import Tools
from receiver.codecs.codec import Reply

MAX_BODY = 64 * 1024

_READING = frozenset({"GET", "HEAD", "POST"})
_CHANGING = frozenset({"GET", "POST"})


class OptIn:
    def __init__(self, tools: Tools, *, clock: Clock) -> None:
        self._tools = tools
        self._optouts = OptOuts(tools.store)
        self._clock = clock

    async def query(self, call: Call) -> Answer:
        directory, account, given = self._admit(call)
        asked = request.query(given)
        campaigns = reach.campaigns_meant(directory, account.id, asked.campaign)
        page = await self._optouts.page(account.id, campaigns, page=asked.page, size=asked.size)
        body = listing(
            page.total,
            [record(row.msisdn, opted_in_at=row.opted_in_at, opted_out_at=row.opted_out_at) for row in page.rows],
        )
        if call.inbound.method != "HEAD" and told.is_awaited(directory, account, campaigns):
            self._tools.ensure_safe()
            await self._tools.ledger.apply(told.queried(account, campaigns, asked, body, self._clock()))
        return _answer(call, account, "listed", body, counts={"total": page.total, "listed": len(page.rows)})

    async def manage(self, call: Call) -> Answer:
        directory, account, given = self._admit(call)
        asked = request.manage(given)
        who, campaigns = asked.recipient, reach.campaigns_meant(directory, account.id, asked.campaign)
        if not campaigns:
            raise Rejected(NO_CAMPAIGN)
        self._tools.ensure_safe()
        states = await self._states(account, campaigns, who.msisdn)
        now = self._clock()
        reached = reach.to_opt_in(states, now, is_odd=who.is_odd)
        body = about_one(resubscription.opted_in(who.msisdn, [states[campaign] for campaign in reached], now))
        attached = (told.managed(who.msisdn, body),) if told.is_awaited(directory, account, reached) else ()
        match await self._tools.ledger.apply(resubscription.change(account, who, reached, attached, now)):
            case Recorded(superseded=False, events=events):
                return _answer(call, account, "opted_in", body, events=events)
        # Something that happened later had been recorded first, and holds.
        states = await self._states(account, reached, who.msisdn)
        return _answer(call, account, "superseded", about_one(resubscription.as_it_is(who.msisdn, states)))

    def _admit(self, call: Call) -> tuple[Directory, Account, request.Fields]:
        directory = self._tools.directory()
        given = fields.of(call.inbound)
        credential = request.credential(given, call.authorization)
        return directory, self._tools.gate.admit(credential, call.caller, directory), given

    async def _states(self, account: Account, campaigns: Sequence[CampaignId], msisdn: Msisdn) -> reach.States:
        states = await self._tools.ledger.states(account.id, campaigns, msisdn)
        return dict(zip(campaigns, states, strict=True))


def _answer(
    call: Call,
    account: Account,
    outcome: str,
    body: Body,
    *,
    events: tuple[EventId, ...] = (),
    counts: Mapping[str, int] | None = None,
) -> Answer:
    content_type, content = written(body, form_of(call.path))
    return Answer(
        reply=Reply(status=200, body=content, content_type=content_type),
        account=account.id,
        outcome=outcome,
        events=events,
        told=counts or {},
    )


def routes(tools: Tools, *, clock: Clock = system_clock) -> tuple[Route, ...]:
    api = OptIn(tools, clock=clock)
    handlers = {"query": (_READING, api.query), "manage": (_CHANGING, api.manage)}
    return tuple(
        Route(
            name=f"opt-in.{name}",
            path=re.compile(rf"/sc/us/alert/opt-in/{name}/(?:json|xml)/?"),
            methods=methods,
            handle=handle,
            refuse=refuse,
            max_body=MAX_BODY,
        )
        for name, (methods, handle) in handlers.items()
    )
