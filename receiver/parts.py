"""What is one part of a long text, while it waits for its siblings, and which of them make one text?

The store keeps parts without looking into them; this is what it keeps. It knows a text by the phone's reference, which
is one byte and comes round: parts of an earlier one, whose rest was lost, may still wait there. So a text is made of
parts that were sent together; others wait on, for their own or until the wait is over.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b

from consent.model import AccountId, Msisdn, Source, SourceId, UnixMs
from receiver.reports import TextPart, TextReceived

_TOGETHER_MS = 30_000
"""The parts of one text are sent within seconds of each other, whenever they come."""
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


def whole_of(arrived: HeldPart, held: Sequence[HeldPart]) -> tuple[HeldPart, ...]:
    """The text that this part completes; empty where it completes none."""
    together = [other for other in held if abs(_sent(other) - _sent(arrived)) <= _TOGETHER_MS]
    found = _text_of(arrived, together)
    return found if len({held.part.number for held in found}) == arrived.part.total else ()


def all_of(held: Sequence[HeldPart]) -> Iterator[tuple[HeldPart, ...]]:
    """As many texts as these must be of, for who waits no longer, the earliest first."""
    left = sorted(held, key=_sent)
    while left:
        found = _text_of(left[0], left)
        yield found
        left = [part for part in left if part not in found]


def _text_of(one: HeldPart, held: Sequence[HeldPart]) -> tuple[HeldPart, ...]:
    """Of each number the part that was sent nearest to this one, and what repeats it under another id."""
    nearest = {one.part.number: one}
    for other in sorted(
        held, key=lambda other: (abs(_sent(other) - _sent(one)), abs(other.received_at - one.received_at))
    ):
        nearest.setdefault(other.part.number, other)
    return tuple([other for other in held if other.part.text == nearest[other.part.number].part.text])


def _sent(held: HeldPart) -> int:
    return held.received_at if held.part.occurred_at is None else held.part.occurred_at


def packed(held: HeldPart) -> str:
    return _COMPACT.encode(asdict(held))


def unpacked(content: str) -> HeldPart:
    stored = json.loads(content)
    return HeldPart(**{**stored, "part": TextPart(**stored["part"])})


def joined(parts: Sequence[TextPart], *, is_sure: bool) -> TextReceived:
    """The whole text, or as much of it as came. It was sent when its last part was. Where it is not sure that they are
    of one, each of them is read by itself as well."""
    ordered = sorted({part.number: part for part in parts}.values(), key=lambda part: part.number)
    first = ordered[0]
    times = [part.occurred_at for part in ordered if part.occurred_at is not None]
    return TextReceived(
        identity=first.identity,
        sender=first.sender,
        to=first.to,
        text="".join(part.text for part in ordered),
        occurred_at=max(times, default=None),
        besides=() if is_sure else tuple(part.text for part in ordered),
        extra={"message_id": first.identity.removesuffix(f":{first.number}")},
    )
