"""The oldest opt-out that an endpoint was not told of is known, and an alarm once it is too old."""

import pytest
from structlog.testing import capture_logs

from consent.ledger import Health, Ledger, Look, Queue, Store
from consent.model import EndpointId, Millis, Partition, UnixMs
from dispatcher.deadline import Deadline, oldest_of
from tests.builders import a_delivery, a_stop, an_endpoint
from tests.ledger.test_queue import looks
from tests.out_of_memory import out_of_memory

CRM, WAREHOUSE = an_endpoint("crm"), an_endpoint("warehouse")
REGISTERED = {CRM.id: CRM, WAREHOUSE.id: WAREHOUSE}
LONG = Millis(600_000)


@pytest.fixture
async def stopped(ledger: Ledger, queue: Queue) -> UnixMs:
    """When somebody's opt-out was recorded, of which the endpoint was not told."""
    await ledger.apply(a_stop())
    (stretch,) = await queue.unrouted(await queue.cursors(), block=Millis(1))
    await queue.fan_out(stretch, [a_delivery(event, CRM) for event in stretch.events])
    return UnixMs(int(stretch.after.split("-")[0]))


def alarms(logs: list) -> list[str]:  # type: ignore[type-arg]
    return [line["endpoint"] for line in logs if line["event"] == "optout.overdue"]


async def test_the_oldest_is_known_and_no_alarm_before_its_time(queue: Queue, health: Health, stopped: UnixMs) -> None:
    deadline = Deadline(queue, health, LONG)

    with capture_logs() as logs:
        await deadline.looked(await looks(queue), REGISTERED)

    assert deadline.oldest == {CRM.id: stopped}
    assert alarms(logs) == []


async def test_too_old_a_one_is_an_alarm_by_one_of_all_dispatchers(
    queue: Queue, health: Health, stopped: UnixMs
) -> None:
    late = [later(look, 700_000) for look in await looks(queue)]

    with capture_logs() as logs:
        for _ in range(3):
            await Deadline(queue, health, LONG).looked(late, REGISTERED)

    assert alarms(logs) == [CRM.id]
    assert 700 <= logs[0]["waiting_s"] < 760


async def test_a_full_store_keeps_nobody_from_the_alarm(
    queue: Queue, health: Health, store: Store, stopped: UnixMs
) -> None:
    found, deadline = await looks(queue), Deadline(queue, health, LONG)

    async with out_of_memory(store):
        with capture_logs() as logs:
            for ms in (700_000, 800_000, 1_400_000):
                await deadline.looked([later(look, ms) for look in found], REGISTERED)

    assert [line["waiting_s"] // 100 for line in logs if line["event"] == "optout.overdue"] == [7, 14]


async def test_nothing_is_asked_where_nothing_waits(queue: Queue, health: Health, store: Store) -> None:
    found = await looks(queue)
    before = (await store.redis.info("commandstats"))["cmdstat_fcall"]["calls"]
    deadline = Deadline(queue, health, LONG)
    deadline.oldest = {CRM.id: UnixMs(1)}

    await deadline.looked(found, REGISTERED)

    assert (await store.redis.info("commandstats"))["cmdstat_fcall"]["calls"] == before
    assert deadline.oldest == {}


def test_of_all_partitions_the_oldest_counts() -> None:
    found: list[dict[EndpointId, UnixMs]] = [{CRM.id: UnixMs(7)}, {CRM.id: UnixMs(5), WAREHOUSE.id: UnixMs(6)}]

    assert oldest_of(found) == {CRM.id: 5, WAREHOUSE.id: 6}


def later(look: Look, ms: int) -> Look:
    return Look(
        partition=Partition(look.partition),
        now=UnixMs(look.now + ms),
        due=look.due,
        expired=look.expired,
        first_expiry=look.first_expiry,
        unheard=look.unheard,
    )
