"""The log is read backwards, in one order over all partitions, and pages stay where they are."""

import pytest

from consent.errors import Refused
from consent.ledger import Ledger, Store
from consent.ledger import recent as module
from consent.ledger.recent import Recent, RecentPage
from consent.model import Event, EventId, Msisdn
from tests.builders import a_stop


async def record(store: Store, count: int, *, first: int = 0) -> list[EventId]:
    """In one go, so that several partitions have entries of the same millisecond."""
    ledger = Ledger(store)
    futures = [ledger.apply(a_stop(msisdn=Msisdn(f"1555{first + n:07}"))) for n in range(count)]
    return [(await future).events[0] for future in futures]  # type: ignore[union-attr]  # all new


def everything(_: Event) -> bool:
    return True


async def pages(store: Store, limit: int) -> list[RecentPage]:
    found = [await Recent(store).page(after="", limit=limit, wanted=everything)]
    while found[-1].next:
        found.append(await Recent(store).page(after=found[-1].next, limit=limit, wanted=everything))
    return found


@pytest.mark.parametrize("limit", [1, 7, 40, 1000])
async def test_every_event_is_on_one_page_newest_first(store: Store, limit: int) -> None:
    made = await record(store, 40)

    found = await pages(store, limit)

    events = [event.id for page in found for event in page.events]
    assert sorted(events) == sorted(made)
    places = [tuple(map(int, event.split("_")[2:])) for event in events]
    assert places == sorted(places, reverse=True)
    assert all(len(page.events) == limit for page in found[:-1])


async def test_what_is_recorded_meanwhile_moves_nothing(store: Store) -> None:
    made = await record(store, 10)

    first = await Recent(store).page(after="", limit=4, wanted=everything)
    await record(store, 5, first=100)
    second = await Recent(store).page(after=first.next or "", limit=100, wanted=everything)

    assert sorted(event.id for page in (first, second) for event in page.events) == sorted(made)


async def test_where_few_are_wanted_a_page_ends_early_and_says_where_to_go_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await record(store, 60)
    monkeypatch.setattr(module, "MOST_READ", 10)

    def is_first(event: Event) -> bool:
        return event.id == made[0]

    found, after, count = [], "", 0
    while count < 100:
        page = await Recent(store).page(after=after, limit=5, wanted=is_first)
        found += page.events
        after, count = page.next or "", count + 1
        if not after:
            break

    assert [event.id for event in found] == [made[0]]
    assert 1 < count < 100


async def test_nothing_has_happened(store: Store) -> None:
    assert await pages(store, 10) == [RecentPage(events=(), next=None)]


@pytest.mark.parametrize("after", ["x", "1-2", "1-2-3-4", "-1-2-3"])
async def test_a_cursor_that_was_never_handed_out_is_refused(store: Store, after: str) -> None:
    with pytest.raises(Refused, match="after"):
        await Recent(store).page(after=after, limit=10, wanted=everything)
