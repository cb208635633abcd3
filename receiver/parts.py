"""What is one part of a long text, while it waits for its siblings, and what is the whole?

The store keeps parts without looking into them; this is what it keeps.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b

from consent.model import AccountId, Msisdn, Source, SourceId, UnixMs
from receiver.reports import TextPart, TextReceived

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPart:
    account: AccountId
    msisdn: Msisdn
    source: SourceId
    group: str
    """The same for all parts of one text, and for no other text under way."""
    identity: str
    """What de-duplication knows it by."""
    received_at: UnixMs
    part: TextPart


def group_of(part: TextPart, *, msisdn: Msisdn, source: Source) -> str:
    """A digest, because it becomes part of a key and some of it is the sender's to choose."""
    named = repr((source.account, source.id, msisdn, part.to, part.reference, part.total))
    return blake2b(named.encode(), digest_size=12).hexdigest()


def packed(held: HeldPart) -> str:
    return _COMPACT.encode(asdict(held))


def unpacked(content: str) -> HeldPart:
    stored = json.loads(content)
    return HeldPart(**{**stored, "part": TextPart(**stored["part"])})


def joined(parts: Sequence[TextPart]) -> TextReceived:
    """The whole text, or as much of it as came. It was sent when its last part was."""
    ordered = sorted(parts, key=lambda part: (part.number, part.identity))
    first = ordered[0]
    times = [part.occurred_at for part in ordered if part.occurred_at is not None]
    return TextReceived(
        identity=first.identity,
        sender=first.sender,
        to=first.to,
        text="".join(part.text for part in ordered),
        occurred_at=max(times, default=None),
        extra={"message_id": first.identity.removesuffix(f":{first.number}")},
    )
