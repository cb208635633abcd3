"""How is a change told to lua/apply.lua, and what does its answer mean? Both pure, and on the path of every webhook."""

from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from struct import Struct

from consent.ledger.keys import SEEN_SLICE_MS, Keys, bucket_of, event_id
from consent.ledger.state import (
    ACTOR_LETTER,
    CONFIRMED_PENDING,
    STATUS_LETTER,
    YIELDING_ACCOUNT,
    YIELDING_OPERATOR,
    YIELDING_RECIPIENT,
    pack_origin,
    told,
)
from consent.ledger.wire import Reply
from consent.model import Actor, Applied, Change, Condition, Declined, Duplicate, Partition, Recorded, Status

_SEEN_FOR_MS = 2 * SEEN_SLICE_MS
_NO_STATUS = "-"
_CONDITION_LETTER = {
    Condition.ALWAYS: "a",
    Condition.IF_PENDING: "p",
    Condition.UNLESS_SELF_STOPPED: "u",
    Condition.YIELDING: "y",
}
_YIELDING = {
    (Condition.UNLESS_SELF_STOPPED, Actor.ACCOUNT): YIELDING_ACCOUNT,
    (Condition.YIELDING, Actor.ACCOUNT): YIELDING_ACCOUNT,
    (Condition.YIELDING, Actor.OPERATOR): YIELDING_OPERATOR,
    (Condition.IF_PENDING, Actor.RECIPIENT): YIELDING_RECIPIENT,
}
_HEAD = Struct(">BHH3sQQQQ")


def digest(identity: str) -> bytes:
    """How a provider message is remembered: 12 bytes, so that chance never takes one for another."""
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def keys_and_arguments(change: Change, keys: Keys) -> tuple[list[str], list[str | bytes | int]]:
    """In the order that lua/apply.lua lists."""
    msisdn, account, campaigns = change.msisdn, change.account, change.campaigns
    bucket = bucket_of(msisdn)
    seen = keys.seen_in(bucket, change.received_at)
    named = [keys.consent_bucket(account, bucket), keys.log, keys.origins, *seen]
    if change.status is not None:
        named += [keys.optout(account, campaign) for campaign in campaigns]
    if change.held_parts:
        named += (keys.parts(change.held_parts), keys.partials)
    origin = pack_origin(change.origin)
    return named, [
        _head(change, len(seen)),
        change.type,
        msisdn,
        origin,
        told(change, origin, change.detail),
        change.held_parts,
        *(_attached(change, origin) if change.attached else ()),
        *map(digest, change.identities),
        *campaigns,
    ]


def _head(change: Change, seen: int) -> bytes:
    """All that has a fixed length, in one argument: each of them costs both sides more than what is in it."""
    question = change.question
    is_promised = question is not None and question.promises_confirmation
    return _HEAD.pack(
        seen,
        len(change.identities),
        len(change.attached),
        _letters(change.status, change.condition, change.origin.actor, is_promised),
        change.decides_at,
        change.received_at,
        question.until // 1000 if question else 0,
        _SEEN_FOR_MS,
    )


@cache
def _letters(status: Status | None, condition: Condition, actor: Actor, is_promised: bool) -> bytes:
    """A message touches no state, and an opt-out yields to nothing."""
    asked = _NO_STATUS if status is None else CONFIRMED_PENDING if is_promised else STATUS_LETTER[status]
    yielding = _YIELDING.get((condition, actor)) if status is not Status.OPTED_OUT else None
    by = yielding or ACTOR_LETTER[actor]
    return f"{asked}{_CONDITION_LETTER[condition]}{by}".encode()


def _attached(change: Change, origin: str) -> Iterator[str]:
    for attached in change.attached:
        yield from (attached.type, told(change, origin, attached.detail), "c" if attached.if_changed else "")


def applied(reply: Reply, partition: Partition) -> Applied:
    word = reply[0]
    if word == b"duplicate":
        return Duplicate()
    if word == b"declined":
        return Declined()
    events = tuple([event_id(partition, place.decode()) for place in reply[1:]])
    return Recorded(events=events, superseded=word == b"superseded", unasked=word == b"unasked")
