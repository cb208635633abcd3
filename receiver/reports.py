"""What does a provider report? The codecs' common words, before our own rules have judged them.

A codec turns `Inbound` into reports; receiver/judge.py turns a report into a `Change`.
"""

from dataclasses import field

from consent.model import Actor, CampaignId, Status, UnixMs, Via, Word
from consent.values import value


class Hint(Word):
    """What the provider makes of a text, where it says so."""

    NONE = "none"
    OPT_OUT = "opt_out"
    """Reason enough: the provider sends her nothing more."""
    OPT_IN = "opt_in"
    """No reason by itself: our own words, which are fewer, must say so too."""


@value(frozen=True, slots=True, kw_only=True)
class TextReceived:
    """A recipient's text to one of our numbers: a keyword, or anything else."""

    identity: str
    sender: str
    to: str
    text: str
    occurred_at: UnixMs | None
    kind: str = "text"
    hint: Hint = Hint.NONE
    besides: tuple[str, ...] = ()
    """Further texts of the same message, such as the subject of an MMS: a STOP in any of them is one."""
    extra: dict[str, str] = field(default_factory=dict)
    """What else the provider said of it and two-way texting may need (message id, binary data)."""


@value(frozen=True, slots=True, kw_only=True)
class TextPart:
    """One part of a concatenated text: it waits in the store for its siblings."""

    identity: str
    sender: str
    to: str
    text: str
    occurred_at: UnixMs | None
    reference: str
    number: int
    total: int


@value(frozen=True, slots=True, kw_only=True)
class ReceiptReported:
    """A delivery receipt: what became of a text that the company sent."""

    identity: str
    recipient: str
    occurred_at: UnixMs | None
    fields: dict[str, str]


@value(frozen=True, slots=True, kw_only=True)
class ConsentReported:
    """The provider has decided already (N301, N302): a number is in or out of a campaign."""

    identity: str
    msisdn: str
    status: Status
    campaign: CampaignId
    actor: Actor
    via: Via
    occurred_at: UnixMs | None
    keyword: str
    short_code: str = ""
    title: str = ""
    brand: str = ""


@value(frozen=True, slots=True, kw_only=False)
class Unreadable:
    """One report of several that says too little to be judged."""

    reason: str


Report = TextReceived | TextPart | ReceiptReported | ConsentReported
