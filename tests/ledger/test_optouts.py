"""The opt-out lists, page by page: all of them once, in an order that stays, at the same price wherever a page lies."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import StoreUnavailable
from consent.ledger import Ledger, OptOuts, Store
from consent.ledger.optouts import slices
from consent.model import AccountId, CampaignId, Msisdn, UnixMs
from tests.builders import ACME, ALERTS, ANN, BOB, NOON, a_start, a_stop
from tests.e2e.installation import Installation

NEWS = CampaignId("news")
NUMBERS = [Msisdn(f"1650242{n:04}") for n in range(30)]


@pytest.fixture
def optouts(store: Store) -> OptOuts:
    return OptOuts(store)


async def stop(ledger: Ledger, *numbers: Msisdn, campaigns: tuple[CampaignId, ...] = (ALERTS,)) -> None:
    await asyncio.gather(
        *(
            ledger.apply(a_stop(msisdn=number, campaigns=campaigns, at=NOON + 1000 * n))
            for n, number in enumerate(numbers)
        )
    )


async def test_a_store_that_nobody_wrote_to_has_empty_lists(optouts: OptOuts) -> None:
    page = await optouts.page(ACME, (ALERTS,), page=0, size=100)

    assert (page.total, page.rows) == (0, ())


async def test_no_campaigns_have_no_list(optouts: OptOuts, ledger: Ledger) -> None:
    await stop(ledger, ANN)

    assert (await optouts.page(ACME, (), page=0, size=100)).total == 0


async def test_a_number_is_listed_with_its_dates_in_whole_seconds(optouts: OptOuts, ledger: Ledger) -> None:
    await ledger.apply(a_start(at=NOON))
    await ledger.apply(a_stop(at=NOON + 60_999))
    await ledger.apply(a_stop(msisdn=BOB, at=NOON))

    rows = {row.msisdn: row for row in (await optouts.page(ACME, (ALERTS,), page=0, size=100)).rows}

    assert (rows[ANN].opted_in_at, rows[ANN].opted_out_at) == (NOON, NOON + 60_000)
    assert (rows[BOB].opted_in_at, rows[BOB].opted_out_at) == (None, NOON)


async def test_who_comes_back_is_listed_no_more(optouts: OptOuts, ledger: Ledger) -> None:
    await stop(ledger, ANN, BOB)
    await ledger.apply(a_start(at=NOON + 60_000))

    page = await optouts.page(ACME, (ALERTS,), page=0, size=100)

    assert (page.total, [row.msisdn for row in page.rows]) == (1, [BOB])


@pytest.mark.parametrize("size", [1, 7, 30, 100])
async def test_the_pages_together_are_the_list_each_number_once(optouts: OptOuts, ledger: Ledger, size: int) -> None:
    await stop(ledger, *NUMBERS)
    whole = (await optouts.page(ACME, (ALERTS,), page=0, size=1000)).rows

    pages = [await optouts.page(ACME, (ALERTS,), page=n, size=size) for n in range(30 // size + 1)]

    assert [row for page in pages for row in page.rows] == list(whole)
    assert sorted(row.msisdn for row in whole) == NUMBERS
    assert {page.total for page in pages} == {30}


async def test_past_the_end_there_is_nothing_and_the_total_still(optouts: OptOuts, ledger: Ledger) -> None:
    await stop(ledger, *NUMBERS)

    page = await optouts.page(ACME, (ALERTS,), page=999_999_999, size=10_000)

    assert (page.total, page.rows) == (30, ())


async def test_within_a_partition_the_first_to_leave_comes_first(ledger: Ledger, store_url: str) -> None:
    async with Store.open(store_url, partitions=1, durability="fsync") as store:
        await stop(Ledger(store), *reversed(NUMBERS))

        rows = (await OptOuts(store).page(ACME, (ALERTS,), page=0, size=100)).rows

    assert [row.msisdn for row in rows] == NUMBERS[::-1]


async def test_a_number_is_listed_once_for_each_campaign_that_was_asked_for(optouts: OptOuts, ledger: Ledger) -> None:
    await stop(ledger, ANN, campaigns=(ALERTS, NEWS))
    await stop(ledger, BOB, campaigns=(NEWS,))

    both = await optouts.page(ACME, (ALERTS, NEWS), page=0, size=100)
    one = await optouts.page(ACME, (ALERTS,), page=0, size=100)

    assert sorted((row.msisdn, row.campaign) for row in both.rows) == [(BOB, NEWS), (ANN, ALERTS), (ANN, NEWS)]
    assert (one.total, [row.msisdn for row in one.rows]) == (1, [ANN])


async def test_another_account_has_lists_of_its_own(optouts: OptOuts, ledger: Ledger) -> None:
    await stop(ledger, ANN)

    assert (await optouts.page(AccountId("other"), (ALERTS,), page=0, size=100)).total == 0


async def test_a_large_page_is_read_in_stretches(store: Store, ledger: Ledger, optouts: OptOuts) -> None:
    keys = store.keys_of(ANN)
    await store.redis.zadd(keys.optout(ACME, ALERTS), {f"1650{n:07}": 1_764_000_000 for n in range(1201)})
    await ledger.apply(a_start(at=NOON))
    await ledger.apply(a_stop(at=NOON + 60_000))

    page = await optouts.page(ACME, (ALERTS,), page=0, size=10_000)

    assert page.total == len(page.rows) == 1202
    assert (page.rows[-1].msisdn, page.rows[-1].opted_in_at) == (ANN, NOON)
    assert {row.opted_in_at for row in page.rows[:-1]} == {None}


async def test_a_store_that_lost_the_functions_is_given_them_again(
    store: Store, ledger: Ledger, optouts: OptOuts
) -> None:
    await stop(ledger, ANN)
    await store.redis.function_flush()

    assert (await optouts.page(ACME, (ALERTS,), page=0, size=100)).rows[0].opted_out_at == UnixMs(NOON)


async def test_a_store_that_refuses_is_not_an_empty_list(store: Store, ledger: Ledger, optouts: OptOuts) -> None:
    await stop(ledger, ANN)
    await store.redis.set(store.keys[0].optout(ACME, ALERTS), "not a list of ours")

    with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
        await optouts.page(ACME, (ALERTS,), page=0, size=100)


async def test_a_store_that_is_away_is_not_an_empty_list(own: Installation) -> None:
    async with own.opened() as store:
        await own.kill("store")

        with pytest.raises(StoreUnavailable):
            await OptOuts(store).page(ACME, (ALERTS,), page=0, size=100)


@given(
    counts=st.lists(st.integers(0, 9), max_size=9),
    start=st.integers(0, 60),
    size=st.integers(1, 20),
)
def test_a_slice_of_lists_behind_one_another_is_the_slice_of_their_sum(
    counts: list[int], start: int, size: int
) -> None:
    joined = [(i, rank) for i, count in enumerate(counts) for rank in range(count)]

    sliced = [(i, rank) for i, first, last in slices(counts, start, size) for rank in range(first, last + 1)]

    assert sliced == joined[start : start + size]
