"""Which events does an endpoint ask for? Its patterns against the types that there are. Pure.

The dispatcher asks before it delivers; the receiver asks before it records what nobody but a subscriber needs.
"""

from fnmatch import fnmatchcase
from functools import lru_cache

from consent.model import CampaignId, Endpoint, EventType

EVERYTHING = "*"


def asks_for(endpoint: Endpoint, event_type: EventType, campaign: CampaignId | None) -> bool:
    """An endpoint of some campaigns does not hear of what belongs to none."""
    return event_type in types_of(endpoint.events) and (not endpoint.campaigns or campaign in endpoint.campaigns)


@lru_cache(maxsize=1024)
def types_of(patterns: tuple[str, ...]) -> frozenset[EventType]:
    """There are few types, so patterns are matched once and not once per event."""
    return frozenset(
        event_type for event_type in EventType if any(_matches(event_type, pattern) for pattern in patterns)
    )


def _matches(event_type: EventType, pattern: str) -> bool:
    """A star stands for one word between dots; alone, for everything."""
    words, globs = event_type.split("."), pattern.split(".")
    return pattern == EVERYTHING or (
        len(words) == len(globs) and all(fnmatchcase(word, glob) for word, glob in zip(words, globs, strict=True))
    )
