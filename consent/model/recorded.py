"""What is asked of the ledger, what comes of it, and what does it know afterwards?"""

from dataclasses import dataclass

from consent.model.words import (
    AccountId,
    Actor,
    CampaignId,
    Condition,
    EventId,
    EventType,
    Msisdn,
    SourceId,
    Status,
    UnixMs,
    Via,
)
from consent.values import value

LIST = "import"
"""It takes the place of the provider in the origin of what a list said."""


@value(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who said it and how we know: kept with the state and with every event."""

    actor: Actor
    via: Via
    source: SourceId
    provider: str
    keyword: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Attached:
    """One more event that a change brings about: a text asked for, an answer given."""

    type: EventType
    detail: str
    """A JSON object."""
    if_changed: bool = False
    """Logged only where the change was one: who was out already is not sent one more farewell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A double opt-in, as far as the ledger must remember it."""

    until: UnixMs
    """After that a YES is an ordinary text, and what held before the question holds again. Kept in whole seconds."""
    promises_confirmation: bool = False
    """The opt-in that she answers with brings about one more `message.requested`, which asks for a confirmation."""


@value(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing one recipient (or her account) asked for, ready to be recorded. `ledger.apply` makes events of it."""

    account: AccountId
    msisdn: Msisdn
    type: EventType
    campaigns: tuple[CampaignId, ...]
    """Each gets its own event; a message event that belongs to no campaign has none."""
    origin: Origin
    occurred_at: UnixMs
    decides_at: UnixMs
    """The instant that orders it among others (consent/ordering.py)."""
    received_at: UnixMs
    identities: tuple[str, ...]
    """What the provider calls this message (one per part of a long text). Seen once, the change is a duplicate."""
    status: Status | None = None
    """The status asked for; None for a message event, which touches no state."""
    condition: Condition = Condition.ALWAYS
    question: Question | None = None
    """Of a change to pending; where there is none, a YES counts for ever."""
    is_odd: bool = False
    """The number is not E.164: its opt-out is kept under its raw digits, and flagged."""
    detail: str = ""
    """A JSON object with what only this type of event has (the text of a message); empty for none."""
    attached: tuple[Attached, ...] = ()
    """Logged behind the change's own events, in the same step, unless every one of those came late, or a question
    found her opted in already."""
    held_parts: str = ""
    """The group of a concatenated text that this change settles (ledger.hold_part)."""


@value(frozen=True, slots=True, kw_only=True)
class Event:
    """What the log keeps and endpoints are told. Its id is its place in the log."""

    id: EventId
    type: EventType
    account: AccountId
    campaign: CampaignId | None
    msisdn: Msisdn
    origin: Origin
    occurred_at: UnixMs
    received_at: UnixMs
    sequence: int
    """Rises with every event of one recipient; not always by one."""
    status: Status | None = None
    previous: Status | None = None
    changed: bool = False
    superseded: bool = False
    """It came late: something newer had decided already. On the record, never sent to an endpoint."""
    is_odd: bool = False
    detail: str = ""

    @property
    def is_listed(self) -> bool:
        """One of very many, all said at once, and by somebody who knows them: what is said of one number goes first."""
        return self.origin.provider == LIST


@value(frozen=True, slots=True, kw_only=True)
class Recorded:
    events: tuple[EventId, ...]
    superseded: bool = False
    """Every one of them came late."""
    unasked: bool = False
    """A YES that answered no question: recorded as the message that it is."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The provider sent it before; the ledger has it already."""


@dataclass(frozen=True, slots=True)
class Declined:
    """She stopped herself, so she is neither opted in (`Condition.UNLESS_SELF_STOPPED`) nor asked whether she would be;
    nothing was recorded."""


Applied = Recorded | Duplicate | Declined


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentState:
    """What the ledger knows of one number in one campaign."""

    status: Status
    """As it was decided. What holds at an instant is `status_at`: a question lapses without anybody deciding."""
    actor: Actor
    origin: Origin
    decides_at: UnixMs
    sequence: int
    opted_in_at: UnixMs | None
    opted_out_at: UnixMs | None
    """While pending: since when she was out before she was asked, and will be again if she does not answer."""
    is_odd: bool = False
    pending_until: UnixMs | None = None
    """None where it is not pending, or has no end."""

    def status_at(self, now: UnixMs) -> Status:
        if self.pending_until is None or now <= self.pending_until:
            return self.status
        return Status.UNKNOWN if self.opted_out_at is None else Status.OPTED_OUT
