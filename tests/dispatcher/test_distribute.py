"""Every event is routed once, to those who asked for it, by whichever dispatcher comes first."""

import asyncio

import pytest

from consent.directory import Directory
from consent.errors import StoreUnavailable
from consent.ledger import Backlog, Ledger, Queue, Store
from consent.model import Endpoint, EventId, Millis, Msisdn, Recorded
from dispatcher.distribute import Distributing
from tests.builders import NOON, a_campaign, a_change, a_start, a_stop, an_endpoint
from tests.dispatcher.told import Told
from tests.e2e.installation import eventually
from tests.out_of_memory import out_of_memory

CRM, WAREHOUSE = an_endpoint("crm"), an_endpoint("warehouse", events=("message.*",))


@pytest.fixture
def distributing(queue: Queue, told: Told) -> Distributing:
    built = Distributing(queue, told)
    built.directory = Directory.of(1, endpoints=[CRM, WAREHOUSE])
    return built


async def owed_to(backlog: Backlog, endpoint: Endpoint) -> list[EventId]:
    return [owed.event for owed in await backlog.owed(endpoint.id)]


async def test_nothing_is_routed_before_the_registry_was_read(
    queue: Queue, ledger: Ledger, backlog: Backlog, told: Told
) -> None:
    await ledger.apply(a_stop())

    assert await Distributing(queue, told).step() > 0

    assert told.due == []
    assert set((await queue.cursors()).values()) == {"0-0"}


async def test_an_event_goes_to_those_who_asked_for_it_and_the_loop_is_told_where(
    distributing: Distributing, ledger: Ledger, backlog: Backlog, told: Told
) -> None:
    stopped, texted = await ledger.apply(a_stop()), await ledger.apply(a_change(None, campaigns=()))
    assert isinstance(stopped, Recorded)
    assert isinstance(texted, Recorded)

    assert await distributing.step() == 0

    assert {endpoint for _, endpoint in told.due} == {CRM.id, WAREHOUSE.id}
    assert {endpoint for _, endpoint in told.urgent} == {CRM.id}
    assert await owed_to(backlog, CRM) == list(stopped.events)
    assert await owed_to(backlog, WAREHOUSE) == list(texted.events)


async def test_where_an_event_names_a_stranger_the_registry_is_caught_up_with_first(
    queue: Queue, ledger: Ledger, backlog: Backlog, told: Told
) -> None:
    """And not where it names nobody new: that would be a question for each step."""
    asked: list[int] = []

    async def catch_up() -> None:
        asked.append(1)
        distributing.directory = Directory.of(2, campaigns=[a_campaign("new")], endpoints=[CRM])

    distributing = Distributing(queue, told, catch_up=catch_up)
    distributing.directory = Directory.of(1)
    for _ in range(2):
        await ledger.apply(a_stop(campaigns=("new",), identities=()))
        await distributing.step()

    assert len(asked) == 1
    assert len(await owed_to(backlog, CRM)) == 2


async def test_a_superseded_event_is_passed_over(
    distributing: Distributing, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    stopped = await ledger.apply(a_stop(at=NOON + 1000))
    late = await ledger.apply(a_start(at=NOON))
    assert isinstance(stopped, Recorded)
    assert isinstance(late, Recorded)

    await distributing.step()

    assert await owed_to(backlog, CRM) == list(stopped.events)
    assert await queue.unrouted(await queue.cursors(), block=Millis(1)) == []


async def test_what_a_store_that_was_put_back_has_not_routed_is_routed_again(
    distributing: Distributing, ledger: Ledger, backlog: Backlog, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a backup between the change and its routing, under a dispatcher that knows better and would wait."""
    monkeypatch.setattr("dispatcher.distribute._SILENCE_MS", Millis(20))
    stopped = await ledger.apply(a_stop())
    assert isinstance(stopped, Recorded)
    await distributing.step()
    for pattern in ("routed", "next", "due:*", "heads:*", "unheard*", "leased"):
        for key in await store.redis.keys(f"*:{pattern}"):
            await store.redis.delete(key)
    assert await owed_to(backlog, CRM) == []

    await asyncio.sleep(0.03)
    await distributing.step()

    assert await owed_to(backlog, CRM) == list(stopped.events)


async def test_what_was_routed_is_not_routed_again(
    distributing: Distributing, ledger: Ledger, backlog: Backlog, queue: Queue
) -> None:
    for n in range(3):
        await ledger.apply(a_stop(at=NOON + n))
        await distributing.step()

    assert len(await owed_to(backlog, CRM)) == 3
    assert await queue.unrouted(await queue.cursors(), block=Millis(1)) == []


async def test_two_dispatchers_route_an_event_once_and_both_go_on(
    distributing: Distributing, ledger: Ledger, queue: Queue, backlog: Backlog, told: Told
) -> None:
    other = Distributing(queue, told)
    other.directory = distributing.directory
    await ledger.apply(a_stop(at=NOON))
    await asyncio.gather(distributing.step(), other.step())

    for n in range(1, 4):
        await ledger.apply(a_stop(at=NOON + n))
        await asyncio.gather(distributing.step(), other.step())

    assert len(await owed_to(backlog, CRM)) == 4
    # The first is due; those behind it are not. And who came second each time cannot know.
    assert len(told.due) == 1 + 4


async def test_what_there_is_room_for_is_held_and_the_rest_is_due(
    distributing: Distributing, ledger: Ledger, told: Told, backlog: Backlog
) -> None:
    told.room = 1
    for n in range(20):
        await ledger.apply(a_stop(msisdn=Msisdn(f"1650242{n:04}")))

    await distributing.step()

    assert {lease.partition for lease in told.held} == {partition for partition, _ in told.due} == {0, 1, 2, 3}
    assert len(told.held) == 4
    assert len(await owed_to(backlog, CRM)) == 20
    assert told.reserved == []


async def test_room_is_given_back_where_nothing_could_be_routed(
    distributing: Distributing, ledger: Ledger, store: Store, told: Told
) -> None:
    told.room = 1
    await ledger.apply(a_stop())
    async with out_of_memory(store):
        with pytest.raises(StoreUnavailable):
            await distributing.step()

    assert (told.reserved, told.held) == ([], [])


async def test_what_is_routed_while_we_stop_is_held_all_the_same(
    distributing: Distributing, ledger: Ledger, store: Store, told: Told
) -> None:
    told.room = 1
    await ledger.apply(a_stop())
    async with store.redis.client() as other:
        await other.client_pause(500, all=False)
        step = asyncio.create_task(distributing.step())
        await eventually(lambda: bool(told.reserved))
        step.cancel()
        await asyncio.wait([step])
        assert told.held == []

        await distributing.finish()

    assert [lease.msisdn for lease in told.held] == [a_stop().msisdn]


async def test_what_is_logged_in_many_partitions_is_routed_in_one_flush(
    distributing: Distributing, ledger: Ledger, store: Store, backlog: Backlog
) -> None:
    for n in range(20):
        await ledger.apply(a_stop(msisdn=Msisdn(f"1650242{n:04}")))
    before = store.commit.flushes.calls.count

    await distributing.step()

    assert len(await owed_to(backlog, CRM)) == 20
    assert store.commit.flushes.calls.count == before + 1


@pytest.mark.parametrize("dispatchers", [1, 2])
async def test_what_is_too_much_at_once_is_routed_in_parts_and_in_order(
    queue: Queue,
    told: Told,
    ledger: Ledger,
    store: Store,
    backlog: Backlog,
    monkeypatch: pytest.MonkeyPatch,
    dispatchers: int,
) -> None:
    monkeypatch.setattr("dispatcher.distribute._A_TURN", 4)
    monkeypatch.setattr("dispatcher.distribute._MOST_AT_ONCE", 8)
    endpoints = [an_endpoint(f"crm-{n}") for n in range(3)]
    all_of_them = [Distributing(queue, told) for _ in range(dispatchers)]
    for distributing in all_of_them:
        distributing.directory = Directory.of(1, endpoints=endpoints)
    events = [await ledger.apply(a_stop(at=NOON + n, msisdn=Msisdn(f"1650242{n % 5:04}"))) for n in range(30)]
    before = store.commit.flushes.calls.count

    await asyncio.gather(*(distributing.step() for distributing in all_of_them))

    assert store.commit.flushes.calls.count > before + 5
    assert await queue.unrouted(await queue.cursors(), block=Millis(1)) == []
    for endpoint in endpoints:
        owed = await owed_to(backlog, endpoint)
        assert sorted(owed) == sorted(event for done in events if isinstance(done, Recorded) for event in done.events)
        for number in range(5):
            of_her = {e for done in events[number::5] if isinstance(done, Recorded) for e in done.events}
            in_order = [event for event in owed if event in of_her]
            assert in_order == sorted(in_order, key=lambda event: [int(word) for word in event.split("_")[2:]])


async def test_what_cannot_be_routed_now_is_routed_later(
    distributing: Distributing, ledger: Ledger, store: Store, backlog: Backlog, told: Told
) -> None:
    for n in range(20):
        await ledger.apply(a_stop(msisdn=Msisdn(f"1650242{n:04}")))
    async with out_of_memory(store):
        with pytest.raises(StoreUnavailable):
            await distributing.step()
    assert told.due == []

    await distributing.step()

    assert len(await owed_to(backlog, CRM)) == 20


async def test_one_that_starts_later_goes_on_where_the_last_one_stopped(
    distributing: Distributing, ledger: Ledger, queue: Queue, backlog: Backlog, told: Told
) -> None:
    await ledger.apply(a_stop(at=NOON))
    await distributing.step()
    await ledger.apply(a_stop(at=NOON + 1))
    successor = Distributing(queue, told)
    successor.directory = distributing.directory

    await successor.step()

    assert len(await owed_to(backlog, CRM)) == 2


async def test_an_event_that_comes_while_it_waits_is_routed_at_once(
    distributing: Distributing, ledger: Ledger, backlog: Backlog
) -> None:
    async with asyncio.timeout(3):
        waiting = asyncio.create_task(distributing.step())
        await ledger.apply(a_stop())
        await waiting

    assert len(await owed_to(backlog, CRM)) == 1


async def test_an_event_nobody_wants_moves_the_cursor_alone(queue: Queue, ledger: Ledger, told: Told) -> None:
    distributing = Distributing(queue, told)
    distributing.directory = Directory.of(1)
    await ledger.apply(a_stop())

    await distributing.step()

    assert set((await queue.cursors()).values()) != {"0-0"}
    assert await queue.owed_endpoints() == set()
