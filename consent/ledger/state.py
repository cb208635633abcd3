"""How do the log's entries and the packed states read? The Python side of lua/state.lua and lua/decide.lua."""

import struct
from collections.abc import Sequence

from consent.ledger.keys import SEPARATOR, event_id
from consent.model import (
    AccountId,
    Actor,
    CampaignId,
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
ACTOR_LETTER = {Actor.RECIPIENT: "r", Actor.ACCOUNT: "a", Actor.OPERATOR: "o", Actor.IMPORT: "i"}
_STATUS = {letter.encode(): status for status, letter in STATUS_LETTER.items()}
_ACTOR = {letter.encode(): actor for actor, letter in ACTOR_LETTER.items()}
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
    status, actor, at, in_at, out_at, sequence, _ = _HEAD.unpack(packed)
    return ConsentState(
        status=_STATUS[status],
        actor=_ACTOR[actor],
        origin=unpack_origin(origin, _ACTOR[actor]),
        decides_at=UnixMs(int.from_bytes(at, "big")),
        sequence=int.from_bytes(sequence, "big"),
        opted_in_at=UnixMs(in_at * 1000) if in_at else None,
        opted_out_at=UnixMs(out_at * 1000) if out_at else None,
        is_odd=is_odd,
    )


def unpack_status(packed: bytes) -> Status:
    return _STATUS[packed[:1]]


def event_of(partition: Partition, stream_id: str, fields: Sequence[bytes]) -> Event:
    """One log entry, its fields flat as the store sends them: name, value, name, value."""
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    actor = _ACTOR[values[b"actor"]]
    flags = values[b"flags"]
    status = values[b"status"].decode()
    previous = values[b"previous"].decode()
    return Event(
        id=event_id(partition, stream_id),
        type=EventType(values[b"type"].decode()),
        account=AccountId(values[b"account"].decode()),
        campaign=CampaignId(values[b"campaign"].decode()) or None,
        msisdn=Msisdn(values[b"msisdn"].decode()),
        status=Status(status) if status else None,
        previous=Status(previous) if previous else None,
        changed=b"c" in flags,
        superseded=b"s" in flags,
        is_odd=b"o" in flags,
        origin=unpack_origin(values[b"origin"].decode(), actor),
        occurred_at=UnixMs(int(values[b"occurred"])),
        received_at=UnixMs(int(values[b"received"])),
        sequence=int(values[b"sequence"]),
        detail=values[b"detail"].decode(),
    )


def events_of(partition: Partition, entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[Event]:
    """Log entries as redis-py hands them over."""
    return [
        event_of(partition, stream_id.decode(), [part for pair in fields.items() for part in pair])
        for stream_id, fields in entries
    ]
