"""How far does one go after a slot that is on its way? Some redirects and some seconds; then the caller is told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from consent.errors import StoreUnavailable
from consent.ledger.address import Address
from consent.ledger.redirects import Ask, Moved, Redirect, Wait, redirect_of
from consent.ledger.slots import SlotMap
from consent.ledger.wire import StoreRefused

Answer = TypeVar("Answer")

_MOST_HOPS = 8
_PATIENCE_S = 2.0
"""While a slot is moved key by key, a function whose keys lie at both ends cannot run at either. That takes as long as
the operator's tool takes; the caller would rather be told than wait."""
_PAUSES_S = (0.01, 0.02, 0.05, 0.1)


async def follow(
    slots: SlotMap,
    key: str,
    redirect: Redirect | None,
    ask: Callable[[Address, Redirect | None], Awaitable[Answer]],
) -> Answer:
    """The answer of whoever has the key in the end. StoreUnavailable when that is not settled in time. `redirect`: what
    the first one said; None if nobody was asked yet. `ask` raises StoreRefused."""
    clock = asyncio.get_running_loop().time
    give_up_at, hops, pauses = clock() + _PATIENCE_S, 0, 0
    while True:
        master = await _next(slots, key, redirect, _PAUSES_S[min(pauses, len(_PAUSES_S) - 1)])
        try:
            return await ask(master, redirect)
        except StoreRefused as refused:
            redirect = redirect_of(refused.reply, master)
            if redirect is None:
                raise
            if isinstance(redirect, Wait):
                pauses += 1
            else:
                hops += 1
            if hops > _MOST_HOPS or clock() > give_up_at:
                raise StoreUnavailable(f"the cluster is moving the slot of this call: {refused.reply}") from refused
        except StoreUnavailable:
            slots.doubt()
            raise


async def _next(slots: SlotMap, key: str, redirect: Redirect | None, pause: float) -> Address:
    match redirect:
        case Moved(slot, master):
            slots.moved(slot, master)
            return master
        case Ask(master):
            return master
        case Wait():
            await asyncio.sleep(pause)
    return await slots.found(key)
