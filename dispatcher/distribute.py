"""From the log to the lanes: every event is routed once, in log order, by whichever dispatcher comes first.

What can be attempted at once is claimed in the same step.
"""

import asyncio
from collections.abc import Sequence, Set
from typing import Protocol

import structlog

from config.clock import steady_clock
from config.tracing import Traces, now_ns
from consent.directory import Directory
from consent.ledger import Queue, Stretch
from consent.model import Delivery, EndpointId, Lease, Millis, Partition
from dispatcher.announce import is_about
from dispatcher.deliver import Reserved
from dispatcher.routing import route
from dispatcher.tracing import routed_all

log = structlog.get_logger()

_BLOCK_MS = Millis(4000)
_SILENCE_MS = Millis(60_000)


class Deliverer(Protocol):
    """The delivery loop, as far as routing has to do with it (deliver.py)."""

    def reserve(self, deliveries: Sequence[Delivery]) -> Reserved: ...

    def hold(self, reserved: Reserved, leases: Sequence[Lease]) -> None: ...

    def became_due(
        self, partition: Partition, endpoints: Set[EndpointId], *, urgent: Set[EndpointId] = frozenset()
    ) -> None: ...


class Distributing:
    def __init__(self, queue: Queue, deliverer: Deliverer, traces: Traces | None = None) -> None:
        self._traces = traces
        self._queue = queue
        self._deliverer = deliverer
        self._under_way: asyncio.Future[list[BaseException | None]] | None = None
        self._cursors: dict[Partition, str] = {}
        self._heard_at = steady_clock()
        self.directory: Directory | None = None
        """None until the registry was read: an event routed by nobody's list would reach nobody."""

    async def step(self) -> float:
        if self.directory is None:
            return 0.05
        if not self._cursors or self._is_silent_for_long():
            self._cursors, self._heard_at = await self._queue.cursors(), steady_clock()
        stretches = await self._queue.unrouted(self._cursors, block=_BLOCK_MS)
        if stretches:
            self._heard_at = steady_clock()
        # All at once: they share a flush. One after the other, the last partition would wait for a trip of each before.
        self._under_way = asyncio.gather(
            *(self._route(stretch, self.directory) for stretch in stretches), return_exceptions=True
        )
        for failure in filter(None, await asyncio.shield(self._under_way)):
            raise failure
        return 0

    def _is_silent_for_long(self) -> bool:
        """The log may end before our cursors, and we would wait behind its end: a backup was restored, or a replica
        promoted."""
        return steady_clock() - self._heard_at > _SILENCE_MS

    async def finish(self) -> None:
        """After the step was cancelled: let the store answer, for what it lets us hold is to be given back."""
        if self._under_way:
            await self._under_way

    async def _route(self, stretch: Stretch, directory: Directory) -> None:
        began_ns = now_ns()
        deliveries: list[Delivery] = []
        for event in stretch.events:
            others = [one for one in directory.endpoints_of(event.account) if not is_about(event, one.id)]
            routed = route(event, others)
            log.info(
                "event.routed",
                event_id=event.id,
                type=event.type,
                msisdn=event.msisdn,
                endpoints=" ".join(delivery.endpoint for delivery in routed),
                **({"superseded": True} if event.superseded else {}),
            )
            deliveries += routed
        reserved = self._deliverer.reserve(deliveries)
        leases: Sequence[Lease] = ()
        try:
            result = await self._queue.fan_out(stretch, deliveries, hold=reserved.places, token=reserved.token)
            leases = result.leases
        finally:
            self._deliverer.hold(reserved, leases)
        self._cursors[stretch.partition] = result.after
        if self._traces:
            routed_all(stretch, deliveries, self._traces, began_ns=began_ns)
        if result.due:
            urgent = {delivery.endpoint for delivery in deliveries if delivery.is_urgent}
            self._deliverer.became_due(stretch.partition, result.due, urgent=urgent)
