"""What went wrong at an endpoint lately? Its attempts among the last that failed, of each partition."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from consent.ledger import Attempt, Backlog
from consent.model import AttemptRecord, UnixMs
from console.desk import Desk
from console.remedies import remedy_for, remedy_of_reason

_LOOKED_THROUGH = 500
"""Failures of each partition, whoever was called: a page shall not read all that is kept."""
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    event_id: str
    at: UnixMs
    record: AttemptRecord
    remedy: str


async def failures(desk: Desk, endpoint: str) -> Sequence[Failure]:
    """Newest first."""
    async with desk.reading() as store:
        attempts = await Backlog(store).attempts(of_each=_LOOKED_THROUGH, only_failed=True)
    return [_failure(each) for each in islice((each for each in attempts if each.endpoint == endpoint), _SHOWN)]


def remedy_of(*, error: str, status: int | None) -> str:
    return remedy_of_reason(error) if status is None else remedy_for(error="", status=status)


def _failure(attempt: Attempt) -> Failure:
    record = attempt.record
    return Failure(
        event_id=attempt.event,
        at=attempt.at,
        record=record,
        remedy=remedy_of(error=record.error, status=record.status),
    )
