"""The delivery loop: look at every partition, claim what there is room for, attempt it; sleep until something is due.

Nothing is polled: the loop wakes when events were routed, when an attempt ended and made room, or when the earliest due
time or lease expiry that it saw has come.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable

import structlog

from consent.directory import Directory
from consent.errors import ConsentError
from consent.ledger import Queue
from consent.model import Lease, Millis, Partition, UnixMs
from dispatcher.attempt import Attempts
from dispatcher.plan import plan_claims, rest_ms

log = structlog.get_logger()

_LONGEST_REST_MS = 4500
"""The safety net: what another process did without waking us, and then perhaps died of, is found after this long."""
_HEARTBEAT_S = 1.5


class Delivering:
    def __init__(self, queue: Queue, attempts: Attempts, *, partitions: int, concurrency: int) -> None:
        self._queue = queue
        self._attempts = attempts
        self._partitions = [Partition(p) for p in range(partitions)]
        self._concurrency = concurrency
        self._in_flight: dict[asyncio.Task[None], Lease] = {}
        self._awake = asyncio.Event()
        self._is_stopping = False
        self.directory = Directory(0)

    def wake(self) -> None:
        self._awake.set()

    def stop(self) -> None:
        """Claim nothing more. Not by cancelling: a claim cut off would hold its deliveries until the leases expire."""
        self._is_stopping = True
        self.wake()

    async def turn(self, clock: Callable[[], UnixMs]) -> float | None:
        """One round. Returns 0, for it has waited itself; None once there shall be no more."""
        self._awake.clear()
        if self._is_stopping:
            return None
        free = self._concurrency - len(self._in_flight)
        looks = await asyncio.gather(*(self._queue.look(partition) for partition in self._partitions))
        for look in looks:
            if look.expired and (reaped := await self._queue.reap(look)):
                log.warning("leases.reaped", partition=look.partition, count=reaped)
                self.wake()
        busy = Counter(lease.endpoint for lease in self._in_flight.values())
        claims = plan_claims(looks, self.directory.endpoints, busy, free=free)
        token = secrets.token_hex(8)
        claimed = await asyncio.gather(
            *(self._queue.claim(partition, wanted, token=token) for partition, wanted in claims.items())
        )
        for lease in (lease for leases in claimed for lease in leases):
            self._begin(lease, clock)
        if not any(claimed):
            rest = rest_ms(looks, self.directory.endpoints, longest=_LONGEST_REST_MS)
            await self._sleep(rest / 1000)
        elif len(self._in_flight) >= self._concurrency:
            await self._sleep(_LONGEST_REST_MS / 1000)
        return 0

    async def heartbeat(self) -> float:
        """Keep the leases of slow attempts."""
        if self._in_flight:
            await self._queue.renew(self._in_flight.values())
        return _HEARTBEAT_S

    async def drain(self, grace: float) -> None:
        """Let attempts under way end; give back what does not end in time."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=grace)
        left = dict(self._in_flight)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
            released = await asyncio.gather(
                *(self._attempts.release(lease, Millis(0)) for lease in left.values()), return_exceptions=True
            )
            failed = sum(isinstance(one, ConsentError) for one in released)
            log.warning("deliveries.released", count=len(left) - failed, left_to_their_leases=failed)

    def _begin(self, lease: Lease, clock: Callable[[], UnixMs]) -> None:
        task = asyncio.create_task(self._attempts.make(lease, self.directory, clock))
        self._in_flight[task] = lease
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        lease = self._in_flight.pop(task)
        if not task.cancelled() and (failure := task.exception()):
            log.error("attempt.broke", delivery=lease.event_id, endpoint=lease.endpoint, exc_info=failure)
        self.wake()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            return
