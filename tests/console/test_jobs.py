"""Replays run beside one another and can be stopped; what they reached is told, and the oldest are forgotten."""

import pytest

from config.clock import system_clock
from consent.ledger import Store
from consent.ledger.replay import Mark
from console.desk import Desk
from console.jobs import Jobs
from console.ranges import FOREVER
from console.refusals import NoSuch, Taken
from console.replay import Order
from tests.console.served import CRM, recorded, settings_of
from tests.e2e.installation import eventually


def order(endpoint: str = "crm") -> Order:
    return Order(endpoint=endpoint, after=Mark(0, 0), until=Mark.before(FOREVER))


@pytest.fixture
async def desk(store: Store) -> Desk:
    await recorded(store)
    return Desk.over(settings_of(), store).acting_as("ann")


async def test_one_under_way_is_cancelled_and_says_where_it_was(desk: Desk) -> None:
    jobs = Jobs(most_waiting=0)  # so it waits for room, and waits
    job = await jobs.start(desk, order(), now=system_clock())
    await eventually(lambda: jobs.one(job.id).state == "running", within=60)

    cancelled = await jobs.cancel(desk, job.id)

    assert (cancelled.state, cancelled.total, cancelled.found, cancelled.started_by) == ("cancelled", 3, 0, "ann")
    assert cancelled.ended_at is not None
    assert cancelled.cursor == Mark(0, 0).word


async def test_one_at_a_time_to_an_endpoint_whatever_it_was_called(desk: Desk) -> None:
    jobs = Jobs(most_waiting=0)
    await jobs.start(desk, order("crm"), now=system_clock())

    with pytest.raises(Taken, match="under way"):
        await jobs.start(desk, order("acme/crm"), now=system_clock())
    await jobs.start(desk, order("billing"), now=system_clock())

    await jobs.close()
    assert {line.state for line in jobs.listed()} == {"cancelled"}


async def test_nothing_is_begun_for_an_endpoint_that_is_disabled_or_not_there(desk: Desk, store: Store) -> None:
    await desk.registry(store).disable(CRM.id, "by hand")

    with pytest.raises(Taken, match="endpoint enable"):
        await Jobs().start(desk, order(), now=system_clock())
    with pytest.raises(NoSuch):
        await Jobs().start(desk, order("nobody"), now=system_clock())


async def test_the_oldest_that_are_over_are_forgotten(desk: Desk) -> None:
    jobs = Jobs()
    first = await jobs.start(desk, order(), now=system_clock())
    await eventually(lambda: jobs.one(first.id).state == "done", within=60)
    for _ in range(101):
        job = await jobs.start(desk, order(), now=system_clock())
        await eventually(lambda name=job.id: jobs.one(name).state == "done", within=60)

    with pytest.raises(NoSuch, match="forgotten when the console starts anew"):
        jobs.one(first.id)
    assert len(jobs.listed()) <= 101
