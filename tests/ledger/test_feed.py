"""Every event of the account, once, in order; whatever else happens meanwhile."""

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from redis import Redis

from consent.errors import Gone, Refused, StoreUnavailable
from consent.ledger import Feed, Ledger, Store
from consent.ledger.cursor import Place, places_of, word_of
from consent.model import AccountId, Event, EventId, Msisdn, Partition, Status, UnixMs
from tests.builders import ACME, ANN, BOB, NOON, a_change, a_start, a_stop

OTHER = AccountId("other")
START = ""


@pytest.fixture
def feed(store: Store) -> Feed:
    return Feed(store)


async def all_of(feed: Feed, account: AccountId = ACME, *, after: str = START, limit: int = 10) -> list[Event]:
    events: list[Event] = []
    while True:
        page = await feed.page(account, after=after, limit=limit)
        assert len(page.events) <= limit
        events += page.events
        after = page.next
        if not page.has_more:
            return events


async def trim(store: Store, msisdn: Msisdn, keep: int) -> None:
    await store.redis.xtrim(store.keys_of(msisdn).log, maxlen=keep, approximate=False)


async def record(ledger: Ledger, count: int, *, begin: int = NOON, **changed: Any) -> list[EventId]:
    ids: list[EventId] = []
    for n in range(count):
        applied = await ledger.apply((a_stop, a_start)[n % 2](at=begin + n * 1000, **changed))
        ids += applied.events  # type: ignore[union-attr]  # recorded, each of them
    return ids


async def test_an_empty_log_has_a_cursor_too(feed: Feed, ledger: Ledger) -> None:
    empty = await feed.page(ACME, after=START, limit=10)
    await ledger.apply(a_stop())
    page = await feed.page(ACME, after=empty.next, limit=10)

    assert (empty.events, empty.has_more) == ((), False)
    assert [event.msisdn for event in page.events] == [ANN]


async def test_what_was_read_does_not_come_again(feed: Feed, ledger: Ledger) -> None:
    await record(ledger, 5)
    page = await feed.page(ACME, after=START, limit=10)
    again = await feed.page(ACME, after=page.next, limit=10)

    assert len(page.events) == 5
    assert (again.events, again.has_more) == ((), False)
    assert again.next == page.next


async def test_a_page_ends_at_its_limit_and_the_next_goes_on_from_there(feed: Feed, ledger: Ledger) -> None:
    ids = await record(ledger, 25)

    first = await feed.page(ACME, after=START, limit=10)

    assert [event.id for event in first.events] == ids[:10]
    assert first.has_more
    assert [event.id for event in await all_of(feed, after=first.next)] == ids[10:]


async def test_with_a_limit_of_one_no_partition_is_kept_waiting_by_a_busier_one(feed: Feed, ledger: Ledger) -> None:
    await record(ledger, 5)
    await ledger.apply(a_stop(msisdn=BOB))
    await record(ledger, 5, begin=NOON + 60_000)

    numbers = [event.msisdn for event in await all_of(feed, limit=1)]

    assert numbers == [ANN] * 5 + [BOB] + [ANN] * 5


async def test_other_accounts_events_are_passed_over(feed: Feed, ledger: Ledger) -> None:
    await record(ledger, 40, account=OTHER)
    mine = await record(ledger, 3)

    page = await feed.page(ACME, after=START, limit=10)

    assert [event.id for event in page.events] == mine
    assert (await feed.page(ACME, after=page.next, limit=10)).next == page.next


async def test_an_account_whose_name_a_text_mentions_does_not_hear_it(feed: Feed, ledger: Ledger) -> None:
    await ledger.apply(a_change(None, account=OTHER, detail='{"text":"\x1facme\x1f"}'))

    assert await all_of(feed) == []


async def test_what_came_too_late_to_decide_anything_is_not_told(feed: Feed, ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON + 5000))
    await ledger.apply(a_start(at=NOON))

    assert [event.status for event in await all_of(feed)] == [Status.OPTED_OUT]


async def test_a_page_costs_a_bounded_stretch_of_the_log_even_where_nothing_is_ours(
    feed: Feed, store: Store, ledger: Ledger
) -> None:
    mine = (await record(ledger, 1))[0]
    entry = (await store.redis.xrange(store.keys_of(ANN).log))[0][1][b"event"].replace(
        b"\x1facme\x1f", b"\x1fother\x1f"
    )
    async with store.redis.pipeline(transaction=False) as pipe:
        for _ in range(7000):
            pipe.xadd(store.keys_of(ANN).log, {"event": entry})
        await pipe.execute()
    last = (await record(ledger, 1))[0]

    first = await feed.page(ACME, after=START, limit=10)
    second = await feed.page(ACME, after=first.next, limit=10)

    assert ([event.id for event in first.events], first.has_more) == ([mine], True)
    assert ([event.id for event in second.events], second.has_more) == ([last], False)


async def test_from_the_end_on_only_what_is_new_is_told(feed: Feed, ledger: Ledger) -> None:
    await record(ledger, 5)
    cursor = await feed.end()
    (new,) = await record(ledger, 1, msisdn=BOB)

    assert [event.id for event in await all_of(feed, after=cursor)] == [new]


async def test_the_end_of_an_empty_log_is_a_place_too(feed: Feed, ledger: Ledger) -> None:
    cursor = await feed.end()
    ids = await record(ledger, 2)

    assert [event.id for event in await all_of(feed, after=cursor)] == ids


async def test_without_a_cursor_it_begins_with_what_is_kept(feed: Feed, store: Store, ledger: Ledger) -> None:
    ids = await record(ledger, 10)
    await trim(store, ANN, 4)

    assert [event.id for event in await all_of(feed)] == ids[6:]


async def test_a_cursor_behind_which_events_were_removed_is_gone(feed: Feed, store: Store, ledger: Ledger) -> None:
    await record(ledger, 10)
    early = await feed.page(ACME, after=START, limit=3)
    await trim(store, ANN, 6)

    with pytest.raises(Gone, match="call without `after`"):
        await feed.page(ACME, after=early.next, limit=3)


async def test_a_cursor_is_good_as_long_as_only_what_it_had_read_was_removed(
    feed: Feed, store: Store, ledger: Ledger
) -> None:
    ids = await record(ledger, 10)
    page = await feed.page(ACME, after=START, limit=4)
    await trim(store, ANN, 6)

    assert [event.id for event in await all_of(feed, after=page.next)] == ids[4:]


async def test_a_quiet_number_whose_only_event_was_removed_does_not_end_a_reader_who_had_read_it(
    feed: Feed, store: Store, ledger: Ledger
) -> None:
    await record(ledger, 1)
    page = await feed.page(ACME, after=START, limit=10)
    await trim(store, ANN, 0)
    (new,) = await record(ledger, 1)
    await trim(store, ANN, 1)

    assert [event.id for event in await all_of(feed, after=page.next)] == [new]


async def test_a_first_page_holds_its_place_in_every_partition(feed: Feed, store: Store, ledger: Ledger) -> None:
    await record(ledger, 1)
    await record(ledger, 3, msisdn=BOB)
    first = await feed.page(ACME, after=START, limit=1)
    await trim(store, BOB, 1)

    with pytest.raises(Gone):
        await feed.page(ACME, after=first.next, limit=1)


async def test_a_store_that_was_emptied_or_replaced_does_not_pass_for_the_one_that_was_read(
    feed: Feed, store: Store, ledger: Ledger
) -> None:
    await record(ledger, 5)
    page = await feed.page(ACME, after=START, limit=10)
    await store.redis.flushdb()

    with pytest.raises(Gone, match="was replaced"):
        await feed.page(ACME, after=page.next, limit=10)
    await record(ledger, 2)
    with pytest.raises(Gone, match="was replaced"):
        await feed.page(ACME, after=page.next, limit=10)


async def test_nor_does_an_older_copy_that_has_grown_past_it_since(feed: Feed, store: Store, ledger: Ledger) -> None:
    await record(ledger, 3)
    log = store.keys_of(ANN).log
    copy = await store.redis.dump(log)
    await record(ledger, 3)
    page = await feed.page(ACME, after=START, limit=10)
    await store.redis.restore(log, 0, copy, replace=True)
    await asyncio.sleep(0.002)  # an id has the millisecond

    await record(ledger, 9)

    with pytest.raises(Gone, match="was replaced"):
        await feed.page(ACME, after=page.next, limit=10)
    await trim(store, ANN, 7)
    with pytest.raises(Gone, match="was replaced"):
        await feed.page(ACME, after=page.next, limit=10)


@pytest.mark.parametrize("cursor", ["x", "now", "a" * 40, word_of([Place()]), "%%%", "é"])
async def test_what_is_no_cursor_is_refused(feed: Feed, cursor: str) -> None:
    with pytest.raises(Refused):
        await feed.page(ACME, after=cursor, limit=10)


async def test_an_event_that_a_newer_version_wrote_waits_for_a_newer_reader(
    feed: Feed, store: Store, ledger: Ledger
) -> None:
    await record(ledger, 1)
    log = store.keys_of(ANN).log
    (_, fields), *_ = await store.redis.xrange(log)
    await store.redis.xadd(log, {"event": fields[b"event"].replace(b"consent.opted_out", b"consent.of_the_future")})

    with pytest.raises(StoreUnavailable, match="newer version"):
        await feed.page(ACME, after=START, limit=10)


NUMBERS = [Msisdn(f"1650242605{n}") for n in range(4)]
writes = st.tuples(st.just("write"), st.sampled_from([ACME, OTHER]), st.sampled_from(NUMBERS), st.integers(0, 20))
reads = st.tuples(st.just("read"), st.integers(1, 7))
trims = st.tuples(st.just("trim"), st.integers(0, 3), st.integers(0, 5))
restarts = st.just(("restart",))


async def history(url: str, steps: list[tuple[Any, ...]]) -> None:
    """A reader who keeps her cursor, and the log beside her as it was written."""
    told: list[Event] = []
    written: list[Event] = []
    cursor = START
    store_of = Store.open(url, partitions=3, durability="memory")
    store = await store_of.__aenter__()
    try:
        for step in steps:
            feed, ledger = Feed(store), Ledger(store)
            match step:
                case ("write", account, msisdn, second):
                    applied = await ledger.apply(a_stop(account=account, msisdn=msisdn, at=NOON + second * 1000))
                    events = [await ledger.event(name) for name in applied.events]  # type: ignore[union-attr]
                    written += [event for event in events if event and event.account == ACME and not event.superseded]
                case ("read", limit):
                    page = await feed.page(ACME, after=cursor, limit=limit)
                    assert len(page.events) <= limit
                    told += page.events
                    cursor = page.next
                case ("trim", partition, keep) if partition < 3:
                    # Never more than the reader has read, as a retention that is long enough.
                    await _trim_behind(store, Partition(partition), cursor, keep)
                case ("restart",):
                    await store_of.__aexit__(None, None, None)
                    store_of = Store.open(url, partitions=3, durability="memory")
                    store = await store_of.__aenter__()
        told += await all_of(Feed(store), after=cursor)
    finally:
        await store_of.__aexit__(None, None, None)
    assert sorted(told, key=place) == sorted(written, key=place)
    assert by_recipient(told) == by_recipient(written)


async def _trim_behind(store: Store, partition: Partition, cursor: str, keep: int) -> None:
    if not cursor:
        return
    log = store.keys[partition].log
    read = places_of(cursor, partitions=3)[partition]
    ids = [entry[0].decode() for entry in await store.redis.xrange(log, "-", read.stream_id)]
    for name in ids[: max(0, len(ids) - keep)]:
        await store.redis.xtrim(log, minid=_after(name), approximate=False)


def _after(stream_id: str) -> str:
    ms, counter = stream_id.split("-")
    return f"{ms}-{int(counter) + 1}"


def place(event: Event) -> tuple[int, ...]:
    return tuple(map(int, event.id.split("_")[1:]))


def by_recipient(events: list[Event]) -> dict[Msisdn, list[EventId]]:
    found: defaultdict[Msisdn, list[EventId]] = defaultdict(list)
    for event in events:
        found[event.msisdn].append(event.id)
    return dict(found)


@given(st.lists(st.one_of(writes, writes, writes, reads, reads, trims, restarts), max_size=60))
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.reuse, Phase.generate),  # to shrink a failure takes minutes of a real server's time
)
def test_whatever_is_written_and_read_in_whatever_turn_all_of_it_is_told_once_and_in_order(
    server_url: str, steps: list[tuple[Any, ...]]
) -> None:
    with Redis.from_url(server_url) as redis:
        redis.flushall()
    asyncio.run(history(server_url, steps))


async def test_a_reader_beside_many_writers_misses_nothing(store: Store, ledger: Ledger, feed: Feed) -> None:
    writing = [
        asyncio.ensure_future(ledger.apply(a_stop(msisdn=Msisdn(f"1650{n:07}"), at=UnixMs(NOON + n))))
        for n in range(2000)
    ]
    told: list[Event] = []
    cursor = START
    while True:
        is_over = all(task.done() for task in writing)
        page = await feed.page(ACME, after=cursor, limit=97)
        told += page.events
        cursor = page.next
        if is_over and not page.has_more:
            break

    assert sorted(event.msisdn for event in told) == [f"1650{n:07}" for n in range(2000)]
