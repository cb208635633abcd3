"""What did other dispatchers do, and leave behind? Every few seconds all partitions are looked at.

Nothing else polls: what becomes due here is known here. A look finds what another process made due without waking us,
and the leases of one that died.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import structlog

from consent.errors import ConsentError
from consent.ledger import Look, Queue
from consent.model import Endpoint, EndpointId, Partition, UnixMs
from dispatcher.agenda import Agenda
from dispatcher.deadline import Deadline

log = structlog.get_logger()

T = TypeVar("T")

LOOK_EVERY_MS = 7000
"""The safety net: what another process did without waking us, and then perhaps died of, is found after this long. A
look that sees a lease is followed by one when that runs out, so what a dead dispatcher held is taken over after this or
after the lease (consent/ledger/queue.py), whichever is longer: below ten seconds, unless the store was away meanwhile.
At rest looks are most of what a dispatcher sends: with sixteen partitions two commands a second."""
_LOOK_AGAIN_MS = 250
_LOOK_AFTER_FAILURE_MS = 1000
_REAP_AFTER_FAILURE_MS = 3500
"""Whoever could not reach the store supposes that others could not either: they have time for two heartbeats before
what they hold is taken for left behind, or an outage of the store would make the endpoints hear all of it twice."""


class Lookout:
    def __init__(
        self, queue: Queue, agenda: Agenda, deadline: Deadline, *, partitions: int, clock: Callable[[], UnixMs]
    ) -> None:
        self._queue = queue
        self._agenda = agenda
        self._deadline = deadline
        self._clock = clock
        self._partitions = [Partition(p) for p in range(partitions)]
        self._reap_from: dict[Partition, UnixMs] = {}
        self.again_at = UnixMs(0)

    async def look_around(self, endpoints: Mapping[EndpointId, Endpoint]) -> None:
        """The next time is when the first lease that is held by anybody runs out, or routinely. Where a partition does
        not answer, the others are looked at all the same, and it is asked again soon; where none does, this is the only
        thing to do, or a turn that asks for nothing would be taken for a recovery."""
        found = await asyncio.gather(*map(self._look_into, self._partitions), return_exceptions=True)
        if looks := [look for look in found if isinstance(look, Look)]:
            self.again_at = UnixMs(self._clock() + _LOOK_AFTER_FAILURE_MS)
            await self._deadline.looked(looks, endpoints)
        for failure in (look for look in found if isinstance(look, BaseException)):
            raise failure
        leases_left = [look.first_expiry - look.now for look in looks if look.first_expiry is not None]
        self.again_at = UnixMs(self._clock() + max(min([LOOK_EVERY_MS, *leases_left]), _LOOK_AGAIN_MS))

    async def _look_into(self, partition: Partition) -> Look:
        """And give back what was held by somebody who is gone."""
        asked = self._agenda.notes
        look = await self.asked(partition, self._queue.look(partition))
        self._agenda.looked(look, self._clock(), asked=asked)
        may_reap = self._clock() >= self._reap_from.get(partition, 0)
        if look.expired and may_reap and (reaped := await self._queue.reap(look)):
            log.warning("leases.reaped", partition=look.partition, count=reaped)
            for endpoint, _ in look.expired:
                self._agenda.note(look.partition, endpoint)
        return look

    async def asked(self, partition: Partition, answer: Awaitable[T]) -> T:
        """Where none comes, all that was known there is forgotten, and looked for again at once."""
        try:
            return await answer
        except ConsentError:
            self._agenda.forget(partition)
            self._reap_from[partition] = UnixMs(self._clock() + _REAP_AFTER_FAILURE_MS)
            self.again_at = self._clock()
            raise
