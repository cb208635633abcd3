"""Who is to be told? One event against the endpoints of its account. Pure.

A disabled endpoint gets its deliveries like any other: they are held for it, not lost.
"""

from collections.abc import Sequence

from consent.model import Delivery, Endpoint, Event, EventType
from consent.subscriptions import asks_for
from dispatcher.formats import speaks


def route(event: Event, endpoints: Sequence[Endpoint]) -> tuple[Delivery, ...]:
    """An event that came too late to decide anything is on the record, and told to nobody."""
    if event.superseded:
        return ()
    return tuple(_delivery(event, endpoint) for endpoint in endpoints if _wants(endpoint, event))


def _delivery(event: Event, endpoint: Endpoint) -> Delivery:
    return Delivery(
        event=event.id,
        endpoint=endpoint.id,
        msisdn=event.msisdn,
        is_opt_out=event.type is EventType.OPTED_OUT,
        is_listed=event.is_listed,
    )


def _wants(endpoint: Endpoint, event: Event) -> bool:
    return (
        endpoint.account == event.account
        and asks_for(endpoint, event.type, event.campaign)
        and speaks(endpoint.format, event.type)
        and not (endpoint.changes_only and not event.changed and _is_about_consent(event.type))
    )


def _is_about_consent(event_type: EventType) -> bool:
    return event_type.startswith("consent.")
