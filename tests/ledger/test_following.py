"""One goes after a slot so far and no farther, and tells the caller what stood in the way."""

import pytest

from consent.errors import StoreUnavailable
from consent.ledger.address import Address, Cluster
from consent.ledger.following import follow
from consent.ledger.redirects import Moved, Redirect
from consent.ledger.slots import SlotMap, slot_of
from consent.ledger.wire import StoreRefused

HERE, THERE = Address("127.0.0.1", 1), Address("127.0.0.1", 2)
KEY = "{0}:log"
MOVED = Moved(slot_of(KEY), THERE)


async def test_the_answer_is_that_of_who_has_the_slot_and_the_map_is_mended() -> None:
    slots = SlotMap(Cluster((HERE,)))

    async def ask(master: Address, _: Redirect | None) -> str:
        return master.name

    assert await follow(slots, KEY, MOVED, ask) == THERE.name
    assert slots.master_of(KEY) == THERE
    await slots.close()


async def test_who_is_sent_round_in_circles_gives_up() -> None:
    slots, asked = SlotMap(Cluster((HERE,))), []

    async def ask(master: Address, _: Redirect | None) -> str:
        asked.append(master)
        raise StoreRefused(f"MOVED {MOVED.slot} 127.0.0.1:{1 + len(asked) % 2}")

    with pytest.raises(StoreUnavailable, match="moving"):
        await follow(slots, KEY, MOVED, ask)
    assert 2 < len(asked) < 20
    await slots.close()


@pytest.mark.parametrize("failure", [StoreUnavailable("the connection broke"), StoreRefused("WRONGTYPE no")])
async def test_what_is_no_redirect_is_the_callers(failure: StoreUnavailable) -> None:
    slots = SlotMap(Cluster((HERE,)))

    async def ask(master: Address, _: Redirect | None) -> str:
        raise failure

    with pytest.raises(StoreUnavailable) as raised:
        await follow(slots, KEY, MOVED, ask)
    assert raised.value is failure
    await slots.close()
