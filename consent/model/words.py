"""Which ids, units and words are there? Those that everything else is said with."""

from enum import StrEnum
from typing import Literal, NewType

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
