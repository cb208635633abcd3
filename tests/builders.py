"""Values for tests: each builder gives something ordinary, and takes what the test is about."""

import itertools
from dataclasses import replace
from typing import Any

from consent.ledger import Store
from consent.model import (
    AccountId,
    Actor,
    Campaign,
    CampaignId,
    Change,
    Delivery,
    Endpoint,
    EndpointId,
    Event,
    EventId,
    EventType,
    Millis,
    Msisdn,
    Origin,
    Source,
    SourceId,
    Status,
    UnixMs,
    Via,
)

ACME = AccountId("acme")
ALERTS = CampaignId("1116")
ANN = Msisdn("16502426055")
BOB = Msisdn("15558937009")
NOON = UnixMs(1_764_000_000_000)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

_numbers = itertools.count(1)


def an_origin(actor: Actor = Actor.RECIPIENT, **changed: Any) -> Origin:
    origin = Origin(
        actor=actor,
        via=Via.MO,
        source=SourceId("nexmo-main"),
        provider="nexmo",
        keyword="STOP",
        rule="exact:stop",
    )
    return replace(origin, **changed)


def a_change(status: Status | None = Status.OPTED_OUT, *, at: int = NOON, **changed: Any) -> Change:
    types = {
        Status.OPTED_OUT: EventType.OPTED_OUT,
        Status.OPTED_IN: EventType.OPTED_IN,
        Status.PENDING: EventType.PENDING,
        None: EventType.MESSAGE_RECEIVED,
    }
    change = Change(
        account=ACME,
        msisdn=ANN,
        type=types[status],
        campaigns=(ALERTS,),
        origin=an_origin(),
        occurred_at=UnixMs(at),
        decides_at=UnixMs(at),
        received_at=UnixMs(at),
        identities=(f"nexmo-main|message-{next(_numbers)}",),
        status=status,
    )
    return replace(change, **changed)


def a_stop(**changed: Any) -> Change:
    return a_change(Status.OPTED_OUT, **changed)


def a_start(**changed: Any) -> Change:
    return a_change(Status.OPTED_IN, **{"origin": an_origin(keyword="START", rule="exact:start"), **changed})


def an_event(type: EventType = EventType.OPTED_OUT, **changed: Any) -> Event:  # noqa: A002  # the field's name
    event = Event(
        id=EventId("evt_3_1764000000000_0"),
        type=type,
        account=ACME,
        campaign=ALERTS,
        msisdn=ANN,
        origin=an_origin(),
        occurred_at=NOON,
        received_at=NOON,
        sequence=1,
        status=Status.OPTED_OUT,
        previous=Status.OPTED_IN,
        changed=True,
    )
    return replace(event, **changed)


def a_campaign(campaign: str = ALERTS, **changed: Any) -> Campaign:
    built = Campaign(
        account=ACME,
        id=CampaignId(campaign),
        title="My Campaign Name",
        brand="My Brand Name",
        short_code="123456",
    )
    return replace(built, **changed)


def a_source(**changed: Any) -> Source:
    source = Source(
        account=ACME,
        id=SourceId("nexmo-main"),
        provider="nexmo",
        token="t0ken-of-at-least-16-chars",
        tolerance=Millis(24 * 3600 * 1000),
    )
    return replace(source, **changed)


def an_endpoint(name: str = "crm", **changed: Any) -> Endpoint:
    endpoint = Endpoint(
        account=ACME,
        id=EndpointId(f"acme/{name}"),
        url="https://crm.example.com/hooks/consent",
        secrets=(SECRET,),
    )
    return replace(endpoint, **changed)


async def let_wait(store: Store, ms: int) -> None:
    """As if parts of long texts had waited so much longer: the time to give up on them is the store's own."""
    for keys in store.keys:
        for group in await store.redis.zrange(keys.partials, 0, -1):
            await store.redis.zincrby(keys.partials, -ms, group)


def a_delivery(event: Event, endpoint: Endpoint | None = None) -> Delivery:
    return Delivery(
        event=event.id,
        endpoint=(endpoint or an_endpoint()).id,
        msisdn=event.msisdn,
        is_opt_out=event.type is EventType.OPTED_OUT,
        is_listed=event.is_listed,
    )
