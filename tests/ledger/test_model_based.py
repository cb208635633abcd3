"""Whatever happens in whatever order: the store does what twenty lines of plain Python say it must.

The model knows nothing of keys, scores or scripts: a list per recipient and endpoint, and the rule of event time.
"""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
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

from consent.ledger import Backlog, Ledger, Look, Queue, Replays, Settled, Store, Verdict
from consent.model import (
    CONSENT_EVENT,
    LIST,
    Actor,
    Applied,
    Attached,
    AttemptRecord,
    Change,
    Condition,
    Declined,
    Duplicate,
    EndpointId,
    Event,
    EventId,
    EventType,
    Lease,
    Millis,
    Msisdn,
    Partition,
    Question,
    Recorded,
    Status,
    UnixMs,
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
changes = st.builds(
    lambda status, actor, condition, at, late, until, confirms, is_tied, is_listed: a_change(
        status,
        at=NOON + at * 1000,
        received_at=UnixMs(NOON + (at + late) * 1000),
        origin=replace(an_origin(actor, via=Via.API), provider=LIST if is_listed else "nexmo"),
        condition=condition,
        question=Question(until=UnixMs(NOON + until * 1000), promises_confirmation=confirms)
        if status is Status.PENDING
        else None,
        attached=(Attached(EventType.MESSAGE_REQUESTED, '{"request":"any"}', if_changed=is_tied),),
    ),
    st.sampled_from([Status.OPTED_OUT, Status.OPTED_IN, Status.PENDING]),
    st.sampled_from(Actor),
    st.sampled_from(Condition),
    at=st.integers(0, 5),
    late=st.integers(0, 5),
    until=st.integers(0, 5),
    confirms=st.booleans(),
    is_tied=st.booleans(),
    is_listed=st.booleans(),
)
REFUSABLE = {
    (Condition.UNLESS_SELF_STOPPED, Actor.ACCOUNT),
    (Condition.YIELDING, Actor.ACCOUNT),
    (Condition.YIELDING, Actor.OPERATOR),
}
"""Opt-ins that would not have come about had a STOP of hers been known."""


@dataclass
class Head:
    attempts: int = 0
    lease: Lease | None = None
    is_due: bool = True


@dataclass(frozen=True)
class Owed:
    event: Event
    is_replay: bool

    @property
    def is_opt_out(self) -> bool:
        return self.event.type is EventType.OPTED_OUT and self.event.origin.provider != LIST

    @property
    def is_in_bulk(self) -> bool:
        return self.is_replay or self.event.origin.provider == LIST

    @property
    def is_urgent(self) -> bool:
        return self.is_opt_out and not self.is_in_bulk


@dataclass
class Lane:
    """What one endpoint is owed about one number, in order; the first has a head."""

    owed: list[Owed] = field(default_factory=list)
    head: Head = field(default_factory=Head)

    @property
    def events(self) -> list[Event]:
        return [owed.event for owed in self.owed]

    @property
    def is_urgent(self) -> bool:
        return any(owed.is_urgent for owed in self.owed)

    @property
    def rank(self) -> int:
        """The lower, the earlier it is claimed. Whatever is ahead of an opt-out goes as early as that would."""
        first = self.owed[0]
        is_late = self.head.attempts > 0 or (first.is_in_bulk and not self.is_urgent)
        return (0 if self.is_urgent or first.is_opt_out else 2) + is_late

    def owe(self, event: Event, *, is_replay: bool = False) -> None:
        self.owed.append(Owed(event, is_replay))

    @property
    def is_claimable(self) -> bool:
        return bool(self.owed) and self.head.is_due and self.head.lease is None

    def has_in_place(self, event: Event) -> bool:
        """It waits, and nothing older does behind it."""
        behind = itertools.takewhile(lambda one: one != event, reversed(self.events))
        return event in self.events and all(one.sequence > event.sequence for one in behind)

    def advance(self) -> None:
        self.owed.pop(0)
        self.head = Head()


@dataclass
class Known:
    """What is known of a number: the last decision, and what a question that lapses leaves behind."""

    status: Status
    at: int
    is_hers: bool
    is_out: bool
    until: int | None = None
    confirms: bool = False
    is_yielding: bool = False
    """To an opt-out of hers, whatever its instant."""

    def status_at(self, at: int) -> Status:
        if self.status is not Status.PENDING or self.until is None or at <= self.until:
            return self.status
        return Status.OPTED_OUT if self.is_out else Status.UNKNOWN

    def outweighs(self, change: Change) -> bool:
        is_her_stop = self.status is Status.OPTED_OUT and self.is_hers
        if change.condition is Condition.YIELDING and is_her_stop and change.status is not Status.OPTED_OUT:
            return True
        if change.status is Status.OPTED_OUT and (self.status is Status.PENDING or self.yields_to(change)):
            return False
        is_beaten = self.status is Status.OPTED_OUT is not change.status
        return change.decides_at < self.at or (change.decides_at == self.at and is_beaten)

    def yields_to(self, change: Change) -> bool:
        if self.status is not Status.OPTED_IN or change.status is not Status.OPTED_OUT:
            return False
        is_hers = change.origin.actor is Actor.RECIPIENT
        return (self.is_yielding and is_hers) or self.at > change.received_at  # by a clock that was ahead

    def declines(self, change: Change) -> bool:
        is_asked_by_account = change.condition is Condition.UNLESS_SELF_STOPPED or change.status is Status.PENDING
        return self.status is Status.OPTED_OUT and self.is_hers and is_asked_by_account

    def is_answered_by(self, change: Change) -> bool:
        return self.at <= change.decides_at and self.status_at(change.decides_at) is Status.PENDING


def decided(change: Change, before: Known | None) -> tuple[Known | None, list[str]]:
    """What is known then, and what is logged: types, with "+" for what changed and "-" for what came late."""
    asked, at = change.attached[0], change.decides_at
    is_hers = change.origin.actor is Actor.RECIPIENT
    attached = [] if asked.if_changed else [asked.type]
    if change.condition is Condition.IF_PENDING and not (before and before.is_answered_by(change)):
        is_asking = change.status is Status.PENDING
        return before, [EventType.MESSAGE_RECEIVED, *([] if is_asking else attached)]
    if before and before.outweighs(change):
        if before.status is change.status is Status.OPTED_OUT:
            before.is_hers |= is_hers
        return before, [f"{change.type}-"]
    previous = before.status_at(at) if before else Status.UNKNOWN
    status = change.status
    assert status is not None
    is_refusable = (change.condition, change.origin.actor) in REFUSABLE
    is_answer = change.condition is Condition.IF_PENDING and is_hers
    is_yielding = is_refusable or is_answer or change.origin.actor is Actor.IMPORT
    affirmed = before if is_refusable and previous is Status.OPTED_IN else None
    if status is Status.PENDING and previous is Status.OPTED_IN:
        known = affirmed or Known(Status.OPTED_IN, at, is_hers, is_out=False, is_yielding=is_yielding)
        return known, [EventType.OPTED_IN, *_confirmation(change.question)]
    has_changed = status is not previous
    logged = [f"{CONSENT_EVENT[status]}{'+' if has_changed else ''}"]
    if has_changed or status is Status.PENDING:
        attached = [] if asked.if_changed and not has_changed else [asked.type]
    promised = before.confirms if before and previous is Status.PENDING and is_hers else False
    known = Known(
        status,
        at if not before or before.yields_to(change) else max(at, before.at),
        is_hers or bool(status is Status.OPTED_OUT and before and before.status is status and before.is_hers),
        is_out=status is Status.OPTED_OUT or (status is Status.PENDING and before is not None and before.is_out),
        until=change.question.until if change.question else None,
        confirms=bool(change.question and change.question.promises_confirmation),
        is_yielding=is_yielding and status is Status.OPTED_IN,
    )
    if affirmed and status is Status.OPTED_IN:
        known = affirmed
    is_confirmed = promised and status is Status.OPTED_IN
    return known, [*logged, *attached, *([EventType.MESSAGE_REQUESTED] if is_confirmed else [])]


def _confirmation(question: Question | None) -> list[str]:
    return [EventType.MESSAGE_REQUESTED] if question and question.promises_confirmation else []


def told(event: Event) -> str:
    return f"{event.type}{'+' if event.changed else ''}{'-' if event.superseded else ''}"


class Relay(RuleBasedStateMachine):
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.states: dict[Msisdn, Known] = {}
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
        self.replays = Replays(self.store)

    def teardown(self) -> None:
        self.every_event_is_on_record_and_the_sequence_rises()
        self.run(self.opened.__aexit__(None, None, None))
        self.runner.close()

    async def apply(self, change: Change) -> Applied:
        return await self.ledger.apply(change)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def all_of(self, works: Iterable[Any]) -> list[Any]:
        async def gathered() -> list[Any]:
            return await asyncio.gather(*works)

        return list(self.run(gathered()))

    # ── the ledger ──────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(msisdn=numbers, change=changes, message=st.integers(0, 30))
    def record(self, msisdn: Msisdn, change: Change, message: int) -> None:
        identity = f"{msisdn}-{message}"
        before = self.states.get(msisdn)

        applied = self.run(self.apply(replace(change, msisdn=msisdn, identities=(identity,))))

        if before and before.declines(change):
            assert applied == Declined()
            return
        if identity in self.identities:
            assert applied == Duplicate()
            return
        self.identities.add(identity)
        after, logged = decided(change, before)
        if after:
            self.states[msisdn] = after
        assert isinstance(applied, Recorded)
        events = self.all_of(map(self.ledger.event, applied.events))
        assert [told(event) for event in events] == logged
        assert applied.superseded == events[0].superseded
        self.recorded[msisdn] += events
        self.unrouted += events

    @invariant()
    def the_states_are_what_event_time_decided(self) -> None:
        states = self.all_of(self.ledger.state(ACME, ALERTS, msisdn) for msisdn in NUMBERS)
        for msisdn, state in zip(NUMBERS, states, strict=True):
            known = self.states.get(msisdn)
            assert (state is None) == (known is None)
            if state and known:
                assert (state.status, state.decides_at, state.pending_until) == (known.status, known.at, known.until)
                assert (state.actor is Actor.RECIPIENT) == known.is_hers
                assert (state.opted_out_at is not None) == known.is_out
                assert [state.status_at(UnixMs(NOON + at * 1000)) for at in range(7)] == [
                    known.status_at(NOON + at * 1000) for at in range(7)
                ]

    @invariant()
    def the_opt_out_lists_hold_whoever_is_out_or_was_before_she_was_asked(self) -> None:
        lists = self.all_of(self.store.redis.zrange(keys.optout(ACME, ALERTS), 0, -1) for keys in self.store.keys)
        listed = {Msisdn(name.decode()) for page in lists for name in page}
        assert listed == {msisdn for msisdn, known in self.states.items() if known.is_out}

    def every_event_is_on_record_and_the_sequence_rises(self) -> None:
        for msisdn in NUMBERS:
            history = self.run(self.ledger.history(ACME, msisdn))[::-1]
            assert history == self.recorded[msisdn]
            assert all(one.sequence < other.sequence for one, other in itertools.pairwise(history))

    # ── the queue ───────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(rivals=st.integers(1, 2), data=st.data())
    def route(self, rivals: int, data: st.DataObject) -> None:
        """Who is first holds of what it wanted to hold whatever is the first of its lane."""
        for stretch in self.run(self.queue.unrouted(self.run(self.queue.cursors()), block=Millis(1))):
            awaited = [event for event in stretch.events if not event.superseded]
            owed = [(event, endpoint) for event in awaited for endpoint in ENDPOINTS]
            hold = data.draw(st.sets(st.integers(0, max(len(owed) - 1, 0))))
            self.tokens += 1
            first, *others = (
                self.run(
                    self.queue.fan_out(
                        stretch, [a_delivery(*one) for one in owed], hold=hold, token=f"t{self.tokens}-{rival}"
                    )
                )
                for rival in range(rivals)
            )
            assert {one.after for one in (first, *others)} == {stretch.after}
            assert not any(one.leases for one in others)
            leases, became_due = list(first.leases), set()
            for place, (event, endpoint) in enumerate(owed):
                lane = self.lanes[endpoint.id, event.msisdn]
                was_urgent = lane.is_urgent
                lane.owe(event)
                if len(lane.owed) > 1:
                    if lane.is_urgent and not was_urgent and lane.is_claimable:
                        became_due.add(endpoint.id)
                    continue
                if place in hold:
                    lane.head.lease = leases.pop(0)
                    assert (lane.head.lease.event, lane.head.lease.attempt) == (event, 1)
                else:
                    became_due.add(endpoint.id)
            assert (leases, first.due) == ([], became_due)
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

            leases = self.run(self.queue.claim(keys.partition, {endpoint: limit}, token=f"t{self.tokens}")).leases

            assert len(leases) == len({lease.msisdn for lease in leases}) == min(limit, len(ready))
            ranks = [ready[lease.msisdn].rank for lease in leases]
            for lease in leases:
                lane = ready.pop(lease.msisdn)
                assert (lease.event, lease.attempt) == (lane.events[0], lane.head.attempts + 1)
                lane.head.lease = lease
            passed_over = [lane.rank for lane in ready.values()]
            assert max(ranks, default=0) <= min(passed_over, default=4)

    @precondition(lambda self: self.leased())
    @rule(
        data=st.data(),
        verdict=st.sampled_from(["done", "bury", "retry", "release"]),
        wait=st.sampled_from([SOON, MUCH_LATER]),
    )
    def settle(self, data: st.DataObject, verdict: Verdict, wait: Millis) -> None:
        lane, lease = data.draw(st.sampled_from(self.leased()))

        assert self.run(self.queue.settle(lease, verdict, RECORD, wait=wait))

        self.was_settled(lane, lease, verdict, wait)

    @precondition(lambda self: len(self.leased()) > 1)
    @rule(data=st.data())
    def settle_together(self, data: st.DataObject) -> None:
        """Those of one partition go in one call, and lost leases with them."""
        verdicts = st.tuples(st.sampled_from(["done", "bury", "retry", "release"]), st.sampled_from([SOON, MUCH_LATER]))
        drawn = [(lane, lease, *data.draw(verdicts)) for lane, lease in self.leased()]
        lost = data.draw(st.lists(st.sampled_from(self.lost), max_size=2)) if self.lost else []

        async def together() -> list[Settled | None]:
            ours = [self.queue.settle(lease, verdict, RECORD, wait=wait) for _, lease, verdict, wait in drawn]
            theirs = [self.queue.settle(lease, "done", RECORD, wait=SOON) for lease in lost]
            return await asyncio.gather(*theirs, *ours)

        settled = self.run(together())

        assert settled[: len(lost)] == [None] * len(lost)
        for one, (lane, lease, verdict, wait) in zip(settled[len(lost) :], drawn, strict=True):
            self.was_settled(lane, lease, verdict, wait)
            assert one is not None
            assert (one.due is None) == (not lane.events)
            assert one.was_tried or not (lane.events and lane.head.attempts)

    def was_settled(self, lane: Lane, lease: Lease, verdict: Verdict, wait: Millis) -> None:
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
        self.run(self.store.redis.zadd(leased, {f"{lease.endpoint}\x1f{lease.msisdn}": 1}, xx=True))
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

        answer = self.run(self.queue.retry(endpoint, event))

        if self.dead[endpoint].pop(event.id, None):
            assert answer == "revived"
            lane.owe(event)
        elif event not in lane.events:
            assert answer == "unknown"
        elif event != lane.events[0]:
            assert answer == "behind"
        elif lane.head.lease:
            assert answer == "in_flight"
        else:
            assert answer == "hastened"
            lane.head.is_due = True

    @rule(endpoint=names)
    def hasten(self, endpoint: EndpointId) -> None:
        self.run(self.queue.hasten(endpoint))

        for (name, _), lane in self.lanes.items():
            if name == endpoint and lane.events and not lane.head.lease:
                lane.head.is_due = True

    @precondition(lambda self: self.routed())
    @rule(data=st.data(), endpoint=names, only_dead=st.booleans())
    def replay(self, data: st.DataObject, endpoint: EndpointId, only_dead: bool) -> None:
        chosen = data.draw(st.sets(st.sampled_from(self.routed()), min_size=1))
        in_order = sorted(chosen, key=lambda event: event.sequence)
        expected: Counter[str] = Counter()
        for event in in_order:
            lane = self.lanes[endpoint, event.msisdn]
            if only_dead and event.id not in self.dead[endpoint]:
                expected["not_dead"] += 1
            elif lane.has_in_place(event):
                expected["waiting"] += 1
            else:
                expected["queued"] += 1
                lane.owe(event, is_replay=True)
                self.dead[endpoint].pop(event.id, None)

        owed = [a_delivery(event) for event in in_order]
        assert self.run(self.replays.queue(endpoint, owed, only_dead=only_dead)) == expected

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

    def routed(self) -> list[Event]:
        known = [event for events in self.recorded.values() for event in events]
        return [event for event in known if not event.superseded and event not in self.unrouted]

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
            suppress_health_check=list(HealthCheck),
            phases=(Phase.reuse, Phase.generate),  # to shrink a failure takes minutes of a real server's time
        ),
    )
