"""What Prometheus reads on the internal port of a dispatcher, and what it must never read there."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from config.clock import system_clock
from config.metrics import exposition
from config.probes import internal_port, listening
from consent.directory import Directory
from consent.ledger import Backlog, Ledger, Queue, Standing, Store
from consent.model import Endpoint, EndpointId, EventType, Lease, Millis, Partition, UnixMs
from dispatcher.attempt import Attempts
from dispatcher.metrics import Metrics
from dispatcher.retry import RetryPolicy
from dispatcher.send import Sender
from dispatcher.tally import Tally
from tests.builders import ANN, BOB, NOON, SECRET, a_campaign, a_delivery, a_stop, an_endpoint
from tests.e2e.installation import Installation, free_port

ONCE = RetryPolicy(schedule=(Millis(0),), jitter_ratio=0)


@dataclass
class Waiting:
    directory: Directory = field(default_factory=lambda: Directory.of(1, endpoints=[an_endpoint("crm")]))
    oldest_optouts: dict[EndpointId, UnixMs] = field(default_factory=dict)
    standings: dict[EndpointId, Standing] = field(default_factory=dict)
    under_way: int = 0

    def standing(self, endpoint: EndpointId) -> Standing:
        return self.standings.get(endpoint, Standing())


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
async def attempts(queue: Queue, tally: Tally) -> AsyncIterator[Attempts]:
    async with Sender(timeout=Millis(5000), egress_allow=(ip_network("127.0.0.0/8"),)) as sender:
        yield Attempts(queue, sender, ONCE, tally)


async def scraped(metrics: Metrics) -> str:
    port = free_port()
    counted = exposition(metrics, refresh=metrics.refresh)
    async with (
        internal_port("127.0.0.1", port, lambda: None, counted),
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/metrics") as response,
    ):
        return await response.text()


async def leased(ledger: Ledger, queue: Queue, endpoint: Endpoint, **changed: Any) -> Lease:
    await ledger.apply(a_stop(at=system_clock(), **changed))
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        await queue.fan_out(stretch, [a_delivery(event, endpoint) for event in stretch.events])
    claims = [await queue.claim(Partition(p), {endpoint.id: 9}, token="mine") for p in range(4)]
    (lease,) = [lease for claimed in claims for lease in claimed.leases]
    return lease


async def test_attempts_and_what_was_given_up_are_counted_by_endpoint_and_word(
    attempts: Attempts, ledger: Ledger, queue: Queue, tally: Tally, store: Store
) -> None:
    refusing = an_endpoint("crm", url="http://127.0.0.1:1/hook?key=hunter2")
    lease = await leased(ledger, queue, refusing)
    directory = Directory.of(1, campaigns=[a_campaign()], endpoints=[refusing])

    await attempts.settle(lease, await attempts.make(lease, directory, system_clock))
    text = await scraped(Metrics(tally, Waiting(), Backlog(store)))

    assert 'consent_relay_attempts_total{endpoint="acme/crm",outcome="bury"} 1.0' in text
    assert 'consent_relay_given_up_total{endpoint="acme/crm",reason="connect_refused"} 1.0' in text
    assert 'consent_relay_optouts_given_up_total{endpoint="acme/crm"} 1.0' in text
    assert 'consent_relay_attempt_seconds_count{endpoint="acme/crm"} 1.0' in text
    assert 'consent_relay_deliveries{endpoint="acme/crm",state="dead"} 1.0' in text
    assert "optout_delivered_seconds_count{" not in text
    assert not [secret for secret in ("hunter2", ANN, SECRET) if secret in text]


async def test_a_lease_that_was_lost_gave_nothing_up(
    attempts: Attempts, ledger: Ledger, queue: Queue, tally: Tally
) -> None:
    refusing = an_endpoint("crm", url="http://127.0.0.1:1/hook")
    lease = await leased(ledger, queue, refusing)
    attempt = await attempts.make(lease, Directory.of(1, campaigns=[a_campaign()], endpoints=[refusing]), system_clock)
    await queue.settle(lease, "release", None, wait=Millis(0))

    await attempts.settle(lease, attempt)

    assert not tally.given_up
    assert not tally.optouts_given_up
    assert tally.attempts.total() == 1


@pytest.mark.parametrize(
    ("type_", "is_replay", "counted"),
    [(EventType.OPTED_OUT, False, 1), (EventType.OPTED_IN, False, 0), (EventType.OPTED_OUT, True, 0)],
)
async def test_an_opt_out_that_the_endpoint_was_never_told_of_is_counted_apart(
    attempts: Attempts,
    ledger: Ledger,
    queue: Queue,
    tally: Tally,
    store: Store,
    type_: EventType,
    is_replay: bool,
    counted: int,
) -> None:
    refusing = an_endpoint("crm", url="http://127.0.0.1:1/hook")
    lease = await leased(ledger, queue, refusing)
    assert lease.event is not None
    lease = replace(lease, event=replace(lease.event, type=type_), is_replay=is_replay)
    directory = Directory.of(1, campaigns=[a_campaign()], endpoints=[refusing])
    before = await scraped(Metrics(tally, Waiting(), Backlog(store)))

    await attempts.settle(lease, await attempts.make(lease, directory, system_clock))

    assert 'consent_relay_optouts_given_up_total{endpoint="acme/crm"} 0.0' in before
    assert tally.optouts_given_up.total() == counted
    assert tally.given_up.total() == 1


async def test_how_long_an_opt_out_took_is_told_of_its_delivery(
    attempts: Attempts, ledger: Ledger, queue: Queue, tally: Tally, store: Store
) -> None:
    endpoint = an_endpoint("crm")
    lease = await leased(ledger, queue, endpoint, received_at=UnixMs(NOON))
    assert lease.event is not None

    async with listening(told, "127.0.0.1", 0) as port:
        reached = replace(endpoint, url=f"http://127.0.0.1:{port}/")
        directory = Directory.of(1, campaigns=[a_campaign()], endpoints=[reached])
        await attempts.make(lease, directory, lambda: UnixMs(NOON + 2400))
        await attempts.make(replace(lease, is_replay=True), directory, lambda: UnixMs(NOON + 90_000))
        start = replace(lease.event, type=EventType.OPTED_IN)
        await attempts.make(replace(lease, event=start), directory, lambda: UnixMs(NOON + 2400))
    text = await scraped(Metrics(tally, Waiting(), Backlog(store)))

    assert 'consent_relay_attempts_total{endpoint="acme/crm",outcome="delivered"} 3.0' in text
    assert 'consent_relay_optout_delivered_seconds_bucket{endpoint="acme/crm",le="1.0"} 0.0' in text
    assert 'consent_relay_optout_delivered_seconds_bucket{endpoint="acme/crm",le="2.5"} 1.0' in text
    assert 'consent_relay_optout_delivered_seconds_count{endpoint="acme/crm"} 1.0' in text
    assert 'consent_relay_optout_delivered_seconds_sum{endpoint="acme/crm"} 2.4' in text


async def test_the_age_of_the_oldest_opt_out_is_told_of_every_endpoint(store: Store) -> None:
    waiting = Waiting(
        Directory.of(1, endpoints=[an_endpoint("crm"), an_endpoint("billing"), an_endpoint("ahead")]),
        {EndpointId("acme/crm"): UnixMs(NOON - 90_500), EndpointId("acme/ahead"): UnixMs(NOON + 5)},
    )

    text = await scraped(Metrics(Tally(), waiting, Backlog(store), lambda: NOON))

    assert 'consent_relay_oldest_optout_seconds{endpoint="acme/crm"} 90.5' in text
    assert 'consent_relay_oldest_optout_seconds{endpoint="acme/billing"} 0.0' in text
    assert 'consent_relay_oldest_optout_seconds{endpoint="acme/ahead"} 0.0' in text


async def test_what_is_due_and_under_way_is_told_of_every_endpoint(ledger: Ledger, queue: Queue, store: Store) -> None:
    crm, idle = an_endpoint("crm"), an_endpoint("idle")
    await leased(ledger, queue, crm)
    await ledger.apply(a_stop(msisdn=BOB))
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        await queue.fan_out(stretch, [a_delivery(event, crm) for event in stretch.events])

    text = await scraped(Metrics(Tally(), Waiting(Directory.of(1, endpoints=[crm, idle]), under_way=1), Backlog(store)))

    told = [line for line in text.splitlines() if line.startswith("consent_relay_deliveries{")]
    assert sorted(told) == [
        'consent_relay_deliveries{endpoint="acme/crm",state="dead"} 0.0',
        'consent_relay_deliveries{endpoint="acme/crm",state="due"} 1.0',
        'consent_relay_deliveries{endpoint="acme/crm",state="leased"} 1.0',
        'consent_relay_deliveries{endpoint="acme/idle",state="dead"} 0.0',
        'consent_relay_deliveries{endpoint="acme/idle",state="due"} 0.0',
        'consent_relay_deliveries{endpoint="acme/idle",state="leased"} 0.0',
    ]
    assert "consent_relay_attempts_under_way 1.0" in text


async def test_while_the_store_is_away_the_rest_is_told(own: Installation) -> None:
    async with own.opened() as store:
        metrics = Metrics(Tally(), Waiting(), Backlog(store))
        await own.kill("store")

        text = await scraped(metrics)

    assert "consent_relay_deliveries{" not in text
    assert 'consent_relay_oldest_optout_seconds{endpoint="acme/crm"} 0.0' in text


async def test_how_endpoints_are_is_told_of_each(store: Store) -> None:
    off, failing, well = an_endpoint("off", disabled="by hand"), an_endpoint("failing"), an_endpoint("well")
    waiting = Waiting(
        Directory.of(1, endpoints=[off, failing, well]), standings={failing.id: Standing(word="failing", opened=2)}
    )

    text = await scraped(Metrics(Tally(), waiting, Backlog(store)))

    for word, endpoint in (("failing", failing), ("paused", failing), ("disabled", off)):
        assert dict(states_of(text, word)) == {one.id: float(one is endpoint) for one in (off, failing, well)}


async def test_the_dashboard_is_told_the_same_in_numbers(tally: Tally) -> None:
    crm, erp = EndpointId("acme/crm"), EndpointId("acme/erp")
    for endpoint, outcome in ((crm, "delivered"), (crm, "delivered"), (erp, "retry"), (crm, "bury")):
        tally.attempted(endpoint, outcome, seconds=0.1)
    tally.heard(crm, seconds=0.3)
    tally.heard(erp, seconds=700)

    counters = tally.counters()

    assert counters == {
        "attempts": 4, "delivered": 2, "failed": 2,
        "endpoint:acme/crm:delivered": 2, "endpoint:acme/crm:failed": 1, "endpoint:acme/erp:failed": 1,
        "heard_seconds_sum": 700.3, "heard_seconds_count": 2,
        "heard_le_0.1": 0, "heard_le_0.25": 0, "heard_le_0.5": 1, "heard_le_1": 1,
        "heard_le_2.5": 1, "heard_le_5": 1, "heard_le_10": 1, "heard_le_60": 1,
    }  # fmt: skip


def states_of(text: str, word: str) -> list[tuple[str, float]]:
    return [
        (found[1], float(found[2]))
        for found in re.finditer(rf'^consent_relay_endpoint_{word}{{endpoint="(.*)"}} (.*)$', text, re.MULTILINE)
    ]


async def told(_: web.BaseRequest) -> web.Response:
    return web.Response()
