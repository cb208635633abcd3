"""What was seen from outside: by the provider, in the ledger, at the endpoints. Values; checker.py judges them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from consent.model import CampaignId, Event, Msisdn
from tests.chaos.messages import Message
from tests.chaos.model import Cell, Standing

NEVER = float("inf")


@dataclass(slots=True)
class Sent:
    """One message, and what the provider was answered."""

    message: Message
    acknowledged: bool = False
    """All of it, where it comes in parts."""
    statuses: Counter[int] = field(default_factory=Counter)
    """0 for no answer at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request at an endpoint. Their order in a list is that of their arrival."""

    at: float
    """On the monotonic clock of the endpoint."""
    answered_at: float
    """When its 2xx was written; never, where it was answered otherwise or not at all."""
    webhook_id: str
    event_id: str
    msisdn: Msisdn
    campaign: CampaignId
    type: str
    occurred_at: str
    sequence: int
    digest: bytes
    """Of the body."""
    is_replay: bool = False
    """As its header says."""

    @property
    def is_taken(self) -> bool:
        return self.answered_at < NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    sent: Sequence[Sent]
    log: Sequence[Event]
    """Every partition's, each in its order."""
    states: Mapping[Cell, Standing]
    listed_out: frozenset[Cell]
    """Who is on the opt-out lists."""
    arrivals: Mapping[str, Sequence[Arrival]]
    """By endpoint."""
    forged: Mapping[str, int] = field(default_factory=dict)
    """By endpoint: requests whose signature was wrong."""
