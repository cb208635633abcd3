"""Who is to be told? One event against the endpoints of its account. Pure.

A disabled endpoint gets its deliveries like any other: they are held for it, not lost.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from consent.model import BodyFormat, Delivery, Endpoint, Event, EventType
from dispatcher.formats import speaks

EVERYTHING = "*"


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
        is_urgent=event.type is EventType.OPTED_OUT,
    )


def _wants(endpoint: Endpoint, event: Event) -> bool:
    return (
        endpoint.account == event.account
        and event.type in _types(endpoint.events, endpoint.format)
        and (not endpoint.campaigns or event.campaign in endpoint.campaigns)
        and not (endpoint.changes_only and not event.changed and _is_about_consent(event.type))
    )


def _is_about_consent(event_type: EventType) -> bool:
    return event_type.startswith("consent.")


@lru_cache(maxsize=1024)
def _types(patterns: tuple[str, ...], body_format: BodyFormat) -> frozenset[EventType]:
    """Which types an endpoint hears of: there are few types, so patterns are matched once and not once per event."""
    return frozenset(
        event_type
        for event_type in EventType
        if speaks(body_format, event_type) and any(_matches(event_type, pattern) for pattern in patterns)
    )


def _matches(event_type: EventType, pattern: str) -> bool:
    """A star stands for one word between dots; alone, for everything."""
    words, globs = event_type.split("."), pattern.split(".")
    return pattern == EVERYTHING or (
        len(words) == len(globs) and all(fnmatchcase(word, glob) for word, glob in zip(words, globs, strict=True))
    )
