"""What is a webhook told of an answer? The event that the reference calls the response to a webhook endpoint. Pure.

Its detail is the answer as JSON, whichever form was asked for, beside what was asked: one schema for who receives it.
"""

import orjson

from consent.directory import Directory
from consent.model import Account, Actor, Attached, CampaignId, Change, EventType, Msisdn, Origin, SourceId, UnixMs, Via
from consent.subscriptions import asks_for
from receiver.apis.opt_in.bodies import Body, Record
from receiver.apis.opt_in.request import Query

MOST_LISTED = 1000
"""An event lies in the store's memory until it is trimmed: a longer page is told without its rest."""


def is_awaited(directory: Directory, account: Account, campaigns: tuple[CampaignId, ...]) -> bool:
    """Whether some endpoint asks for answers that concern these campaigns. Postbacks have no form for them."""
    campaign = campaigns[0] if len(campaigns) == 1 else None
    return any(
        endpoint.format == "json" and asks_for(endpoint, EventType.API_RESPONSE, campaign)
        for endpoint in directory.endpoints_of(account.id)
    )


def queried(account: Account, campaigns: tuple[CampaignId, ...], asked: Query, body: Body, now: UnixMs) -> Change:
    """A list concerns no one recipient: its event has an empty one, and so a lane of its own at each endpoint."""
    return Change(
        account=account.id,
        msisdn=Msisdn(""),
        type=EventType.API_RESPONSE,
        campaigns=campaigns if len(campaigns) == 1 else (),
        origin=origin("query"),
        occurred_at=now,
        decides_at=now,
        received_at=now,
        identities=(),
        detail=_detail("query", {"page": str(asked.page), "page-size": str(asked.size)}, body),
    )


def managed(msisdn: Msisdn, body: Body) -> Attached:
    return Attached(EventType.API_RESPONSE, _detail("manage", {"msisdn": msisdn}, body))


def origin(call: str) -> Origin:
    """The account says so, for what its recipients do on its web site."""
    return Origin(actor=Actor.ACCOUNT, via=Via.WEB, source=SourceId("opt-in"), provider="nexmo", rule=call)


def _detail(call: str, asked: Record, body: Body) -> str:
    listed = body.listed or ()
    left_out = len(listed) - MOST_LISTED
    shown = body if left_out <= 0 else Body(body.record, listed[:MOST_LISTED])
    content = {"call": call, "asked": asked, "answer": shown.as_object()}
    return orjson.dumps({**content, **({"left_out": left_out} if left_out > 0 else {})}).decode()
