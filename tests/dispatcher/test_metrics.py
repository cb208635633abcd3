"""What Prometheus reads on the internal port of a dispatcher, and what it must never read there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_network

import aiohttp
import pytest

from config.clock import system_clock
from config.probes import internal_port
from consent.directory import Directory
from consent.ledger import Ledger, Queue
from consent.model import Endpoint, EndpointId, Lease, Millis, Partition, UnixMs
from dispatcher.attempt import Attempts
from dispatcher.metrics import Metrics, Tally, exported
from dispatcher.retry import RetryPolicy
from dispatcher.send import Sender
from tests.builders import ANN, NOON, SECRET, a_campaign, a_delivery, a_stop, an_endpoint
from tests.e2e.installation import free_port

ONCE = RetryPolicy(schedule=(Millis(0),), jitter_ratio=0)


@dataclass
class Waiting:
    directory: Directory = field(default_factory=lambda: Directory.of(1, endpoints=[an_endpoint("crm")]))
    oldest_optouts: dict[EndpointId, UnixMs] = field(default_factory=dict)


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
async def attempts(queue: Queue, tally: Tally) -> AsyncIterator[Attempts]:
    async with Sender(timeout=Millis(5000), egress_allow=(ip_network("127.0.0.0/8"),)) as sender:
        yield Attempts(queue, sender, ONCE, tally)


async def scraped(metrics: Metrics) -> str:
    port = free_port()
    with exported(metrics):
        async with (
            internal_port("127.0.0.1", port, lambda: None),
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{port}/metrics") as response,
        ):
            return await response.text()


async def leased(ledger: Ledger, queue: Queue, endpoint: Endpoint) -> Lease:
    await ledger.apply(a_stop(at=system_clock()))
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        await queue.fan_out(stretch, [a_delivery(event, endpoint) for event in stretch.events])
    claims = [await queue.claim(Partition(p), {endpoint.id: 9}, token="mine") for p in range(4)]
    (lease,) = [lease for claimed in claims for lease in claimed.leases]
    return lease


async def test_attempts_and_what_was_given_up_are_counted_by_endpoint_and_word(
    attempts: Attempts, ledger: Ledger, queue: Queue, tally: Tally
) -> None:
    refusing = an_endpoint("crm", url="http://127.0.0.1:1/hook?key=hunter2")
    lease = await leased(ledger, queue, refusing)
    directory = Directory.of(1, campaigns=[a_campaign()], endpoints=[refusing])

    await attempts.settle(lease, await attempts.make(lease, directory, system_clock))
    text = await scraped(Metrics(tally, Waiting()))

    assert 'consent_relay_attempts_total{endpoint="acme/crm",outcome="bury"} 1.0' in text
    assert 'consent_relay_given_up_total{endpoint="acme/crm",reason="connect_refused"} 1.0' in text
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
    assert tally.attempts.total() == 1


async def test_the_age_of_the_oldest_opt_out_is_told_of_every_endpoint() -> None:
    waiting = Waiting(
        Directory.of(1, endpoints=[an_endpoint("crm"), an_endpoint("billing"), an_endpoint("ahead")]),
        {EndpointId("acme/crm"): UnixMs(NOON - 90_500), EndpointId("acme/ahead"): UnixMs(NOON + 5)},
    )

    text = await scraped(Metrics(Tally(), waiting, lambda: NOON))

    assert 'consent_relay_oldest_optout_seconds{endpoint="acme/crm"} 90.5' in text
    assert 'consent_relay_oldest_optout_seconds{endpoint="acme/billing"} 0.0' in text
    assert 'consent_relay_oldest_optout_seconds{endpoint="acme/ahead"} 0.0' in text


async def test_who_does_not_run_any_more_exports_nothing() -> None:
    with exported(Metrics(Tally(), Waiting())):
        pass

    with exported(Metrics(Tally(), Waiting(Directory.of(1)))):  # under the same names
        pass
