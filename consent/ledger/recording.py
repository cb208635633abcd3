"""How is a change told to lua/apply.lua, and what does its answer mean? Both pure, and on the path of every webhook."""

from collections.abc import Iterator
from hashlib import blake2b

from consent.ledger.keys import SEEN_SLICE_MS, Keys, event_id
from consent.ledger.state import ACTOR_LETTER, answered_until, pack_origin, status_letter, told
from consent.ledger.wire import Reply
from consent.model import Applied, Change, Declined, Duplicate, Partition, Recorded

_SEEN_FOR_MS = 2 * SEEN_SLICE_MS


def digest(identity: str) -> bytes:
    """How a provider message is remembered: 12 bytes, so that chance never takes one for another."""
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def keys_and_arguments(change: Change, keys: Keys) -> tuple[list[str], list[str | bytes | int]]:
    """In the order that lua/apply.lua lists."""
    msisdn, account, campaigns, identities = change.msisdn, change.account, change.campaigns, change.identities
    seen = keys.seen(msisdn, change.received_at)
    named = [keys.consent(account, msisdn), keys.log, keys.origins, *seen]
    if change.status is not None:
        named += [keys.optout(account, campaign) for campaign in campaigns]
    if change.held_parts:
        named += (keys.parts(change.held_parts), keys.partials)
    origin = pack_origin(change.origin)
    return named, [
        len(seen),
        len(identities),
        _SEEN_FOR_MS,
        change.type,
        msisdn,
        status_letter(change),
        change.condition,
        change.decides_at,
        ACTOR_LETTER[change.origin.actor],
        origin,
        told(change, origin, change.detail),
        change.held_parts,
        answered_until(change),
        len(change.attached),
        *_attached(change, origin),
        *map(digest, identities),
        *campaigns,
    ]


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
    return Recorded(events=events, superseded=word == b"superseded")
