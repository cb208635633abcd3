"""Which attempts were made, and how did they go? The last ones, and those that come."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from consent.ledger import Attempt, Backlog
from consent.ledger.trail import Trail
from consent.model import Millis
from console.cancellation import end_if_cancelled
from console.deliveries import AttemptLine, attempt_told
from console.desk import Desk
from console.lookup import endpoint_meant

_BLOCK_MS = Millis(500)
_LOOKED_THROUGH = 250
"""Of each partition, for some of a wanted kind; more where more are asked for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    endpoint: str | None = None
    only_failed: bool = False


async def tail(desk: Desk, wanted: Wanted, *, number: int, follow: bool) -> AsyncGenerator[AttemptLine]:
    """Oldest first."""
    endpoint = endpoint_meant(await desk.directory(), wanted.endpoint).id if wanted.endpoint else None

    def is_wanted(attempt: Attempt) -> bool:
        return endpoint in (None, attempt.endpoint) and not (wanted.only_failed and attempt.record.outcome == "done")

    async with desk.reading() as store:
        trail = Trail(store)
        end = await trail.end()
        deep = max(number, _LOOKED_THROUGH)
        looked_at = await Backlog(store).attempts(of_each=deep, only_failed=wanted.only_failed)
        recent = list(filter(is_wanted, looked_at))
        for attempt in reversed(recent[:number]):
            yield attempt_told(attempt, mask_numbers=desk.mask_numbers)
        if not follow:
            return
        known = frozenset(recent[:number])
        async for batch in trail.follow(end, block=_BLOCK_MS):
            end_if_cancelled()
            for attempt in filter(is_wanted, batch):
                if attempt not in known:
                    yield attempt_told(attempt, mask_numbers=desk.mask_numbers)
