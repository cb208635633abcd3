"""How long has the oldest opt-out been waiting at each endpoint? A company that texts on after a STOP breaks the law.

Known every few seconds, from what the store keeps for this alone: each opt-out that an endpoint was not told of, due,
in flight or behind an earlier one, by the time it was recorded. What was given up is not among them: it is dead, and
shown as that. Recorded is when the store had it, which is when it was received, give or take the wait for the parts of
a long text.
"""

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from consent.errors import ConsentError
from consent.ledger import Health, Look, Queue
from consent.model import Endpoint, EndpointId, Millis, UnixMs

log = structlog.get_logger()

_ASK_EVERY_MS = 15_000


class Deadline:
    def __init__(self, queue: Queue, health: Health, deadline: Millis) -> None:
        self._queue = queue
        self._health = health
        self._deadline = deadline
        self._ask_at = 0
        self.oldest: dict[EndpointId, UnixMs] = {}
        """When the oldest opt-out was recorded that an endpoint was not told of, in the store's time."""
        self._alarmed: dict[EndpointId, UnixMs] = {}
        """When we said so last."""

    async def looked(self, looks: Iterable[Look], endpoints: Mapping[EndpointId, Endpoint]) -> None:
        """The looks say where such may be; where there are none, nothing is asked."""
        known = [look for look in looks if look.unheard]
        if not known:
            self.oldest = {}
            return
        now = max(look.now for look in known)
        if now < self._ask_at:
            return
        found = await asyncio.gather(*(self._queue.oldest_unheard(look.partition, look.unheard) for look in known))
        self._ask_at = now + min(_ASK_EVERY_MS, self._deadline)
        self.oldest = oldest_of(found)
        for name, since in self.oldest.items():
            if now - since > self._deadline and name in endpoints:
                await self._alarm(endpoints[name], now, now - since)

    async def _alarm(self, endpoint: Endpoint, now: UnixMs, waited_ms: int) -> None:
        """Once for an endpoint and period, whoever of the dispatchers finds it."""
        if await self._is_to_be_said(endpoint.id, now):
            self._alarmed[endpoint.id] = now
            log.error(
                "optout.overdue",
                endpoint=endpoint.id,
                waiting_s=waited_ms // 1000,
                **({"disabled": endpoint.disabled} if endpoint.disabled else {}),
            )

    async def _is_to_be_said(self, endpoint: EndpointId, now: UnixMs) -> bool:
        try:
            return await self._health.is_first_to_say(endpoint, period=self._deadline)
        except ConsentError:  # a full store takes no notes: then each dispatcher says it for itself
            return now - self._alarmed.get(endpoint, 0) >= self._deadline


def oldest_of(found: Iterable[Mapping[EndpointId, UnixMs]]) -> dict[EndpointId, UnixMs]:
    oldest: dict[EndpointId, UnixMs] = {}
    for partition in found:
        for name, since in partition.items():
            oldest[name] = min(since, oldest.get(name, since))
    return oldest
