"""How is what was given up taken off the list? With a reason, and on the record: the endpoint will never hear of it."""

from dataclasses import dataclass

from config.masking import without_numbers
from consent.ledger import Backlog, Queue, Store
from consent.model import Endpoint, EventId
from console.desk import Desk
from console.lookup import endpoint_meant
from console.refusals import NoSuch, Unfit

LONGEST_REASON = 500
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    endpoint: str
    discarded: int


async def given_up(desk: Desk, name: str) -> Discarded:
    """Whose it is, and how much there would be to discard."""
    async with desk.reading() as store:
        endpoint = endpoint_meant(await desk.registry(store).directory(), name)
        return Discarded(endpoint=endpoint.id, discarded=(await Backlog(store).depth(endpoint.id)).dead)


async def discard(desk: Desk, name: str, event_id: EventId | None, *, reason: str) -> Discarded:
    """One that an endpoint was given up on, or all of them."""
    why = without_numbers(reason.strip())
    if not 0 < len(why) <= LONGEST_REASON:
        raise Unfit(f"reason: expected a sentence of at most {LONGEST_REASON} characters, for whoever asks later")
    async with desk.writing() as store:
        endpoint = endpoint_meant(await desk.registry(store).directory(), name)
        count = await _discard_one(store, endpoint, event_id) if event_id else await _discard_all(store, endpoint)
        on = {"event": event_id} if event_id else {}
        await desk.note(store, "deliveries.discarded", endpoint.id, count=count, reason=why, **on)
    return Discarded(endpoint=endpoint.id, discarded=count)


async def _discard_one(store: Store, endpoint: Endpoint, event_id: EventId) -> int:
    if count := await Queue(store).discard(endpoint.id, [event_id]):
        return count
    raise NoSuch(
        f"{endpoint.id} was not given up on {event_id}: see "
        f"`consent-relay deliveries list --dead --endpoint {endpoint.id}`"
    )


async def _discard_all(store: Store, endpoint: Endpoint) -> int:
    count = 0
    while dead := await Backlog(store).dead(endpoint.id, limit=_AT_ONCE):
        count += await Queue(store).discard(endpoint.id, [each.event for each in dead])
    return count
