"""From the claim to the settling, with the real store and an endpoint that answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook
from structlog.testing import capture_logs

from config.clock import system_clock
from consent.directory import Directory
from consent.errors import StoreUnavailable
from consent.ledger import Backlog, Ledger, Owed, Queue, Replays, Said, Store
from consent.model import (
    LIST,
    Endpoint,
    EndpointId,
    Event,
    EventId,
    EventType,
    Lease,
    Millis,
    Partition,
    Recorded,
)
from dispatcher.attempt import Attempt, Attempts, is_first_hearing
from dispatcher.outcome import Attempted, TryAgain, charged
from dispatcher.retry import GONE_REASON, RetryPolicy, next_step
from dispatcher.send import Sender
from tests.builders import ANN, BOB, SECRET, a_campaign, a_change, a_delivery, a_stop, an_endpoint, an_event, an_origin
from tests.e2e.installation import eventually
from tests.listening import listening

POLICY = RetryPolicy(schedule=(Millis(0), Millis(60_000), Millis(120_000)), jitter_ratio=0)

Ordered = Callable[..., Awaitable[Lease]]


class Sink:
    """Answers as it is told to, and keeps what it got."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.received: list[Any] = []
        self.heads: list[dict[str, str]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.heads.append({name.lower(): value for name, value in request.headers.items()})
        self.received.append(Webhook(SECRET).verify(await request.read(), dict(request.headers)))
        return web.Response(status=self.status, headers=self.headers, text="as you like")


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    sink = Sink()
    async with listening(sink.take) as sink.url:
        yield sink


async def carried_out(attempts: Attempts, lease: Lease, directory: Directory) -> None:
    await attempts.settle(lease, await attempts.make(lease, directory, system_clock))


@pytest.fixture
async def attempts(queue: Queue) -> AsyncIterator[Attempts]:
    async with Sender(timeout=Millis(5000), egress_allow=(ip_network("127.0.0.0/8"),)) as sender:
        yield Attempts(queue, sender, POLICY)


@pytest.fixture
def crm(sink: Sink) -> Endpoint:
    return an_endpoint("crm", url=sink.url)


@pytest.fixture
def directory(crm: Endpoint) -> Directory:
    return Directory.of(1, campaigns=[a_campaign()], endpoints=[crm])


@pytest.fixture
def ordered(ledger: Ledger, queue: Queue, crm: Endpoint) -> Ordered:
    """Somebody has stopped, and this is the lease of the delivery that says so; its `attempt`th."""

    async def lease(*, attempt: int = 1) -> Lease:
        assert isinstance(await ledger.apply(a_stop(at=system_clock())), Recorded)
        for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
            await queue.fan_out(stretch, [a_delivery(event, crm) for event in stretch.events])
        for _ in range(attempt - 1):
            await queue.settle(await claimed(queue, crm), "retry", None, wait=Millis(0))
        return await claimed(queue, crm)

    return lease


async def claimed(queue: Queue, endpoint: Endpoint, token: str = "mine") -> Lease:
    claims = [await queue.claim(Partition(p), {endpoint.id: 9}, token=token) for p in range(4)]
    (lease,) = [lease for claimed in claims for lease in claimed.leases]
    return lease


async def owed(backlog: Backlog, endpoint: Endpoint) -> Owed:
    (one,) = await backlog.owed(endpoint.id)
    return one


async def due_in(queue: Queue, lease: Lease) -> int:
    look = await queue.look(lease.partition)
    return look.due[lease.endpoint] - look.now


async def test_what_is_delivered_is_done_and_on_record(
    attempts: Attempts, ordered: Ordered, directory: Directory, backlog: Backlog, sink: Sink, crm: Endpoint
) -> None:
    lease = await ordered()

    with capture_logs() as logs:
        await carried_out(attempts, lease, directory)

    (body,) = sink.received
    assert (body["type"], body["data"]["event_id"]) == ("consent.opted_out", lease.event_id)
    assert body["data"]["campaign"]["title"] == "My Campaign Name"
    assert await backlog.owed(crm.id) == []
    (attempt,) = await backlog.attempts_on(lease.event_id)
    assert (attempt.record.outcome, attempt.record.status, attempt.record.error) == ("done", 200, "")
    (line,) = logs
    assert (line["event"], line["outcome"], line["attempt"]) == ("delivery.attempted", "delivered", 1)
    assert line["since_received_ms"] >= line["ms"] >= 0


async def test_a_failure_is_tried_again_when_the_schedule_says(
    attempts: Attempts,
    ordered: Ordered,
    directory: Directory,
    queue: Queue,
    backlog: Backlog,
    sink: Sink,
    crm: Endpoint,
) -> None:
    sink.status = 500
    lease = await ordered()

    with capture_logs() as logs:
        await carried_out(attempts, lease, directory)

    assert await due_in(queue, lease) == pytest.approx(60_000, abs=2000)
    assert ((await owed(backlog, crm)).state, (await owed(backlog, crm)).attempts) == ("due", 1)
    (attempt,) = await backlog.attempts(of_each=10)
    assert (attempt.record.outcome, attempt.record.error, attempt.record.response) == (
        "retry",
        "http_500",
        "as you like",
    )
    assert (logs[0]["log_level"], logs[0]["reason"], logs[0]["again_in_s"]) == ("warning", "http_500", 60)


async def test_an_endpoint_that_asks_for_time_gets_it(
    attempts: Attempts, ordered: Ordered, directory: Directory, queue: Queue, sink: Sink
) -> None:
    sink.status, sink.headers = 503, {"Retry-After": "90"}
    lease = await ordered()

    await carried_out(attempts, lease, directory)

    assert await due_in(queue, lease) == pytest.approx(90_000, abs=2000)


async def test_a_refused_connection_is_a_failure_like_any_other(
    attempts: Attempts, ordered: Ordered, queue: Queue, backlog: Backlog, sink: Sink, crm: Endpoint
) -> None:
    lease = await ordered()
    nowhere = Directory.of(1, endpoints=[an_endpoint("crm", url="http://127.0.0.1:1/hook")])

    await carried_out(attempts, lease, nowhere)

    (attempt,) = await backlog.attempts(of_each=10)
    assert attempt.record.status is None
    assert attempt.record.error.startswith("connect_refused")
    assert await due_in(queue, lease) > 50_000


async def test_410_holds_the_delivery_and_says_that_the_endpoint_is_gone(
    attempts: Attempts,
    ordered: Ordered,
    directory: Directory,
    backlog: Backlog,
    sink: Sink,
    crm: Endpoint,
) -> None:
    sink.status = 410
    lease = await ordered()

    attempt = await attempts.make(lease, directory, system_clock)
    await attempts.settle(lease, attempt)

    assert attempt.said == Said(failed=1, reason=GONE_REASON, is_gone=True)
    held = await owed(backlog, crm)
    assert (held.event, held.state, held.attempts) == (lease.event_id, "due", 0)
    (attempt,) = await backlog.attempts(of_each=10)
    assert (attempt.record.outcome, attempt.record.status) == ("hold", 410)


async def test_after_the_last_attempt_it_is_parked_and_can_be_replayed(
    attempts: Attempts,
    ordered: Ordered,
    directory: Directory,
    queue: Queue,
    backlog: Backlog,
    sink: Sink,
    crm: Endpoint,
) -> None:
    sink.status = 500
    lease = await ordered(attempt=3)

    await carried_out(attempts, lease, directory)

    dead = await owed(backlog, crm)
    assert (dead.state, dead.attempts, dead.reason) == ("dead", 3, "gave up after 3 attempts: http_500")
    assert lease.event is not None
    assert await queue.retry(crm.id, lease.event) == "revived"
    sink.status = 200
    await carried_out(attempts, await claimed(queue, crm), directory)
    assert await backlog.owed(crm.id) == []


@pytest.mark.parametrize("known", [[], [an_endpoint("crm", disabled="gone")]])
async def test_what_cannot_be_served_here_is_given_back_untried(
    attempts: Attempts,
    ordered: Ordered,
    queue: Queue,
    backlog: Backlog,
    sink: Sink,
    crm: Endpoint,
    known: list[Endpoint],
) -> None:
    lease = await ordered()

    await carried_out(attempts, lease, Directory.of(1, endpoints=known))

    assert sink.received == []
    assert ((await owed(backlog, crm)).state, (await owed(backlog, crm)).attempts) == ("due", 0)
    assert 0 < await due_in(queue, lease) <= 5000
    assert await backlog.attempts(of_each=10) == []


async def test_what_is_our_own_fault_spends_no_attempt_and_is_soon_tried_again(
    attempts: Attempts, ordered: Ordered, queue: Queue, backlog: Backlog, crm: Endpoint
) -> None:
    lease = await ordered(attempt=2)
    failed = Attempted(outcome=TryAgain("no_route"), status=None, took_ms=1, response="", error="no_route")
    attempt = Attempt(next_step(charged(failed), lease.attempt, POLICY, 0.0), failed)

    await attempts.settle(lease, attempt)

    assert attempt.said == Said()
    assert ((await owed(backlog, crm)).state, (await owed(backlog, crm)).attempts) == ("due", 1)
    assert await due_in(queue, lease) == pytest.approx(10_000, abs=2000)
    (tried, *_) = await backlog.attempts(of_each=10)
    assert (tried.record.outcome, tried.record.error) == ("put_off", "no_route")


async def test_an_event_that_is_no_longer_in_the_log_is_parked(
    attempts: Attempts,
    ordered: Ordered,
    directory: Directory,
    queue: Queue,
    store: Store,
    backlog: Backlog,
    sink: Sink,
    crm: Endpoint,
) -> None:
    lease = await ordered()
    await queue.settle(lease, "release", None, wait=Millis(0))
    await store.redis.delete(store.keys[lease.partition].log)
    without_event = await claimed(queue, crm)

    await carried_out(attempts, without_event, directory)

    assert without_event.event is None
    dead = await owed(backlog, crm)
    assert (dead.state, dead.reason) == ("dead", "the event is no longer in the log")


async def test_what_the_endpoint_has_no_form_for_any_more_is_dropped_and_an_opt_out_is_not(
    attempts: Attempts, ledger: Ledger, queue: Queue, backlog: Backlog, sink: Sink, crm: Endpoint
) -> None:
    await ledger.apply(a_change(None, type=EventType.MESSAGE_RECEIVED, campaigns=(), detail='{"text":"Hello"}'))
    await ledger.apply(a_stop(msisdn=BOB))
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        await queue.fan_out(stretch, [a_delivery(event, crm) for event in stretch.events])
    claims = [await queue.claim(Partition(p), {crm.id: 9}, token="mine") for p in range(4)]
    by_type = {lease.event.type: lease for claimed in claims for lease in claimed.leases if lease.event}
    speaks_wxml = Directory.of(2, campaigns=[a_campaign()], endpoints=[replace(crm, format="wxml")])

    with capture_logs() as logs:
        await carried_out(attempts, by_type[EventType.MESSAGE_RECEIVED], speaks_wxml)
    attempt = await attempts.make(by_type[EventType.OPTED_OUT], speaks_wxml, system_clock)

    assert [owed.event for owed in await backlog.owed(crm.id)] == [by_type[EventType.OPTED_OUT].event_id]
    assert [line["event"] for line in logs] == ["delivery.dropped"]
    assert attempt.attempted is not None
    assert len(sink.heads) == 1
    assert sink.received == []


async def test_who_lost_the_lease_changes_nothing_and_says_so(
    attempts: Attempts, ordered: Ordered, directory: Directory, queue: Queue, backlog: Backlog, crm: Endpoint
) -> None:
    lost = await ordered()
    await queue.settle(lost, "release", None, wait=Millis(0))
    found = await claimed(queue, crm, token="theirs")

    with capture_logs() as logs:
        await carried_out(attempts, lost, directory)

    assert [line["event"] for line in logs] == ["delivery.attempted", "lease.lost"]
    assert (await owed(backlog, crm)).state == "in_flight"
    assert await queue.settle(found, "done", None, wait=Millis(0))


@asynccontextmanager
async def refusing(store: Store) -> AsyncIterator[None]:
    """Meanwhile the store runs no function."""
    await store.redis.execute_command("ACL", "SETUSER", "default", "-fcall")
    try:
        yield
    finally:
        await store.redis.execute_command("ACL", "SETUSER", "default", "+fcall")


async def test_what_was_sent_is_settled_once_the_store_takes_it(
    attempts: Attempts,
    ordered: Ordered,
    directory: Directory,
    store: Store,
    backlog: Backlog,
    sink: Sink,
    crm: Endpoint,
) -> None:
    lease = await ordered()
    with capture_logs() as logs:
        async with refusing(store):
            making = asyncio.create_task(carried_out(attempts, lease, directory))
            await eventually(lambda: any(line["event"] == "delivery.unsettled" for line in logs))
        await making

    assert len(sink.received) == 1
    assert logs[1]["error"].startswith("the store refused")
    assert await backlog.owed(crm.id) == []


async def test_what_the_store_does_not_take_back_is_said(attempts: Attempts, ordered: Ordered, store: Store) -> None:
    lease = await ordered()

    async with refusing(store):
        with pytest.raises(StoreUnavailable):
            await attempts.release(lease, Millis(0))


@pytest.mark.parametrize(
    ("event", "is_replay", "counts"),
    [
        (an_event(), False, True),
        (an_event(), True, False),
        (an_event(EventType.OPTED_IN), False, False),
        (an_event(origin=an_origin(provider=LIST)), False, False),
        (None, False, False),
    ],
)
def test_the_time_to_hear_of_an_opt_out_is_told_of_those_that_somebody_waits_for(
    event: Event | None, is_replay: bool, counts: bool
) -> None:
    lease = Lease(
        partition=Partition(0),
        endpoint=EndpointId("acme/crm"),
        msisdn=ANN,
        event_id=EventId("evt_0_1_0"),
        event=event,
        attempt=1,
        token="t",
        is_replay=is_replay,
    )

    assert is_first_hearing(lease) is counts


async def test_a_replay_says_so_and_keeps_its_id(
    attempts: Attempts, ordered: Ordered, directory: Directory, queue: Queue, store: Store, sink: Sink, crm: Endpoint
) -> None:
    first = await ordered()
    await carried_out(attempts, first, directory)
    assert first.event is not None
    await Replays(store).queue(crm.id, [a_delivery(first.event, crm)], only_dead=False)

    with capture_logs() as logs:
        await carried_out(attempts, await claimed(queue, crm), directory)

    before, again = sink.heads
    assert (before.get("webhook-replay"), again.get("webhook-replay")) == (None, "true")
    assert before["webhook-id"] == again["webhook-id"] == first.event_id
    assert [line["replay"] for line in logs] == [True]


async def test_where_the_time_of_an_attempt_went_is_on_record(
    attempts: Attempts, ordered: Ordered, directory: Directory, backlog: Backlog, queue: Queue, crm: Endpoint
) -> None:
    for _ in range(2):
        await carried_out(attempts, await ordered(), directory)

    kept, opened = [attempt.record for attempt in await backlog.attempts(of_each=10)]
    assert opened.opening is not None
    assert opened.opening.connect_ms >= 0
    assert opened.opening.tls_ms is None
    assert kept.opening is None
    assert all(
        record.first_byte_ms is not None and record.first_byte_ms <= record.took_ms + 1 for record in (opened, kept)
    )


async def test_who_gave_no_answer_has_no_timings(
    attempts: Attempts, ordered: Ordered, backlog: Backlog, crm: Endpoint
) -> None:
    nowhere = Directory.of(1, endpoints=[an_endpoint("crm", url="http://127.0.0.1:1/hook")])

    await carried_out(attempts, await ordered(), nowhere)

    (attempt,) = await backlog.attempts(of_each=10)
    assert (attempt.record.first_byte_ms, attempt.record.opening) == (None, None)
