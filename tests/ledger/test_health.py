"""However many dispatchers see it, an endpoint opens, fails, is disabled and recovers once."""

import asyncio
from dataclasses import replace

import pytest

from consent.ledger import Grant, Health, HealthRules, Registry, Said, Standing, Store, Wish
from consent.ledger.keys import HEALTH, RATES, REGISTRY_CHANGES
from consent.model import EventType, Millis, UnixMs
from tests.builders import an_endpoint

CRM, WAREHOUSE = an_endpoint("crm").id, an_endpoint("warehouse").id
RULES = HealthRules(breaker_failures=3, failing_after=1000)
SOON = replace(RULES, breaker_wait=Millis(1), breaker_longest=Millis(1000))
"""The breaker is half open at once."""
AT_ONCE = HealthRules(breaker_failures=1000, failing_after=2, failing_for=Millis(0))
DISABLING = replace(AT_ONCE, disable_after=Millis(3 * 3_600_000))
FAILED, DELIVERED = Said(failed=1, reason="http_500"), Said(delivered=1)
PROBE_FOR = Millis(60_000)


async def reported(health: Health, *said: Said, rules: HealthRules = RULES) -> Standing:
    standing = Standing()
    for one in said:
        standing = await health.report(CRM, one, rules)
    return standing


async def admitted(health: Health, count: int = 5, *, token: str = "mine", rate: int = 0, back: int = 0) -> Grant:
    _, grants = await health.admit({CRM: Wish(count, rate, back)}, token=token, probe_for=PROBE_FOR)
    return grants[CRM]


async def half_open(health: Health) -> None:
    await reported(health, *[FAILED] * 3, rules=SOON)
    await asyncio.sleep(0.005)


async def types_of(health: Health) -> list[EventType]:
    return [one.type for one in (await health.standings()).get(CRM, Standing()).untold]


# ── the breaker ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_of_an_endpoint_that_answers_nothing_is_kept(health: Health, store: Store) -> None:
    assert await reported(health, DELIVERED, DELIVERED) == Standing()

    assert await health.standings() == {}
    assert await store.redis.exists(HEALTH) == 0
    assert await admitted(health, 5) == Grant(5, None)


async def test_so_many_failures_in_a_row_open_the_breaker(health: Health) -> None:
    before = await reported(health, FAILED, FAILED)

    after = await reported(health, FAILED)

    assert (before.opened, after.opened, after.failures) == (0, 1, 3)
    assert await admitted(health) == Grant(0, after.shut_until)


async def test_failures_of_several_dispatchers_add_up_and_a_success_of_any_ends_the_row(health: Health) -> None:
    standing = await reported(health, FAILED, FAILED, Said(delivered=7, failed=2, reason="timeout"))

    assert (standing.opened, standing.failures, standing.reason) == (0, 2, "timeout")


async def test_it_opens_once_however_many_report_at_once(health: Health) -> None:
    standings = await asyncio.gather(*(health.report(CRM, FAILED, RULES) for _ in range(20)))

    assert {standing.shut_until for standing in standings if standing.opened} == {standings[-1].shut_until}
    assert standings[-1].opened == 1


async def test_half_open_it_lets_one_probe_through_of_all_dispatchers(health: Health) -> None:
    await half_open(health)

    grants = await asyncio.gather(*(admitted(health, token=f"dispatcher-{n}") for n in range(10)))

    assert [(grant.count, grant.is_probe) for grant in grants] == [(1, True)] + [(0, False)] * 9


async def test_a_probe_that_arrives_closes_it(health: Health) -> None:
    await half_open(health)
    await admitted(health)

    assert await reported(health, Said(delivered=1, probe="mine")) == Standing()

    assert await admitted(health, 5) == Grant(5, None)


async def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_a_limit(health: Health) -> None:
    await half_open(health)
    waits = []
    for n in range(5):
        await admitted(health, token=f"probe-{n}")
        rules = replace(RULES, breaker_wait=Millis(10_000), breaker_longest=Millis(50_000))
        standing = await reported(health, replace(FAILED, probe=f"probe-{n}"), rules=rules)
        waits.append(standing.shut_until - standing_time(standing))
        await rewind(health, standing)

    assert [round(wait / 10_000) for wait in waits] == [2, 4, 5, 5, 5]


async def test_what_was_under_way_when_it_opened_does_not_open_it_again(health: Health) -> None:
    opened = await reported(health, *[FAILED] * 3)

    later = await reported(health, FAILED, FAILED)

    assert (later.opened, later.shut_until, later.failures) == (1, opened.shut_until, 5)


async def test_a_probe_that_told_nothing_leaves_its_turn_to_another(health: Health) -> None:
    await half_open(health)
    await admitted(health, token="first")

    await reported(health, Said(probe="first"))

    assert (await admitted(health, token="second")).is_probe


async def test_a_probe_of_which_nothing_is_heard_is_not_waited_for_for_ever(health: Health) -> None:
    await half_open(health)
    await health.admit({CRM: Wish(1, 0)}, token="dead", probe_for=Millis(1))
    await asyncio.sleep(0.005)

    assert (await admitted(health, token="alive")).is_probe


async def test_who_asks_for_a_pause_gets_it_up_to_the_longest(health: Health) -> None:
    standing = await reported(health, replace(FAILED, pause=Millis(3_600_000)))

    assert standing.opened == 1
    assert standing.shut_until - standing_time(standing) == RULES.breaker_longest


async def test_the_others_are_woken_when_it_opens_and_when_it_closes(health: Health, store: Store) -> None:
    await reported(health, *[FAILED] * 5)
    opened = await store.redis.xlen(REGISTRY_CHANGES)

    await reported(health, DELIVERED)

    assert (opened, await store.redis.xlen(REGISTRY_CHANGES)) == (1, 2)


# ── its life ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_fails_once_and_recovers_once(health: Health) -> None:
    await asyncio.gather(*(health.report(CRM, FAILED, AT_ONCE) for _ in range(9)))
    failing = (await health.standings())[CRM]

    await asyncio.gather(*(health.report(CRM, DELIVERED, AT_ONCE) for _ in range(9)))

    assert (failing.word, failing.reason) == ("failing", "http_500")
    assert await types_of(health) == [EventType.ENDPOINT_FAILING, EventType.ENDPOINT_RECOVERED]


async def test_a_burst_of_failures_is_not_failing_yet(health: Health) -> None:
    standing = await reported(health, *[FAILED] * 9, rules=replace(AT_ONCE, failing_for=Millis(60_000)))

    assert (standing.word, standing.untold) == ("healthy", ())


async def test_what_was_told_is_forgotten(health: Health) -> None:
    await reported(health, FAILED, FAILED, DELIVERED, rules=AT_ONCE)
    for transition in (await health.standings())[CRM].untold:
        await health.told(CRM, transition)

    assert await health.standings() == {}


async def test_nothing_but_failures_for_too_long_disables_it(health: Health, registry: Registry) -> None:
    await registry.put(an_endpoint("crm"))

    await fail_for_hours(health, 3)

    assert (await registry.directory()).endpoints[CRM].disabled == "nothing was delivered for 3 h: http_500"
    assert await types_of(health) == [EventType.ENDPOINT_FAILING, EventType.ENDPOINT_DISABLED]


async def test_less_than_an_hour_is_told_in_minutes(health: Health, registry: Registry) -> None:
    await registry.put(an_endpoint("crm"))

    await fail_for(health, Millis(40 * 60_000))

    assert (await registry.directory()).endpoints[CRM].disabled == "nothing was delivered for 40 min: http_500"


async def test_failures_far_apart_do_not_belong_together(health: Health, registry: Registry) -> None:
    await registry.put(an_endpoint("crm"))
    rules = replace(DISABLING, disable_after=Millis(20))

    for _ in range(4):
        await health.report(CRM, FAILED, rules)
        await asyncio.sleep(0.012)

    assert (await registry.directory()).endpoints[CRM].disabled == ""


async def test_who_is_gone_is_disabled_at_once_and_once(health: Health, registry: Registry, store: Store) -> None:
    await registry.put(an_endpoint("crm"))
    gone = [health.report(CRM, Said(failed=1, reason="gone", is_gone=True), RULES) for _ in range(5)]

    await asyncio.gather(*gone)

    assert (await registry.directory()).endpoints[CRM].disabled == "gone"
    changes = [entry for _, entry in await store.redis.xrange(REGISTRY_CHANGES) if b"version" in entry]
    assert len(changes) == 2  # put, and disabled
    assert await types_of(health) == [EventType.ENDPOINT_DISABLED]


async def test_who_is_gone_is_disabled_though_another_attempt_arrived_behind_that(
    health: Health, registry: Registry
) -> None:
    await registry.put(an_endpoint("crm"))

    await reported(health, Said(failed=1, reason="gone", is_gone=True) + DELIVERED)

    assert (await registry.directory()).endpoints[CRM].disabled == "gone"


async def test_who_has_not_heard_that_it_is_disabled_sends_nothing_either(health: Health, registry: Registry) -> None:
    await registry.put(an_endpoint("crm"))

    await fail_for_hours(health, 3)

    assert (await health.standings())[CRM].opened
    assert not (await health.start_afresh(CRM)).opened


async def test_what_comes_in_late_neither_enables_nor_recovers_it(health: Health, registry: Registry) -> None:
    await registry.put(an_endpoint("crm"))
    await registry.disable(CRM, "by hand")

    await reported(health, *[FAILED] * 5, DELIVERED, rules=DISABLING)

    assert (await registry.directory()).endpoints[CRM].disabled == "by hand"
    assert await health.standings() == {}


async def test_once_enabled_it_has_all_its_chances_again_and_recovers_when_it_delivers(
    health: Health, registry: Registry
) -> None:
    await registry.put(an_endpoint("crm"))
    await fail_for_hours(health, 3)
    await registry.enable(CRM)
    await health.start_afresh(CRM)

    first_failure = await reported(health, FAILED, rules=DISABLING)
    await reported(health, DELIVERED)

    assert (first_failure.word, first_failure.failures) == ("failing", 1)
    assert (await types_of(health))[1:] == [EventType.ENDPOINT_DISABLED, EventType.ENDPOINT_RECOVERED]


async def test_what_was_said_of_a_removed_endpoint_is_forgotten(
    health: Health, registry: Registry, store: Store
) -> None:
    await reported(health, FAILED)
    await admitted(health, rate=5)
    assert await health.remembered() == {CRM}

    await registry.note_left(CRM)

    assert await health.remembered() == set()
    assert set(await store.redis.keys("*")) == {b"{registry}:changes", b"{registry}:removed"}


async def test_an_alarm_is_raised_once_by_all_dispatchers(health: Health) -> None:
    firsts = await asyncio.gather(*(health.is_first_to_say(CRM, period=Millis(60_000)) for _ in range(5)))

    assert sorted(firsts) == [False] * 4 + [True]
    assert await health.is_first_to_say(WAREHOUSE, period=Millis(60_000))


# ── rates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_no_more_is_granted_than_the_rate_allows_however_many_ask(health: Health) -> None:
    grants = await asyncio.gather(*(admitted(health, 50, rate=100) for _ in range(20)))

    assert sum(grant.count for grant in grants) >= 25
    assert sum(grant.count for grant in grants) < 100
    assert all(grant.again_at for grant in grants)


async def test_over_time_it_is_never_more_than_the_rate_and_a_quarter_of_a_second(health: Health) -> None:
    loop = asyncio.get_running_loop()
    began, granted = loop.time(), 0
    for _ in range(100):
        granted += (await admitted(health, 50, rate=100)).count

    assert 25 <= granted <= 100 * (loop.time() - began) + 26


async def test_permits_come_back_with_time(health: Health, store: Store) -> None:
    now, _ = await health.admit({CRM: Wish(25, 100)}, token="mine", probe_for=PROBE_FOR)
    await store.redis.hset(RATES, CRM, f"0.0 {now - 150}")

    assert 15 <= (await admitted(health, 50, rate=100)).count <= 25


async def test_it_says_when_there_will_be_more(health: Health) -> None:
    await admitted(health, 1, rate=1)

    now, grants = await health.admit({CRM: Wish(5, 1)}, token="mine", probe_for=PROBE_FOR)

    assert grants[CRM].count == 0
    assert grants[CRM].again_at is not None
    assert 900 <= grants[CRM].again_at - now <= 1000


async def test_what_was_not_used_is_given_back(health: Health) -> None:
    await admitted(health, 25, rate=100)

    assert (await admitted(health, 20, rate=100, back=18)).count >= 18


async def test_one_endpoints_rate_is_not_anothers(health: Health) -> None:
    await admitted(health, 10, rate=100)

    _, grants = await health.admit({WAREHOUSE: Wish(10, 100)}, token="mine", probe_for=PROBE_FOR)
    assert grants[WAREHOUSE].count == 10


async def test_a_probe_needs_a_permit_too(health: Health) -> None:
    await admitted(health, 1, rate=1)
    await half_open(health)

    assert not (await admitted(health, 1, rate=1)).is_probe


def standing_time(standing: Standing) -> UnixMs:
    """When the last failure was reported: the store's time at that moment."""
    assert standing.last_failure is not None
    return standing.last_failure


async def fail_for_hours(health: Health, hours: int) -> None:
    await fail_for(health, Millis(hours * 3_600_000))


async def fail_for(health: Health, long: Millis) -> None:
    """Just so long that it is disabled."""
    rules = replace(DISABLING, disable_after=long)
    standing = await reported(health, FAILED, FAILED, rules=rules)
    assert standing.failing_since is not None
    began = standing.failing_since - long
    text = await health._store.redis.hget(HEALTH, CRM)
    long_ago = text.replace(f'"since":{standing.failing_since}'.encode(), f'"since":{began}'.encode())
    await health._store.redis.hset(HEALTH, CRM, long_ago)
    await reported(health, FAILED, rules=rules)


async def rewind(health: Health, standing: Standing) -> None:
    """As if the wait were over."""
    text = await health._store.redis.hget(HEALTH, CRM)
    over = text.replace(f'"shut_until":{standing.shut_until}'.encode(), b'"shut_until":1')
    await health._store.redis.hset(HEALTH, CRM, over)


@pytest.mark.parametrize(
    ("earlier", "later", "both"),
    [
        (FAILED, FAILED, Said(failed=2, reason="http_500")),
        (DELIVERED, FAILED, Said(delivered=1, failed=1, reason="http_500")),
        (FAILED, DELIVERED, Said(delivered=1, reason="http_500")),
        (Said(pause=Millis(5)), Said(pause=Millis(3), probe="mine"), Said(pause=Millis(5), probe="mine")),
    ],
)
def test_what_is_said_adds_up_to_the_row_at_its_end(earlier: Said, later: Said, both: Said) -> None:
    assert earlier + later == both
