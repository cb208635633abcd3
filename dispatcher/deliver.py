"""The delivery loop: claim what is due and there is room for, attempt it; sleep until something is due.

Nothing is polled: the loop wakes when events were routed, when a delivery was settled and made room, or when the
earliest due time that it knows of has come. Every few seconds it looks at what other dispatchers did, and left behind.

A delivery's request and its settling are two things: the slot is free as soon as the answer is there, while the lane
stays closed until the store has it. Order needs the second, throughput the first.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import structlog

from consent.directory import Directory
from consent.errors import ConsentError
from consent.ledger import Queue
from consent.model import EndpointId, Lease, Millis, Partition, UnixMs
from dispatcher.agenda import Agenda
from dispatcher.attempt import Attempts
from dispatcher.plan import plan_claims
from dispatcher.slots import Slots

log = structlog.get_logger()

_LOOK_EVERY_MS = 4500
"""The safety net: what another process did without waking us, and then perhaps died of, is found after this long."""
_LOOK_AGAIN_MS = 250
_HEARTBEAT_S = 1.5

Clock = Callable[[], UnixMs]


@dataclass(slots=True, eq=False)
class _Holding:
    """A delivery that is ours until it is settled."""

    lease: Lease
    task: asyncio.Task[None] | None = None
    """None while it waits for a slot."""


class Delivering:
    def __init__(self, queue: Queue, attempts: Attempts, *, partitions: int, concurrency: int) -> None:
        self._queue = queue
        self._attempts = attempts
        self._partitions = [Partition(p) for p in range(partitions)]
        self._agenda = Agenda()
        self._slots: Slots[_Holding] = Slots(concurrency)
        self._held: set[_Holding] = set()
        self._look_at = UnixMs(0)
        self._awake = asyncio.Event()
        self._is_stopping = False
        self.directory = Directory(0)

    def wake(self) -> None:
        self._awake.set()

    def routed(self, partition: Partition, endpoints: Iterable[EndpointId]) -> None:
        """Something new is due there."""
        for endpoint in endpoints:
            self._agenda.note(partition, endpoint)
        self.wake()

    def stop(self) -> None:
        """Claim nothing more. Not by cancelling: a claim cut off would hold its deliveries until the leases expire."""
        self._is_stopping = True
        self.wake()

    async def turn(self, clock: Clock) -> float | None:
        """One round. Returns 0, for it has waited itself; None once there shall be no more."""
        self._awake.clear()
        if self._is_stopping:
            return None
        if clock() >= self._look_at:
            self._look_at = await self._look_around(clock)
        if await self._claim(clock):
            self._start(clock)
            return 0
        rest = self._agenda.rest(self.directory.endpoints, clock(), longest=_LOOK_EVERY_MS)
        await self._sleep(min(rest, max(self._look_at - clock(), 0)) / 1000)
        return 0

    async def heartbeat(self) -> float:
        """Keep the leases of all that is held."""
        if self._held:
            await self._queue.renew([holding.lease for holding in self._held])
        return _HEARTBEAT_S

    async def drain(self, grace: float) -> None:
        """Let attempts under way end; give back what was not begun, and what does not end in time."""
        self._slots.close()
        if under_way := [holding.task for holding in self._held if holding.task]:
            await asyncio.wait(under_way, timeout=grace)
        left = [*self._held]
        if late := [holding.task for holding in left if holding.task]:
            for task in late:
                task.cancel()
            await asyncio.wait(late)
        if left:
            released = await asyncio.gather(
                *(self._attempts.release(holding.lease, Millis(0)) for holding in left), return_exceptions=True
            )
            failed = sum(isinstance(one, ConsentError) for one in released)
            log.warning("deliveries.released", count=len(left) - failed, left_to_their_leases=failed)
        self._held.clear()

    async def _look_around(self, clock: Clock) -> UnixMs:
        """Returns when to do so again: when the first lease that is held by anybody runs out, or routinely."""
        looks = await asyncio.gather(*(self._queue.look(partition) for partition in self._partitions))
        for look in looks:
            self._agenda.looked(look, clock())
            if look.expired and (reaped := await self._queue.reap(look)):
                log.warning("leases.reaped", partition=look.partition, count=reaped)
                for endpoint, _ in look.expired:
                    self._agenda.note(look.partition, endpoint)
        leases_left = [look.first_expiry - look.now for look in looks if look.first_expiry is not None]
        return UnixMs(clock() + max(min([_LOOK_EVERY_MS, *leases_left]), _LOOK_AGAIN_MS))

    async def _claim(self, clock: Clock) -> bool:
        """Whether anything was worth asking for."""
        room = self._slots.room_for(self.directory.endpoints)
        claims = plan_claims(self._agenda.due(clock()), room, free=self._slots.free)
        token = secrets.token_hex(8)
        found = await asyncio.gather(
            *(self._queue.claim(partition, wanted, token=token) for partition, wanted in claims.items())
        )
        for partition, claimed in zip(claims, found, strict=True):
            self._agenda.claimed(partition, claimed, clock())
            for lease in claimed.leases:
                holding = _Holding(lease)
                self._held.add(holding)
                self._slots.join(holding)
        return bool(claims)

    def _start(self, clock: Clock) -> None:
        for holding in self._slots.start(self.directory.endpoints):
            holding.task = asyncio.create_task(self._deliver(holding.lease, clock))
            holding.task.add_done_callback(partial(self._end, holding))

    async def _deliver(self, lease: Lease, clock: Clock) -> None:
        took_ms = 0
        try:
            attempt = await self._attempts.make(lease, self.directory, clock)
            took_ms = attempt.took_ms
        finally:
            self._slots.answered(lease.endpoint, took_ms)
            self._start(clock)
        due = await self._attempts.settle(lease, attempt)
        if due is not None:
            self._agenda.note(lease.partition, lease.endpoint, due)

    def _end(self, holding: "_Holding", task: asyncio.Task[None]) -> None:
        lease = holding.lease
        self._held.discard(holding)
        self._slots.settled(lease.endpoint)
        if not task.cancelled() and (failure := task.exception()):
            log.error("attempt.broke", delivery=lease.event_id, endpoint=lease.endpoint, exc_info=failure)
        self.wake()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            return
