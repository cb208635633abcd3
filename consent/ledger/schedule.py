"""What does the queue tell of deliveries? Stretches of the log, looks, claims, settlings, and when more is due."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from consent.ledger.keys import place_in_log
from consent.model import EndpointId, Event, Lease, Msisdn, Partition, UnixMs
from consent.values import value

Verdict = Literal["done", "bury", "retry", "release"]
Order = Literal["urgent", "tried", "untried"]
"""Which deliveries go first where there is no room for all, behind opt-outs never tried: those that were, all that was
tried, or all that was not."""


class Due(NamedTuple):
    """When an endpoint is due again in one partition; None for never. One that is due already hides the later ones."""

    untried: UnixMs | None
    tried: UnixMs | None
    """Of deliveries that were attempted before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Events of one partition that nobody has routed, and the cursor on both sides of them."""

    partition: Partition
    before: str
    after: str
    events: tuple[Event, ...]

    def cut(self, count: int) -> "tuple[Stretch, Stretch | None]":
        """Its first events, and what is left."""
        if count >= len(self.events):
            return self, None
        place = place_in_log(self.events[count - 1].id)
        first = replace(self, after=place, events=self.events[:count])
        return first, replace(self, before=place, events=self.events[count:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """What became of a stretch."""

    after: str
    """Where the cursor is: elsewhere, if another dispatcher routed the stretch first."""
    leases: tuple[Lease, ...] = ()
    """Of the deliveries that were to be held at once and are."""
    due: frozenset[EndpointId] = frozenset()
    """Who has others that are due, as far as is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one partition has to do, in the store's own time."""

    partition: Partition
    now: UnixMs
    due: Mapping[EndpointId, UnixMs]
    """When each endpoint's first delivery is due."""
    expired: tuple[tuple[EndpointId, Msisdn], ...]
    first_expiry: UnixMs | None
    unheard: tuple[EndpointId, ...] = ()
    """Who may have opt-outs that it was not told of, wherever they wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    leases: tuple[Lease, ...]
    now: UnixMs
    """In the store's time."""
    due: Mapping[EndpointId, Due]
    """When each endpoint that was asked for is due again in this partition."""


@value(frozen=True, slots=True, kw_only=False)
class Settled:
    due: UnixMs | None
    """When the lane's next delivery is due, be it the same one again; None when there is none."""
    was_tried: bool = False
    """That one was attempted before."""
