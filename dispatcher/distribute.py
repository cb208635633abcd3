"""From the log to the lanes: every event is routed once, in log order, by whichever dispatcher comes first."""

import asyncio

import structlog

from config.tracing import Traces, now_ns
from consent.directory import Directory
from consent.ledger import Queue, Stretch
from consent.model import Delivery, Millis, Partition
from dispatcher.agenda import BecameDue
from dispatcher.announce import is_about
from dispatcher.routing import route
from dispatcher.tracing import routed_all

log = structlog.get_logger()

_BLOCK_MS = Millis(4000)


class Distributing:
    def __init__(self, queue: Queue, became_due: BecameDue, traces: Traces | None = None) -> None:
        self._traces = traces
        self._queue = queue
        self._became_due = became_due
        self._cursors: dict[Partition, str] = {}
        self.directory: Directory | None = None
        """None until the registry was read: an event routed by nobody's list would reach nobody."""

    async def step(self) -> float:
        if self.directory is None:
            return 0.05
        if not self._cursors:
            self._cursors = await self._queue.cursors()
        stretches = await self._queue.unrouted(self._cursors, block=_BLOCK_MS)
        # All at once: they share a flush. One after the other, the last partition would wait for a trip of each before.
        routed = await asyncio.gather(
            *(self._route(stretch, self.directory) for stretch in stretches), return_exceptions=True
        )
        for failure in filter(None, routed):
            raise failure
        return 0

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
        self._cursors[stretch.partition] = await self._queue.fan_out(stretch, deliveries)
        if self._traces:
            routed_all(stretch, deliveries, self._traces, began_ns=began_ns)
        # Whoever routed them first: they are due.
        self._became_due(stretch.partition, {delivery.endpoint for delivery in deliveries})
