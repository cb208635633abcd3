"""What happens to an endpoint is an event of its account, recorded once."""

import json

import pytest
from structlog.testing import capture_logs

from consent.directory import Directory
from consent.ledger import Health, HealthRules, Ledger, Queue, Said, Transition
from consent.model import EventType, Millis, UnixMs
from dispatcher.announce import Announcing, change_of, is_about
from tests.builders import NOON, a_delivery, a_stop, an_endpoint, an_event, an_origin
from tests.dispatcher.told import Told

CRM = an_endpoint("crm")
DIRECTORY = Directory.of(1, endpoints=[CRM])
RULES = HealthRules(failing_after=1, failing_for=Millis(0))


@pytest.fixture
async def failing(health: Health) -> None:
    await health.report(CRM.id, Said(failed=1, reason="http_500"), RULES)


@pytest.mark.usefixtures("failing")
async def test_it_is_recorded_once_whoever_tells_it(health: Health, ledger: Ledger, queue: Queue, told: Told) -> None:
    standings = await health.standings()

    with capture_logs() as logs:
        for _ in range(3):
            await Announcing(ledger, health, queue, told.became_due).tell(standings, DIRECTORY, NOON)

    (event,) = await ledger.newest(10)
    assert (event.type, event.account, event.msisdn, event.campaign) == (EventType.ENDPOINT_FAILING, "acme", "", None)
    assert json.loads(event.detail)["reason"] == "http_500"
    assert [line["type"] for line in logs] == [EventType.ENDPOINT_FAILING]
    assert (await health.standings())[CRM.id].untold == ()


@pytest.mark.usefixtures("failing")
async def test_of_an_endpoint_that_is_gone_nothing_is_told(
    health: Health, ledger: Ledger, queue: Queue, told: Told
) -> None:
    await Announcing(ledger, health, queue, told.became_due).tell(await health.standings(), Directory.of(1), NOON)

    assert await ledger.newest(10) == []


@pytest.mark.usefixtures("failing")
async def test_once_it_works_again_what_waits_for_it_is_due(
    health: Health, ledger: Ledger, queue: Queue, told: Told
) -> None:
    await ledger.apply(a_stop())
    (stretch,) = await queue.unrouted(await queue.cursors(), block=Millis(1))
    await queue.fan_out(stretch, [a_delivery(event, CRM) for event in stretch.events])
    claims = {CRM.id: 1}
    (lease,) = (await queue.claim(stretch.partition, claims, token="first")).leases
    await queue.settle(lease, "retry", None, wait=Millis(3_600_000))
    announcing = Announcing(ledger, health, queue, told.became_due)
    await announcing.tell(await health.standings(), DIRECTORY, NOON)
    assert (await queue.claim(stretch.partition, claims, token="too early")).leases == ()

    await health.report(CRM.id, Said(delivered=1), RULES)
    await announcing.tell(await health.standings(), DIRECTORY, NOON)

    (again,) = (await queue.claim(stretch.partition, claims, token="again")).leases
    assert (again.event_id, again.attempt) == (lease.event_id, 2)
    assert told.due == [(stretch.partition, CRM.id)]


def test_it_says_which_endpoint_why_and_since_when() -> None:
    transition = Transition(type=EventType.ENDPOINT_FAILING, at=NOON, reason="timeout", since=UnixMs(NOON - 5))

    detail = json.loads(change_of(CRM, transition, NOON).detail)

    assert detail == {"id": "acme/crm", "reason": "timeout", "failing_since": "2025-11-24T15:59:59.995Z"}


def test_nobody_is_told_about_himself() -> None:
    about_crm = an_event(EventType.ENDPOINT_FAILING, origin=an_origin(source=CRM.id))

    assert is_about(about_crm, CRM.id)
    assert not is_about(about_crm, an_endpoint("ops").id)
    assert not is_about(an_event(), CRM.id)
