"""Which endpoints are not told what they should be? For `doctor`: what is wrong with one is no fault of the
installation, and yet what somebody who is woken up wants to know first."""

from config.settings import Settings
from consent.errors import ConsentError
from consent.ledger import Backlog, Glance, Health
from consent.model import Partition
from console import checkup
from console.checkup import Finding
from console.desk import Desk
from console.opening import opened


async def found(settings: Settings) -> list[Finding]:
    """Nothing where the store cannot be read: that is told elsewhere."""
    try:
        async with opened(settings.store) as store:
            directory = await Desk.over(settings, store).registry(store).directory()
            standings = await Health(store).standings()
            unheard = await Glance(store).unheard()
            depths = await Backlog(store).depths(sorted(directory.endpoints))
            now = await store.now(Partition(0))
    except ConsentError:
        return []
    return [
        *checkup.of_endpoints(directory, standings, unheard, settings, now=now),
        *checkup.of_dead_letters({name: depth.dead for name, depth in depths.items()}),
    ]
