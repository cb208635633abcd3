"""How is what waits for its next attempt attempted now? An outage leaves deliveries whose time on the schedule is hours
away; whoever mended the endpoint shall not wait for it, and nor shall who said STOP."""

from asyncio import gather

from consent.ledger import Backlog, Health, Store
from consent.model import Endpoint, UnixMs
from console.deliveries import Retried, retried
from console.desk import Desk
from console.lookup import endpoint_meant
from console.progress import Shown

_DEEPEST = 100_000
_AT_ONCE = 100


async def retry_waiting(desk: Desk, name: str, *, now: UnixMs, show: Shown) -> list[Retried]:
    """And what rests, because nothing was to be sent there for a while: it is mended, says who asks for this."""
    async with desk.writing() as store:
        endpoint = endpoint_meant(await desk.registry(store).directory(), name)
        if not endpoint.disabled:
            await Health(store).start_afresh(endpoint.id)
        results = await hastened(store, endpoint, now=now, show=show)
        await desk.note(store, "deliveries.waiting_retried", endpoint.id, count=len(results))
    return results


async def hastened(store: Store, endpoint: Endpoint, *, now: UnixMs, show: Shown | None = None) -> list[Retried]:
    """All that is not due yet: what is due already goes as fast as there is room. Not so where the endpoint is
    disabled: there all of it is held."""
    owed = await Backlog(store).owed(endpoint.id, limit=_DEEPEST)
    waiting = [each for each in owed if each.state == "due" and (endpoint.disabled or (each.due_at or now) > now)]
    results: list[Retried] = []
    for begin in range(0, len(waiting), _AT_ONCE):
        results += await gather(*(retried(store, endpoint, each.event) for each in waiting[begin : begin + _AT_ONCE]))
        if show:
            show(len(results), numbers=len(results))
    return results
