"""How group commit goes is counted: how many calls share a flush, and which flushes failed."""

import asyncio

import pytest

from consent.errors import StoreUnavailable
from consent.ledger import Ledger, Store
from consent.ledger.flushes import Flushes
from consent.model import Msisdn
from tests.builders import a_stop
from tests.e2e.installation import Installation


def test_a_flush_is_counted_by_its_size_and_as_failed_if_it_was_not_kept() -> None:
    flushes = Flushes()
    flushes.ended(3, 0.002, is_kept=True)
    flushes.ended(1, 5.5, is_kept=False)

    assert (flushes.calls.count, flushes.calls.total) == (2, 4)
    assert flushes.seconds.total == 5.502
    assert flushes.failed == 1


async def test_what_is_asked_at_once_shares_flushes(store: Store) -> None:
    ledger = Ledger(store)
    await asyncio.gather(*(ledger.apply(a_stop(msisdn=Msisdn(f"1555893{n:04}"))) for n in range(50)))

    flushes = store.commit.flushes
    assert flushes.calls.total == 50
    assert flushes.calls.count < 50
    assert flushes.failed == 0


async def test_a_store_that_is_away_fails_the_flush(own: Installation) -> None:
    async with own.opened() as store:
        await own.kill("store")
        with pytest.raises(StoreUnavailable):
            await Ledger(store).apply(a_stop())

        assert store.commit.flushes.failed == 1
