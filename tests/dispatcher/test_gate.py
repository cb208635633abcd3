"""Nothing is asked or said for an endpoint that answers; what goes wrong is said at once."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from consent.ledger import Health, HealthRules, Said, Store
from consent.model import Lease, Millis, Partition, UnixMs
from dispatcher.agenda import Site
from dispatcher.gate import Gate, rate_of
from dispatcher.plan import Claims, Wanted, trimmed
from tests.builders import ANN, NOON, an_endpoint, an_event

CRM, RATED = an_endpoint("crm"), an_endpoint("rated", rate="4/s")
REGISTERED = {endpoint.id: endpoint for endpoint in (CRM, RATED)}
HERE, THERE = Partition(0), Partition(1)
FAILED, DELIVERED = Said(failed=1, reason="http_500"), Said(delivered=1)
RULES = HealthRules(breaker_failures=2, breaker_wait=Millis(1), breaker_longest=Millis(1))
WANTED: Claims = {HERE: {CRM.id: Wanted(3, 1), RATED.id: Wanted(3, 3)}, THERE: {RATED.id: Wanted(3, 0)}}


def a_lease(token: str = "mine") -> Lease:
    event = an_event()
    return Lease(partition=HERE, endpoint=CRM.id, msisdn=ANN, event_id=event.id, event=event, attempt=1, token=token)


@pytest.fixture
def gate(health: Health) -> Gate:
    return Gate(health, RULES, probe_for=Millis(60_000))


async def say(gate: Gate, *said: Said, token: str = "mine") -> None:
    for one in said:
        if gate.hear(a_lease(token), one, NOON):
            await gate.report(CRM.id)


async def opened(gate: Gate) -> None:
    await say(gate, FAILED, FAILED)
    await asyncio.sleep(0.01)  # and half open again


async def commands(store: Store) -> int:
    stats = await store.redis.info("commandstats")
    return sum(entry["calls"] for name, entry in stats.items() if name.startswith("cmdstat_fcall"))


async def test_an_endpoint_without_a_rate_that_answers_needs_no_leave(gate: Gate, store: Store) -> None:
    before = await commands(store)

    admission = await gate.admit({HERE: {CRM.id: Wanted(3, 1)}}, REGISTERED, token="mine")

    assert (admission.claims, admission.grants) == ({HERE: {CRM.id: Wanted(3, 1)}}, {})
    assert await commands(store) == before


async def test_successes_are_said_once_a_second_at_most(gate: Gate) -> None:
    heard = [gate.hear(a_lease(), DELIVERED, UnixMs(NOON + ms)) for ms in (0, 400, 999, 1000, 1500)]

    assert heard == [True, False, False, True, False]


async def test_failures_are_said_at_once(gate: Gate) -> None:
    assert [gate.hear(a_lease(), FAILED, NOON) for _ in range(2)] == [True, True]


async def test_what_is_nobodys_fault_is_not_said(gate: Gate) -> None:
    assert not gate.hear(a_lease(), Said(), NOON)


async def test_a_rated_endpoint_is_claimed_as_far_as_its_rate_goes(gate: Gate) -> None:
    admission = await gate.admit(WANTED, REGISTERED, token="mine")

    assert admission.claims == {HERE: {CRM.id: Wanted(3, 1), RATED.id: Wanted(1, 1)}}
    assert admission.grants[RATED.id].again_at is not None


async def test_how_long_a_breaker_was_shut_for_is_no_news_once_it_closed(health: Health) -> None:
    """The answer was given before that, and comes behind it over another connection."""
    gate = Gate(health, replace(RULES, breaker_wait=Millis(600_000)), probe_for=Millis(60_000))
    await say(gate, FAILED, FAILED)

    admitting = asyncio.create_task(gate.admit({HERE: {CRM.id: Wanted(3, 1)}}, REGISTERED, token="mine"))
    await asyncio.sleep(0)  # asked
    gate.learn({})

    admission = await admitting
    assert (admission.claims, admission.grants[CRM.id].again_at) == ({}, None)


async def test_permits_that_found_nothing_are_given_back(gate: Gate) -> None:
    admission = await gate.admit(WANTED, REGISTERED, token="mine")
    await gate.took(admission, Counter(), token="mine")

    again = await gate.admit(WANTED, REGISTERED, token="mine")

    assert again.grants[RATED.id].count == 1


async def test_what_was_claimed_before_the_breaker_opened_is_not_sent_any_more(gate: Gate) -> None:
    assert gate.lets(a_lease())

    await say(gate, FAILED, FAILED)

    assert not gate.lets(a_lease())


async def test_the_probe_is_let_through_and_closes_it(gate: Gate) -> None:
    await opened(gate)
    admission = await gate.admit({HERE: {CRM.id: Wanted(3, 1)}}, REGISTERED, token="probe")

    assert admission.claims == {HERE: {CRM.id: Wanted(1, 1)}}
    assert (gate.lets(a_lease("probe")), gate.lets(a_lease("earlier"))) == (True, False)
    await say(gate, DELIVERED, token="probe")
    assert gate.lets(a_lease("earlier"))


async def test_every_second_probe_is_of_what_was_never_tried_where_there_is_any(gate: Gate) -> None:
    """Opt-outs that it refuses go first, and would be all that it is ever asked for."""
    claims: Claims = {HERE: {CRM.id: Wanted(3, 3)}, THERE: {CRM.id: Wanted(3, 0)}}
    sites = [Site(HERE, CRM.id, has_untried=False, may_be_urgent=True), Site(THERE, CRM.id)]
    probed: list[Claims] = []
    await opened(gate)
    for n in range(4):
        admission = await gate.admit(claims, REGISTERED, token=f"probe-{n}", sites=sites)
        assert (CRM.id in admission.fresh) == (n % 2 == 1)
        probed.append(admission.claims)
        await say(gate, FAILED, token=f"probe-{n}")
        await asyncio.sleep(0.01)

    assert probed == [{HERE: {CRM.id: Wanted(1, 1)}}, {THERE: {CRM.id: Wanted(1, 0)}}] * 2


async def test_a_probe_that_finds_nothing_to_deliver_is_given_back(gate: Gate) -> None:
    await opened(gate)
    admission = await gate.admit({HERE: {CRM.id: Wanted(3, 1)}}, REGISTERED, token="first")

    assert await gate.took(admission, Counter(), token="first") == [CRM.id]

    assert (await gate.admit({HERE: {CRM.id: Wanted(3, 1)}}, REGISTERED, token="second")).grants[CRM.id].is_probe


async def test_what_another_dispatcher_found_out_is_learned(gate: Gate, health: Health) -> None:
    for _ in range(2):
        await health.report(CRM.id, FAILED, RULES)

    assert gate.learn(await health.standings()) == {CRM.id}
    assert gate.learn(await health.standings()) == set()
    assert not gate.lets(a_lease())
    await health.report(CRM.id, DELIVERED, RULES)
    assert gate.learn(await health.standings()) == {CRM.id}


async def test_what_the_store_did_not_take_is_said_again(gate: Gate, store: Store, health: Health) -> None:
    await store.redis.execute_command("ACL", "SETUSER", "default", "-fcall")
    try:
        await say(gate, FAILED)
    finally:
        await store.redis.execute_command("ACL", "SETUSER", "default", "+fcall")

    await say(gate, FAILED)

    assert (await health.standings())[CRM.id].failures == 2


def test_a_rate_is_so_many_a_second() -> None:
    assert (rate_of(an_endpoint(rate="50/s")), rate_of(an_endpoint())) == (50, 0)


def test_no_more_is_claimed_than_was_granted_and_retries_least_of_all() -> None:
    assert trimmed(WANTED, {RATED.id: 4}) == {
        HERE: {CRM.id: Wanted(3, 1), RATED.id: Wanted(3, 3)},
        THERE: {RATED.id: Wanted(1, 0)},
    }
    assert trimmed(WANTED, {RATED.id: 0, CRM.id: 0}) == {}


async def test_while_it_is_reported_that_enough_failed_one_waits_to_hear_what_comes_of_it(gate: Gate) -> None:
    for _ in range(RULES.breaker_failures):
        gate.hear(a_lease(), FAILED, NOON)
    reporting = asyncio.create_task(gate.report(CRM.id))
    await asyncio.sleep(0)

    await gate.until_reported(CRM.id)

    assert not gate.lets(a_lease("another"))
    await reporting


@pytest.mark.parametrize("heard", [(FAILED,), (FAILED, DELIVERED, FAILED), (FAILED, FAILED, DELIVERED)])
async def test_for_less_nobody_waits(gate: Gate, heard: tuple[Said, ...]) -> None:
    for said in heard:
        gate.hear(a_lease(), said, NOON)
    reporting = asyncio.create_task(gate.report(CRM.id))
    await asyncio.sleep(0)

    await gate.until_reported(CRM.id)

    assert not reporting.done()
    await reporting
