"""Does an endpoint hear us? One signed test event, sent right now, past the log and the queue."""

import json
from dataclasses import dataclass
from typing import Literal

from config.settings import Settings
from config.urls import without_secrets
from consent.directory import Directory
from consent.model import (
    Actor,
    CampaignId,
    Endpoint,
    Event,
    EventId,
    EventType,
    Msisdn,
    Origin,
    SourceId,
    Status,
    UnixMs,
    Via,
)
from console.remedies import remedy_for
from dispatcher.formats import body, speaks
from dispatcher.outcome import Delivered
from dispatcher.send import Sender

# Kept free for fiction: nobody's consent is at stake.  https://www.nanpa.com/numbering/555-line-numbers
NOBODY = Msisdn("15555550100")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    endpoint: str
    url: str
    webhook_id: str
    result: Literal["delivered", "failed"]
    status: int | None
    ms: int
    error: str
    """In one word, when no answer came."""
    remedy: str
    response: str


async def attempted(endpoint: Endpoint, directory: Directory, settings: Settings, *, nonce: str, now: UnixMs) -> Trial:
    event = sample(endpoint, directory, nonce=nonce, now=now)
    sending = settings.dispatcher
    async with Sender(timeout=sending.timeout, egress_allow=sending.egress_allow, proxy=sending.proxy) as sender:
        tried = await sender.send(endpoint, event.id, body(event, endpoint.format, directory), now)
    return Trial(
        endpoint=endpoint.id,
        url=without_secrets(endpoint.url),
        webhook_id=event.id,
        result="delivered" if isinstance(tried.outcome, Delivered) else "failed",
        status=tried.status,
        ms=tried.took_ms,
        error=tried.error,
        remedy=remedy_for(error=tried.error, status=tried.status),
        response=tried.response,
    )


def sample(endpoint: Endpoint, directory: Directory, *, nonce: str, now: UnixMs) -> Event:
    """An `endpoint.test`; for a format that has no word for it, the opt-out of a number that nobody has."""
    is_test = speaks(endpoint.format, EventType.ENDPOINT_TEST)
    return Event(
        id=EventId(f"evt_test_{nonce}"),
        type=EventType.ENDPOINT_TEST if is_test else EventType.OPTED_OUT,
        account=endpoint.account,
        campaign=None if is_test else _campaign(endpoint, directory),
        msisdn=NOBODY,
        origin=Origin(actor=Actor.OPERATOR, via=Via.MANAGER, source=SourceId("endpoint-test"), provider=""),
        occurred_at=now,
        received_at=now,
        sequence=0,
        status=None if is_test else Status.OPTED_OUT,
        detail=json.dumps({"id": endpoint.id, "reason": "sent by consent-relay endpoint test"}) if is_test else "",
    )


def _campaign(endpoint: Endpoint, directory: Directory) -> CampaignId:
    known = endpoint.campaigns or tuple(campaign.id for campaign in directory.campaigns_of(endpoint.account))
    return known[0] if known else CampaignId("test")
