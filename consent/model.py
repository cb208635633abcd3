"""What do we talk about? The words of the domain, as types.

One type per arrow of the flow (docs/architecture.md):

    request ─▶ Inbound ─▶ [codec] Report ─▶ [judge] Change ─▶ [ledger.apply] Event
            ─▶ [route] Delivery ─▶ [claim] Lease ─▶ [send] Outcome ─▶ [next_step] settle

`Inbound` and `Report` belong to receiver/, `Outcome` to dispatcher/; what crosses the store is here. Values only: no
clock, no I/O.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NewType

from consent.values import value

AccountId = NewType("AccountId", str)
CampaignId = NewType("CampaignId", str)
SourceId = NewType("SourceId", str)
EndpointId = NewType("EndpointId", str)
"""Qualified by its account, "acme/crm": two accounts may both have a "crm"."""
EventId = NewType("EventId", str)
Msisdn = NewType("Msisdn", str)
"""A recipient: the digits of an E.164 number without "+", or, for an odd number, what the provider called her."""
Partition = NewType("Partition", int)
UnixMs = NewType("UnixMs", int)
Millis = NewType("Millis", int)


class Word(StrEnum):
    """A word of the domain. Looked up for every webhook, so it hashes as the text that it is: an enumeration's own way
    to hash is a call."""

    __hash__ = str.__hash__


SignatureMethod = Literal["md5hash", "md5", "sha1", "sha256", "sha512"]
BodyFormat = Literal["json", "wxml", "wxml-form"]


class Status(Word):
    """What we know of one number in one campaign."""

    UNKNOWN = "unknown"
    OPTED_IN = "opted_in"
    OPTED_OUT = "opted_out"
    PENDING = "pending"


class Actor(Word):
    """Who decided. A recipient's own STOP weighs more than an account's unsubscribe: WXML may undo only the latter."""

    RECIPIENT = "recipient"
    ACCOUNT = "account"
    OPERATOR = "operator"
    IMPORT = "import"


class Via(Word):
    """The way it came: the documented SOURCE values of N301/N302."""

    API = "API"
    MO = "MO"
    MANAGER = "MANAGER"
    WEB = "WEB"
    IMPORTED = "IMPORTED AS UNSUBSCRIBED"


class EventType(Word):
    OPTED_IN = "consent.opted_in"
    OPTED_OUT = "consent.opted_out"
    PENDING = "consent.pending"
    MESSAGE_REQUESTED = "message.requested"
    MESSAGE_RECEIVED = "message.received"
    MESSAGE_STATUS = "message.status"
    API_RESPONSE = "api.response"
    """What the opt-in API answered, for who would rather have it by webhook."""
    ENDPOINT_TEST = "endpoint.test"
    """Sent by `consent-relay endpoint test` alone; never in the log."""
    ENDPOINT_FAILING = "endpoint.failing"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_RECOVERED = "endpoint.recovered"


CONSENT_EVENT: dict[Status, EventType] = {
    Status.OPTED_IN: EventType.OPTED_IN,
    Status.OPTED_OUT: EventType.OPTED_OUT,
    Status.PENDING: EventType.PENDING,
}


class Condition(Word):
    """When a change may take effect, judged against the state in the same atomic step."""

    ALWAYS = "always"
    IF_PENDING = "if_pending"
    """A YES counts only as the answer to a double opt-in; otherwise it is an ordinary text."""
    UNLESS_SELF_STOPPED = "unless_self_stopped"
    """WXML `subscribe`: who stopped herself is not re-subscribed by the account (E904)."""
    YIELDING = "yielding"
    """An opt-in by the account that a provider reports: on the record in any case, but her own STOP outweighs it,
    whatever the instants of the two."""


# ── the registry ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    id: AccountId
    api_key: str = field(default="", repr=False)
    api_secret: str = field(default="", repr=False)
    signature_secret: str = field(default="", repr=False)
    signature_method: SignatureMethod = "md5hash"


LONGEST_TITLE = 256
"""Characters of a title or brand: every notification has both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    account: AccountId
    id: CampaignId
    title: str = ""
    brand: str = ""
    short_code: str = ""
    pool: tuple[str, ...] = ()
    """Further numbers that it texts from, and people answer to."""
    keywords: tuple[str, ...] = ()
    requires_opt_in: bool = False
    discovered: bool = False
    """Nobody registered it: it was created from what a webhook said, so that nothing was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A webhook URL: who posts to it, for which account, and how a post proves where it comes from."""

    account: AccountId
    id: SourceId
    provider: str
    token: str = field(repr=False)
    signature_secret: str = field(default="", repr=False)
    signature_method: SignatureMethod = "md5hash"
    tolerance: Millis = Millis(24 * 3600 * 1000)

    def __hash__(self) -> int:
        """By the token, which no two share: rulings are remembered by their source, and asked for with every text."""
        return hash(self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiringSecret:
    """One that a rotation replaced: it signs beside the others for a while, so that nobody is cut off."""

    value: str = field(repr=False)
    until: UnixMs
    """From this instant on it does not sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What an endpoint wants to see besides: a key of its API, mostly."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A customer's URL that wants to know."""

    account: AccountId
    id: EndpointId
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    """`whsec_…` (HMAC) or `whsk_…` (ed25519); every one signs."""
    retiring: tuple[RetiringSecret, ...] = ()
    declared_secret: str = field(default="", repr=False)
    """Digest of the secret that the file had when it was applied last: whether the file changed, or a rotation did."""
    format: BodyFormat = "json"
    events: tuple[str, ...] = ("consent.*",)
    campaigns: tuple[CampaignId, ...] = ()
    changes_only: bool = False
    rate: str = ""
    max_in_flight: int = 16
    headers: tuple[Header, ...] = ()
    client_certificate: str = ""
    """Path of a PEM file on the dispatchers' machines, shown to whoever asks for one in TLS."""
    client_key: str = ""
    """Path of its private key; empty where the certificate's file holds it."""
    proxy: str = field(default="", repr=False)
    """URL of the HTTP proxy that leads there, with its password; empty: that of the dispatcher, if it has one."""
    disabled: str = ""
    """Why nothing is sent; empty while it is enabled. Its deliveries are held meanwhile, not lost."""


# ── the ledger ──────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── the queue ───────────────────────────────────────────────────────────────────────────────────────────────────────


@value(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event owed to one endpoint."""

    event: EventId
    endpoint: EndpointId
    msisdn: Msisdn
    is_opt_out: bool
    is_listed: bool = False

    @property
    def is_urgent(self) -> bool:
        """It goes before all else."""
        return self.is_opt_out and not self.is_listed


@value(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right, for some seconds, to attempt one delivery."""

    partition: Partition
    endpoint: EndpointId
    msisdn: Msisdn
    event_id: EventId
    event: Event | None
    """None when the log no longer has it."""
    attempt: int
    """This attempt's number, from 1."""
    token: str
    """Proves at settle time that the lease is still ours."""
    is_replay: bool = False
    """An operator asked for it to be sent again."""

    @property
    def is_urgent(self) -> bool:
        return self.event is not None and self.event.type is EventType.OPTED_OUT and not self.event.is_listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a new connection cost."""

    dns_ms: float
    connect_ms: float
    tls_ms: float | None
    """None for http."""


@value(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """What the console shows of one attempt."""

    number: int
    outcome: str
    status: int | None
    took_ms: int
    error: str
    response: str
    first_byte_ms: float | None = None
    """From the request written to the answer begun; None where none came, or nobody measured."""
    opening: Opening | None = None
    """None where none came, and on a connection that was kept."""
