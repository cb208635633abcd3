"""The delivery loop: claim what is due and there is room for, attempt it; sleep until something is due.

What is routed here and can be attempted at once is not even filed as due: `reserve` room for it, and `hold` it.

Nothing is polled: the loop wakes when events were routed, when a delivery was settled and made room, or when the
earliest due time that it knows of has come. Every few seconds it looks at what other dispatchers did, and left behind.

What waits for an endpoint's rate or breaker is not claimed at all: it stays due in the store, and no attempt is spent.

A delivery's request and its settling are two things: the slot is free as soon as the answer is there, while the lane
stays closed until the store has it. Order needs the second, throughput the first. How many may be begun and not settled
is limited (slots.py): it is what a kill repeats.

Who was frozen for longer than a lease finds its leases with others: what it had not begun then, it does not begin.
"""

import asyncio
import secrets
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from config.clock import steady_clock, system_clock
from consent.directory import Directory
from consent.errors import ConsentError
from consent.ledger import LEASE_MS, Claimed, Order, Queue, Standing
from consent.model import Delivery, EndpointId, Lease, Millis, Partition, UnixMs
from consent.together import all_of
from dispatcher.agenda import Agenda
from dispatcher.attempt import AT_ONCE, Attempts
from dispatcher.deadline import Deadline
from dispatcher.gate import Gate
from dispatcher.lookout import LOOK_EVERY_MS, Lookout
from dispatcher.plan import plan_claims
from dispatcher.slots import Slots

log = structlog.get_logger()


HEARTBEAT_S = 1.5
_ORDERS: Sequence[Order] = ("tried", "urgent", "untried", "urgent")
"""Of one claim after the other: an endpoint may have one slot, and opt-outs to be tried again without end."""


@dataclass(slots=True, eq=False)
class _Holding:
    """A delivery that is ours until it is settled."""

    lease: Lease
    until: UnixMs
    """Nobody else has it before, by the clock of the loop."""
    task: asyncio.Task[None] | None = None
    """None while it waits for a slot."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """Room for deliveries that are about to be routed."""

    places: frozenset[int]
    """Which of them."""
    counts: Mapping[EndpointId, int]
    token: str
    """Of their leases,"""
    until: UnixMs
    """which nobody else has before."""


_NO_ROOM = Reserved(frozenset(), {}, "", UnixMs(0))


class Delivering:
    def __init__(
        self,
        queue: Queue,
        attempts: Attempts,
        gate: Gate,
        deadline: Deadline,
        *,
        partitions: int,
        concurrency: int,
        clock: Callable[[], UnixMs] = steady_clock,
    ) -> None:
        self._queue = queue
        self._attempts = attempts
        self._gate = gate
        self._deadline = deadline
        self._clock = clock
        self._partitions = partitions
        self._agenda = Agenda()
        self._lookout = Lookout(queue, self._agenda, deadline, partitions=partitions, clock=clock)
        self._slots: Slots[_Holding] = Slots(concurrency)
        self._held: set[_Holding] = set()
        self._awake = asyncio.Event()
        self._is_stopping = False
        self._turns = 0
        self.directory = Directory(0)

    @property
    def oldest_optouts(self) -> Mapping[EndpointId, UnixMs]:
        """When the oldest opt-out was recorded that each endpoint was not told of, in the store's time."""
        return self._deadline.oldest

    def standing(self, endpoint: EndpointId) -> Standing:
        """How it is doing, as far as is known here."""
        return self._gate.standing(endpoint)

    @property
    def under_way(self) -> int:
        """Attempts."""
        return self._slots.under_way

    def wake(self) -> None:
        self._awake.set()

    def became_due(
        self, partition: Partition, endpoints: Iterable[EndpointId], *, urgent: Container[EndpointId] = ()
    ) -> None:
        """Something is due there that was not before; opt-outs among it of whom `urgent` names."""
        for endpoint in endpoints:
            self._agenda.note(partition, endpoint, may_be_urgent=endpoint in urgent)
        self.wake()

    def reserve(self, deliveries: Sequence[Delivery]) -> Reserved:
        """Room for those among them that can be attempted at once, opt-outs first. Not of an endpoint of which anything
        is due already, for that may go before them, nor of one that needs leave to be claimed."""
        room, free = self._slots.room_for(self.directory.endpoints), self._slots.free
        left: dict[EndpointId, int] = {}
        chosen: list[int] = []
        for place in sorted(range(len(deliveries)), key=lambda place: not deliveries[place].is_urgent):
            name = deliveries[place].endpoint
            if name not in left:
                left[name] = room(name, len(chosen)) if self._may_begin(name) else 0
            if left[name] > 0 and len(chosen) < free:
                left[name] -= 1
                chosen.append(place)
        if not chosen:
            return _NO_ROOM
        counts = Counter(deliveries[place].endpoint for place in chosen)
        self._slots.reserve(counts)
        return Reserved(frozenset(chosen), counts, secrets.token_hex(8), UnixMs(self._clock() + LEASE_MS))

    def hold(self, reserved: Reserved, leases: Sequence[Lease]) -> None:
        """These came of it. What else was reserved is free again."""
        self._slots.give_back(reserved.counts)
        for lease in leases:
            self._hold(lease, reserved.until)
        for name in {lease.endpoint for lease in leases}:
            self._start(name)
        if len(leases) < len(reserved.places):
            self.wake()

    def learn(self, standings: Mapping[EndpointId, Standing]) -> None:
        """How the store says that endpoints are doing."""
        if changed := self._gate.learn(standings):
            for name in changed:
                self._heed(name)
            self.wake()

    def stop(self) -> None:
        """Claim nothing more. Not by cancelling: a claim cut off would hold its deliveries until the leases expire."""
        self._is_stopping = True
        self.wake()

    async def turn(self) -> float | None:
        """One round. Returns 0, for it has waited itself; None once there shall be no more."""
        self._awake.clear()
        if self._is_stopping:
            return None
        if self._clock() >= self._lookout.again_at:
            await self._lookout.look_around(self.directory.endpoints)
        now = self._clock()  # for both: what became due between two readings would be due for neither
        if await self._claim(now):
            return 0
        await self._sleep(min(self._rest(now), max(self._lookout.again_at - now, 0)) / 1000)
        return 0

    async def heartbeat(self) -> float:
        """Keep the leases of all that is held, where the store answers."""
        now = self._clock()
        held: defaultdict[Partition, list[_Holding]] = defaultdict(list)
        for holding in self._held:
            if holding.task or holding.until > now:
                held[holding.lease.partition].append(holding)
        await all_of(self._renew(holdings, now) for holdings in held.values())
        return HEARTBEAT_S

    async def _renew(self, held: Sequence[_Holding], now: UnixMs) -> None:
        await self._queue.renew([holding.lease for holding in held])
        for holding in held:
            holding.until = UnixMs(now + LEASE_MS)

    async def drain(self, grace: float) -> None:
        """Give back what was not begun, let attempts under way end, and give back what does not end in time."""
        self._slots.close()
        waiting = [holding for holding in self._held if holding.task is None]
        self._held.difference_update(waiting)
        await asyncio.gather(self._release(waiting), self._ended(grace))
        left = [*self._held]
        if late := [holding.task for holding in left if holding.task]:
            for task in late:
                task.cancel()
            await asyncio.wait(late)
        await self._release(left)
        self._held.clear()

    async def _ended(self, grace: float) -> None:
        if under_way := [holding.task for holding in self._held if holding.task]:
            await asyncio.wait(under_way, timeout=grace)

    async def _release(self, held: Sequence[_Holding]) -> None:
        if not held:
            return
        released = await asyncio.gather(
            *(self._attempts.release(holding.lease, Millis(0)) for holding in held), return_exceptions=True
        )
        failed = sum(isinstance(one, ConsentError) for one in released)
        log.warning("deliveries.released", count=released.count(True), left_to_their_leases=failed)

    def _rest(self, now: UnixMs) -> int:
        """Where there is no room for anybody, it does not matter what becomes due."""
        if self._slots.free <= 0:
            return LOOK_EVERY_MS
        return self._agenda.rest(self.directory.endpoints, now, longest=LOOK_EVERY_MS)

    async def _claim(self, now: UnixMs) -> bool:
        """Whether anything was worth asking for."""
        endpoints = self.directory.endpoints
        room, retries = self._slots.room_for(endpoints), self._slots.retries_for(endpoints)
        free = self._slots.free
        order, first = self._order(), self._first()
        due = self._agenda.due(now, lambda name: room(name, 0) > 0, order=order, first=first) if free > 0 else []
        planned = plan_claims(due, room, retries, free=free)
        if not planned:
            return False
        self._turns += 1
        token = secrets.token_hex(8)
        admission = await self._gate.admit(planned, endpoints, token=token, sites=due)
        for name, grant in admission.grants.items():
            if grant.again_at is not None:
                self._agenda.hold(name, grant.again_at)
        counts: Counter[EndpointId] = Counter()
        claim = partial(self._queue.claim, token=token, first=order, fresh=admission.fresh)
        try:
            await all_of(
                self._claim_from(partition, partial(claim, partition, wanted), counts)
                for partition, wanted in admission.claims.items()
            )
        finally:
            self._start()
            if admission.grants:
                for name in await self._gate.took(admission, counts, token=token):
                    self._agenda.release(name)
        return True

    async def _claim_from(
        self, partition: Partition, claim: Callable[[], Awaitable[Claimed]], counts: Counter[EndpointId]
    ) -> None:
        """Count what came of it."""
        asked, asked_at = self._agenda.notes, self._clock()
        claimed = await self._lookout.asked(partition, claim())
        self._agenda.claimed(partition, claimed, self._clock(), asked=asked)
        for lease in claimed.leases:
            self._hold(lease, UnixMs(asked_at + LEASE_MS))
            counts[lease.endpoint] += 1

    def _hold(self, lease: Lease, until: UnixMs) -> None:
        holding = _Holding(lease, until)
        self._held.add(holding)
        self._slots.join(holding)

    def _may_begin(self, name: EndpointId) -> bool:
        endpoint = self.directory.endpoints.get(name)
        return (
            endpoint is not None
            and not self._is_stopping
            and not self._gate.needs_leave(endpoint)
            and not self._agenda.has_due(name, self._clock())
        )

    def _order(self) -> Order:
        return _ORDERS[self._turns % len(_ORDERS)]

    def _first(self) -> int:
        """The partition that comes first where there is no room for all. Each does, in every order."""
        return self._turns // len(_ORDERS) % self._partitions

    def _heed(self, name: EndpointId) -> None:
        """Its breaker opened, or closed."""
        standing = self._gate.standing(name)
        if standing.opened:
            self._agenda.hold(name, standing.shut_until)
        else:
            self._agenda.release(name)

    def _start(self, of: EndpointId | None = None) -> None:
        for holding in self._slots.start(self.directory.endpoints, of=of):
            holding.task = asyncio.create_task(self._deliver(holding))
            holding.task.add_done_callback(partial(self._end, holding))

    async def _deliver(self, holding: _Holding) -> None:
        lease, attempt = holding.lease, AT_ONCE
        try:
            await self._gate.until_reported(lease.endpoint)
            if holding.until > self._clock() and self._gate.lets(lease):
                attempt = await self._attempts.make(lease, self.directory, system_clock)
        finally:
            self._start(self._slots.answered(lease.endpoint, attempt.took_ms, attempt.our_share))
        if self._gate.hear(lease, attempt.said, self._clock()):
            settled, _ = await asyncio.gather(self._attempts.settle(lease, attempt), self._report(lease.endpoint))
        else:
            settled = await self._attempts.settle(lease, attempt)
        if settled is not None and settled.due is not None:
            self._agenda.note(lease.partition, lease.endpoint, settled.due, was_tried=settled.was_tried)

    async def _report(self, name: EndpointId) -> None:
        before = self._gate.standing(name)
        await self._gate.report(name)
        if self._gate.standing(name).shut_until != before.shut_until:
            self._heed(name)

    def _end(self, holding: _Holding, task: asyncio.Task[None]) -> None:
        lease = holding.lease
        self._held.discard(holding)
        self._slots.settled(lease)
        self._start(lease.endpoint)
        if not task.cancelled() and (failure := task.exception()):
            log.error("attempt.broke", delivery=lease.event_id, endpoint=lease.endpoint, exc_info=failure)
        self.wake()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            return
