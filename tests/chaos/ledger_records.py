"""What does the store hold in the end? Read straight from it, past every process that wrote it."""

from collections.abc import Iterable

from consent.ledger import Ledger, Store
from consent.ledger.keys import Keys
from consent.ledger.state import events_of
from consent.model import Event, Msisdn
from tests.chaos.messages import CAMPAIGNS
from tests.chaos.model import Cell, Standing
from tests.chaos.world import ACME, endpoint_id

_PAGE = 1000


async def log_of(store: Store) -> list[Event]:
    found: list[Event] = []
    for keys in store.keys:
        newest = "-"
        while entries := await store.redis.xrange(keys.log, newest, "+", count=_PAGE):
            found += events_of(keys.partition, entries)
            newest = f"({entries[-1][0].decode()}"
    return found


async def states_of(store: Store, numbers: Iterable[Msisdn]) -> dict[Cell, Standing]:
    ledger = Ledger(store)
    found = {}
    for msisdn in numbers:
        for campaign, state in zip(CAMPAIGNS, await ledger.states(ACME, CAMPAIGNS, msisdn), strict=True):
            if state is not None:
                found[msisdn, campaign] = Standing(state.status, state.decides_at)
    return found


async def listed_out(store: Store) -> frozenset[Cell]:
    found: set[Cell] = set()
    for keys in store.keys:
        for campaign in CAMPAIGNS:
            names = await store.redis.zrange(keys.optout(ACME, campaign), 0, -1)
            found |= {(Msisdn(name.decode()), campaign) for name in names}
    return frozenset(found)


async def is_settled(store: Store, endpoints: Iterable[str]) -> bool:
    """Everything in the log is routed, and nothing of it is owed."""
    for keys in store.keys:
        if not await _is_routed(store, keys):
            return False
        for name in endpoints:
            if await store.redis.exists(keys.heads(endpoint_id(name))):
                return False
    return True


async def is_held(store: Store, endpoint: str) -> bool:
    """Everything in the log is routed, and whatever could be attempted at this endpoint, some dispatcher is at it."""
    for keys in store.keys:
        if not await _is_routed(store, keys):
            return False
        heads = await store.redis.hvals(keys.heads(endpoint_id(endpoint)))
        if any(head.endswith(b" -") for head in heads):
            return False
    return True


async def _is_routed(store: Store, keys: Keys) -> bool:
    last = await store.redis.xrevrange(keys.log, "+", "-", count=1)
    return not last or await store.redis.get(keys.routed) == last[0][0]
