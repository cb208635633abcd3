"""How do the log's entries and the packed states read? The Python side of lua/state.lua and lua/decide.lua."""

import struct
from collections.abc import Sequence

from consent.ledger.keys import SEPARATOR, event_id
from consent.model import (
    AccountId,
    Actor,
    CampaignId,
    Change,
    ConsentState,
    Event,
    EventType,
    Msisdn,
    Origin,
    Partition,
    SourceId,
    Status,
    UnixMs,
    Via,
)

STATUS_LETTER = {Status.OPTED_IN: "i", Status.OPTED_OUT: "o", Status.PENDING: "p"}
CONFIRMED_PENDING = "q"
"""Pending, and a confirmation is promised for the opt-in that may follow."""
ACTOR_LETTER = {Actor.RECIPIENT: "r", Actor.ACCOUNT: "a", Actor.OPERATOR: "o", Actor.IMPORT: "i"}
YIELDING_ACCOUNT = "A"
"""The account, by what would have been refused if a STOP of hers had been known."""
YIELDING_OPERATOR = "O"
"""A person at the provider's console, likewise."""
YIELDING_RECIPIENT = "R"
"""She herself, by an answer to a question that a STOP of hers would have made void."""
_STATUS = {
    **{letter.encode(): status for status, letter in STATUS_LETTER.items()},
    CONFIRMED_PENDING.encode(): Status.PENDING,
}
_ACTOR = {
    **{letter.encode(): actor for actor, letter in ACTOR_LETTER.items()},
    YIELDING_ACCOUNT.encode(): Actor.ACCOUNT,
    YIELDING_OPERATOR.encode(): Actor.OPERATOR,
    YIELDING_RECIPIENT.encode(): Actor.RECIPIENT,
}
_ACTORS = {letter: actor for actor, letter in ACTOR_LETTER.items()}
_TYPES = {one.value: one for one in EventType}
_STATUSES = {one.value: one for one in Status}
_VIAS = {one.value: one for one in Via}
"""An enumeration takes several times as long to find its member, and tells what is wrong with a word it has not."""
_HEAD = struct.Struct(">cc6sII5s3s")


def pack_origin(origin: Origin) -> str:
    """Without the actor, which has a letter of its own."""
    return SEPARATOR.join((origin.source, origin.provider, origin.via, origin.keyword, origin.rule))


def unpack_origin(text: str, actor: Actor) -> Origin:
    source, provider, via, keyword, rule = text.split(SEPARATOR)
    return Origin(actor=actor, via=Via(via), source=SourceId(source), provider=provider, keyword=keyword, rule=rule)


def origin_number(packed: bytes) -> int:
    return int.from_bytes(packed[-3:], "big")


def unpack_state(packed: bytes, origin: str, *, is_odd: bool) -> ConsentState:
    letter, actor, at, in_at, out_at, sequence, _ = _HEAD.unpack(packed)
    status = _STATUS[letter]
    # A pending state has the time when its question lapses in the place of an opt-in (lua/state.lua).
    opted_in, until = (0, in_at) if status is Status.PENDING else (in_at, 0)
    return ConsentState(
        status=status,
        actor=_ACTOR[actor],
        origin=unpack_origin(origin, _ACTOR[actor]),
        decides_at=UnixMs(int.from_bytes(at, "big")),
        sequence=int.from_bytes(sequence, "big"),
        opted_in_at=UnixMs(opted_in * 1000) if opted_in else None,
        opted_out_at=UnixMs(out_at * 1000) if out_at else None,
        pending_until=UnixMs(until * 1000) if until else None,
        is_odd=is_odd,
    )


def told(change: Change, origin: str, detail: str) -> str:
    """What of an event the decision does not touch, joined as the log keeps it (lua/decide.lua). `origin`: packed."""
    return (
        f"{change.msisdn}{SEPARATOR}{change.account}{SEPARATOR}{ACTOR_LETTER[change.origin.actor]}{SEPARATOR}"
        f"{'o' if change.is_odd else ''}{SEPARATOR}{change.occurred_at}{SEPARATOR}{change.received_at}{SEPARATOR}"
        f"{origin}{SEPARATOR}{detail}"
    )


def event_of(partition: Partition, stream_id: str, entry: bytes) -> Event:
    """One log entry. The detail comes last, so that it may hold anything."""
    (
        kind,
        campaign,
        status,
        previous,
        flags,
        sequence,
        msisdn,
        account,
        actor,
        odd,
        occurred,
        received,
        source,
        provider,
        via,
        keyword,
        rule,
        detail,
    ) = entry.decode().split(SEPARATOR, 17)
    return Event(
        id=event_id(partition, stream_id),
        type=_TYPES.get(kind) or EventType(kind),
        account=AccountId(account),
        campaign=CampaignId(campaign) or None,
        msisdn=Msisdn(msisdn),
        status=(_STATUSES.get(status) or Status(status)) if status else None,
        previous=(_STATUSES.get(previous) or Status(previous)) if previous else None,
        changed="c" in flags,
        superseded="s" in flags,
        is_odd=bool(odd),
        origin=Origin(
            actor=_ACTORS[actor],
            via=_VIAS.get(via) or Via(via),
            source=SourceId(source),
            provider=provider,
            keyword=keyword,
            rule=rule,
        ),
        occurred_at=UnixMs(int(occurred)),
        received_at=UnixMs(int(received)),
        sequence=int(sequence),
        detail=detail,
    )


def events_of(partition: Partition, entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[Event]:
    """Log entries as redis-py hands them over."""
    return [event_of(partition, stream_id.decode(), fields[b"event"]) for stream_id, fields in entries]
