"""How is what waits for its next attempt attempted now? An outage leaves deliveries whose time on the schedule is hours
away; whoever mended the endpoint shall not wait for it, and nor shall who said STOP."""

from asyncio import gather

from consent.ledger import Backlog, Ledger, Owed, Queue, Store
from consent.model import Endpoint, UnixMs
from console.deliveries import Retried
from console.desk import Desk
from console.lookup import endpoint_meant
from console.progress import Shown

_DEEPEST = 100_000
_AT_ONCE = 100


async def retry_waiting(desk: Desk, name: str, *, now: UnixMs, show: Shown) -> list[Retried]:
    async with desk.writing() as store:
        endpoint = endpoint_meant(await desk.registry(store).directory(), name)
        retried = await hastened(store, endpoint, now=now, show=show)
        await desk.note(store, "deliveries.waiting_retried", endpoint.id, count=len(retried))
    return retried


async def hastened(store: Store, endpoint: Endpoint, *, now: UnixMs, show: Shown | None = None) -> list[Retried]:
    """All that is not due yet. What is due already waits for room, or for the end of a rest."""
    owed = await Backlog(store).owed(endpoint.id, limit=_DEEPEST)
    waiting = [each for each in owed if each.state == "due" and (each.due_at or now) > now]
    retried: list[Retried] = []
    for begin in range(0, len(waiting), _AT_ONCE):
        retried += await gather(*(_hastened(store, each) for each in waiting[begin : begin + _AT_ONCE]))
        if show:
            show(len(retried), numbers=len(retried))
    return retried


async def _hastened(store: Store, owed: Owed) -> Retried:
    event = await Ledger(store).event(owed.event)
    result = "forgotten"
    if event is not None:
        result = await Queue(store).retry(owed.endpoint, event)
    return Retried(endpoint=owed.endpoint, event_id=owed.event, result=result)
