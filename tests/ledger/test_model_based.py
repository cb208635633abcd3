"""Whatever happens in whatever order: the store does what twenty lines of plain Python say it must.

The model knows nothing of keys, scores or scripts: a list per recipient and endpoint, and the rule of event time.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from consent.ledger import Backlog, Ledger, Look, Queue, Store, Verdict
from consent.model import (
    Actor,
    AttemptRecord,
    Duplicate,
    EndpointId,
    Event,
    EventId,
    Lease,
    Millis,
    Msisdn,
    Partition,
    Recorded,
    Status,
    Via,
)
from tests.builders import ACME, ALERTS, NOON, a_change, a_delivery, an_endpoint, an_origin

PARTITIONS = 2
NUMBERS = [Msisdn(f"1650242{n:04}") for n in range(4)]
ENDPOINTS = [an_endpoint(name) for name in ("crm", "warehouse")]
SOON, MUCH_LATER = Millis(0), Millis(3_600_000)
RECORD = AttemptRecord(number=1, outcome="retry", status=500, took_ms=3, error="http_500", response="")

numbers = st.sampled_from(NUMBERS)
names = st.sampled_from([endpoint.id for endpoint in ENDPOINTS])
statuses = st.sampled_from([Status.OPTED_OUT, Status.OPTED_IN, Status.PENDING])


@dataclass
class Head:
    attempts: int = 0
    lease: Lease | None = None
    is_due: bool = True


@dataclass
class Lane:
    """What one endpoint is owed about one number, in order; the first has a head."""

    events: list[Event] = field(default_factory=list)
    head: Head = field(default_factory=Head)

    @property
    def is_claimable(self) -> bool:
        return bool(self.events) and self.head.is_due and self.head.lease is None

    def advance(self) -> None:
        self.events.pop(0)
        self.head = Head()


class Relay(RuleBasedStateMachine):
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.states: dict[Msisdn, tuple[Status, int]] = {}
        self.identities: set[str] = set()
        self.recorded: dict[Msisdn, list[Event]] = defaultdict(list)
        self.unrouted: list[Event] = []
        self.lanes: dict[tuple[EndpointId, Msisdn], Lane] = defaultdict(Lane)
        self.dead: dict[EndpointId, dict[EventId, Event]] = defaultdict(dict)
        self.lost: list[Lease] = []
        self.tokens = 0

    @initialize()
    def open(self) -> None:
        with Redis.from_url(self.url) as redis:
            redis.flushdb()
        self.opened = Store.open(self.url, partitions=PARTITIONS, durability="fsync")
        self.store = self.run(self.opened.__aenter__())
        self.ledger, self.queue, self.backlog = Ledger(self.store), Queue(self.store), Backlog(self.store)

    def teardown(self) -> None:
        self.every_event_is_on_record_and_the_sequence_rises()
        self.run(self.opened.__aexit__(None, None, None))
        self.runner.close()

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def all_of(self, works: Iterable[Any]) -> list[Any]:
        async def gathered() -> list[Any]:
            return await asyncio.gather(*works)

        return list(self.run(gathered()))

    # ── the ledger ──────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(
        msisdn=numbers, status=statuses, at=st.integers(0, 5), message=st.integers(0, 30), actor=st.sampled_from(Actor)
    )
    def record(self, msisdn: Msisdn, status: Status, at: int, message: int, actor: Actor) -> None:
        identity = f"{msisdn}-{message}"
        change = a_change(
            status, msisdn=msisdn, at=NOON + at, identities=(identity,), origin=an_origin(actor, via=Via.API)
        )

        applied = self.run(self.ledger.apply(change))

        if identity in self.identities:
            assert applied == Duplicate()
            return
        self.identities.add(identity)
        before = self.states.get(msisdn)
        is_late = before is not None and (
            before[1] > change.decides_at
            or (before[1] == change.decides_at and before[0] is Status.OPTED_OUT is not status)
        )
        if not is_late:
            self.states[msisdn] = (status, change.decides_at)
        assert isinstance(applied, Recorded)
        assert applied.superseded == is_late
        event = self.run(self.ledger.event(applied.events[0]))
        assert event.changed == (not is_late and (before is None or before[0] is not status))
        self.recorded[msisdn].append(event)
        self.unrouted.append(event)

    @invariant()
    def the_states_are_what_event_time_decided(self) -> None:
        states = self.all_of(self.ledger.state(ACME, ALERTS, msisdn) for msisdn in NUMBERS)
        for msisdn, state in zip(NUMBERS, states, strict=True):
            assert (state and (state.status, state.decides_at)) == self.states.get(msisdn)

    def every_event_is_on_record_and_the_sequence_rises(self) -> None:
        for msisdn in NUMBERS:
            history = self.run(self.ledger.history(ACME, msisdn))[::-1]
            assert history == self.recorded[msisdn]
            assert all(one.sequence < other.sequence for one, other in itertools.pairwise(history))

    # ── the queue ───────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(rivals=st.integers(1, 2))
    def route(self, rivals: int) -> None:
        for stretch in self.run(self.queue.unrouted(self.run(self.queue.cursors()), block=Millis(1))):
            told = [event for event in stretch.events if not event.superseded]
            owed = [a_delivery(event, endpoint) for event in told for endpoint in ENDPOINTS]
            for _ in range(rivals):
                assert self.run(self.queue.fan_out(stretch, owed)) == stretch.after
            for event in told:
                for endpoint in ENDPOINTS:
                    self.lanes[endpoint.id, event.msisdn].events.append(event)
            self.unrouted = [event for event in self.unrouted if event not in stretch.events]
        assert self.unrouted == []

    @rule(endpoint=names, limit=st.integers(1, 4))
    def claim(self, endpoint: EndpointId, limit: int) -> None:
        for keys in self.store.keys:
            ready = {
                msisdn: lane
                for (name, msisdn), lane in self.lanes.items()
                if name == endpoint and lane.is_claimable and self.store.keys_of(msisdn) is keys
            }
            self.tokens += 1

            leases = self.run(self.queue.claim(keys.partition, {endpoint: limit}, token=f"t{self.tokens}"))

            assert len(leases) == len({lease.msisdn for lease in leases}) == min(limit, len(ready))
            for lease in leases:
                lane = ready.pop(lease.msisdn)
                assert (lease.event, lease.attempt) == (lane.events[0], lane.head.attempts + 1)
                lane.head.lease = lease
            passed_over = [lane.events[0].status for lane in ready.values()]
            if Status.OPTED_OUT in passed_over:
                assert {lease.event.status for lease in leases if lease.event} <= {Status.OPTED_OUT}

    @precondition(lambda self: self.leased())
    @rule(
        data=st.data(),
        verdict=st.sampled_from(["done", "bury", "retry", "release"]),
        wait=st.sampled_from([SOON, MUCH_LATER]),
    )
    def settle(self, data: st.DataObject, verdict: Verdict, wait: Millis) -> None:
        lane, lease = data.draw(st.sampled_from(self.leased()))

        assert self.run(self.queue.settle(lease, verdict, RECORD, wait=wait))

        match verdict:
            case "done":
                lane.advance()
            case "bury":
                self.dead[lease.endpoint][lease.event_id] = lane.events[0]
                lane.advance()
            case "retry" | "release":
                lane.head = Head(attempts=lane.head.attempts + (verdict == "retry"), is_due=wait == SOON)
        self.lost.append(lease)

    @precondition(lambda self: self.lost)
    @rule(data=st.data(), verdict=st.sampled_from(["done", "bury", "retry"]))
    def settle_what_is_lost(self, data: st.DataObject, verdict: Verdict) -> None:
        lease = data.draw(st.sampled_from(self.lost))

        assert not self.run(self.queue.settle(lease, verdict, RECORD, wait=SOON))

    @precondition(lambda self: self.leased())
    @rule(data=st.data(), is_renewed=st.booleans())
    def fall_silent(self, data: st.DataObject, is_renewed: bool) -> None:
        """Its lease runs out; a heartbeat between the look and the reaping saves it."""
        lane, lease = data.draw(st.sampled_from(self.leased()))
        leased = self.store.keys[lease.partition].leased
        self.run(self.store.redis.zadd(leased, {f"{lease.endpoint}\x1f{lease.msisdn}": 1}))
        looks = self.looks()
        assert [name for look in looks for name in look.expired] == [(lease.endpoint, lease.msisdn)]
        if is_renewed:
            self.run(self.queue.renew([lease]))

        reaped = sum(self.run(self.queue.reap(look)) for look in looks if look.expired)

        assert reaped == (not is_renewed)
        if not is_renewed:
            self.lost.append(lease)
            lane.head = Head(attempts=lane.head.attempts)

    @precondition(lambda self: any(self.recorded.values()))
    @rule(data=st.data(), endpoint=names)
    def retry_now(self, data: st.DataObject, endpoint: EndpointId) -> None:
        event = data.draw(st.sampled_from([event for events in self.recorded.values() for event in events]))
        lane = self.lanes[endpoint, event.msisdn]

        answer = self.run(self.queue.retry(endpoint, event, is_urgent=event.status is Status.OPTED_OUT))

        if self.dead[endpoint].pop(event.id, None):
            assert answer == "revived"
            lane.events.append(event)
        elif event not in lane.events:
            assert answer == "unknown"
        elif event != lane.events[0]:
            assert answer == "behind"
        elif lane.head.lease:
            assert answer == "in_flight"
        else:
            assert answer == "hastened"
            lane.head.is_due = True

    @invariant()
    def exactly_what_is_owed_is_owed_in_order(self) -> None:
        owing = self.all_of(self.backlog.owed(endpoint.id, limit=10_000) for endpoint in ENDPOINTS)
        for endpoint, owed in zip(ENDPOINTS, owing, strict=True):
            dead = {entry.event for entry in owed if entry.state == "dead"}
            assert dead == self.dead[endpoint.id].keys()
            for msisdn in NUMBERS:
                lane = self.lanes[endpoint.id, msisdn]
                mine = [entry for entry in owed if entry.msisdn == msisdn and entry.state != "dead"]
                assert [entry.event for entry in mine] == [event.id for event in lane.events]
                if mine:
                    head = "in_flight" if lane.head.lease else "due"
                    assert [entry.state for entry in mine] == [head] + ["behind"] * (len(mine) - 1)
                    assert mine[0].attempts == lane.head.attempts

    @invariant()
    def a_look_sees_who_has_something_due(self) -> None:
        for look in self.looks():
            claimable = {
                name
                for (name, msisdn), lane in self.lanes.items()
                if lane.is_claimable and self.store.keys_of(msisdn).partition == look.partition
            }
            assert {name for name, at in look.due.items() if at <= look.now} == claimable

    def leased(self) -> list[tuple[Lane, Lease]]:
        return [(lane, lane.head.lease) for lane in self.lanes.values() if lane.head.lease]

    def looks(self) -> list[Look]:
        return self.all_of(self.queue.look(Partition(partition)) for partition in range(PARTITIONS))


def test_the_store_does_what_the_model_does(server_url: str) -> None:
    class OnTheServer(Relay):
        url = server_url

    run_state_machine_as_test(
        OnTheServer,
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),  # to shrink a failure takes minutes of a real server's time
        ),
    )
