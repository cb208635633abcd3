"""What do we talk about? The words of the domain, as types.

One type per arrow of the flow (docs/architecture.md):

    request ─▶ Inbound ─▶ [codec] Report ─▶ [judge] Change ─▶ [ledger.apply] Event
            ─▶ [route] Delivery ─▶ [claim] Lease ─▶ [send] Outcome ─▶ [next_step] settle

`Inbound` and `Report` belong to receiver/, `Outcome` to dispatcher/; what crosses the store is here. Values only: no
clock, no I/O.
"""

from consent.model.delivered import AttemptRecord, Delivery, Lease, Opening
from consent.model.recorded import (
    LIST,
    Applied,
    Attached,
    Change,
    ConsentState,
    Declined,
    Duplicate,
    Event,
    Origin,
    Question,
    Recorded,
)
from consent.model.registered import LONGEST_TITLE, Account, Campaign, Endpoint, Header, RetiringSecret, Source
from consent.model.words import (
    CONSENT_EVENT,
    AccountId,
    Actor,
    BodyFormat,
    CampaignId,
    Condition,
    EndpointId,
    EventId,
    EventType,
    Millis,
    Msisdn,
    Partition,
    SignatureMethod,
    SourceId,
    Status,
    UnixMs,
    Via,
    Word,
)

__all__ = [
    "CONSENT_EVENT",
    "LIST",
    "LONGEST_TITLE",
    "Account",
    "AccountId",
    "Actor",
    "Applied",
    "Attached",
    "AttemptRecord",
    "BodyFormat",
    "Campaign",
    "CampaignId",
    "Change",
    "Condition",
    "ConsentState",
    "Declined",
    "Delivery",
    "Duplicate",
    "Endpoint",
    "EndpointId",
    "Event",
    "EventId",
    "EventType",
    "Header",
    "Lease",
    "Millis",
    "Msisdn",
    "Opening",
    "Origin",
    "Partition",
    "Question",
    "Recorded",
    "RetiringSecret",
    "SignatureMethod",
    "Source",
    "SourceId",
    "Status",
    "UnixMs",
    "Via",
    "Word",
]
