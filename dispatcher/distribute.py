"""From the log to the lanes: every event is routed once, in log order, by whichever dispatcher comes first.

What can be attempted at once is claimed in the same step.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from dataclasses import dataclass
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
_A_TURN = 512
"""Deliveries that are made out before anything else has a turn: some ten milliseconds. An event is never cut in two."""
_MOST_AT_ONCE = 4096
"""And that are on their way to the store."""


class Deliverer(Protocol):
    """The delivery loop, as far as routing has to do with it (deliver.py)."""

    def reserve(self, deliveries: Sequence[Delivery]) -> Reserved: ...

    def hold(self, reserved: Reserved, leases: Sequence[Lease]) -> None: ...

    def became_due(
        self, partition: Partition, endpoints: Set[EndpointId], *, urgent: Set[EndpointId] = frozenset()
    ) -> None: ...


async def _at_once() -> None:
    """Nothing is behind."""


class Distributing:
    def __init__(
        self,
        queue: Queue,
        deliverer: Deliverer,
        traces: Traces | None = None,
        catch_up: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:
        """`catch_up` returns when `directory` is as new as the registry."""
        self._traces = traces
        self._catch_up = catch_up
        self._queue = queue
        self._deliverer = deliverer
        self._under_way: dict[asyncio.Task[bool], _Part] = {}
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
        if _names_a_stranger(stretches, self.directory):
            await self._catch_up()
        await self._file_all(deque(stretches), self.directory)
        return 0

    async def _file_all(self, left: deque[Stretch], directory: Directory) -> None:
        failures: list[BaseException] = []
        while left or self._under_way:
            self._begin(left, directory)
            # The rest of the process has its turn; and where no more may be begun, until some of it is filed.
            may_begin = left and self._at_once < _MOST_AT_ONCE
            until = 0 if may_begin else None
            done, _ = await asyncio.wait(self._under_way, timeout=until, return_when=asyncio.FIRST_COMPLETED)
            for filed in done:
                part = self._under_way.pop(filed)
                if failure := filed.exception():
                    failures.append(failure)
                    left.clear()
                elif filed.result() and part.rest and not failures:
                    left.append(part.rest)
        for failure in failures:
            raise failure

    def _begin(self, left: deque[Stretch], directory: Directory) -> None:
        """What is begun together shares a flush: one after the other, the last partition would wait for a trip of each
        before."""
        begun = 0
        while left and begun < _A_TURN and self._at_once < _MOST_AT_ONCE:
            part = _first_part(left.popleft(), directory)
            begun += len(part.deliveries)
            self._under_way[asyncio.create_task(self._file(part))] = part

    @property
    def _at_once(self) -> int:
        return sum(len(part.deliveries) for part in self._under_way.values())

    def _is_silent_for_long(self) -> bool:
        """The log may end before our cursors, and we would wait behind its end: a backup was restored, or a replica
        promoted."""
        return steady_clock() - self._heard_at > _SILENCE_MS

    async def finish(self) -> None:
        """After the step was cancelled: let the store answer, for what it lets us hold is to be given back."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _file(self, part: "_Part") -> bool:
        """Whether the cursor is where this ends: if not, somebody else has filed this and more."""
        reserved = self._deliverer.reserve(part.deliveries)
        leases: Sequence[Lease] = ()
        try:
            result = await self._queue.fan_out(
                part.stretch, part.deliveries, hold=reserved.places, token=reserved.token
            )
            leases = result.leases
        finally:
            self._deliverer.hold(reserved, leases)
        self._cursors[part.stretch.partition] = result.after
        if self._traces:
            routed_all(part.stretch, part.deliveries, self._traces, began_ns=part.began_ns)
        if result.due:
            urgent = {delivery.endpoint for delivery in part.deliveries if delivery.is_urgent}
            self._deliverer.became_due(part.stretch.partition, result.due, urgent=urgent)
        return result.after == part.stretch.after


@dataclass(frozen=True, slots=True)
class _Part:
    """Of a stretch."""

    stretch: Stretch
    deliveries: Sequence[Delivery]
    rest: Stretch | None
    began_ns: int


def _names_a_stranger(stretches: Iterable[Stretch], directory: Directory) -> bool:
    """A campaign that is not registered any more, or that was a moment before: what it is called is told with it."""
    return any(
        event.campaign is not None and directory.campaign(event.account, event.campaign) is None
        for stretch in stretches
        for event in stretch.events
    )


def _first_part(stretch: Stretch, directory: Directory) -> _Part:
    """Up to the event that makes it a turn's work."""
    began_ns, count = now_ns(), 0
    deliveries: list[Delivery] = []
    for count, event in enumerate(stretch.events, 1):  # noqa: B007 - how many it were
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
        if len(deliveries) >= _A_TURN:
            break
    first, rest = stretch.cut(count)
    return _Part(first, deliveries, rest, began_ns)
