"""How is one delivery shown, to whichever face asks?"""

from dataclasses import dataclass
from datetime import datetime

from consent.ledger import Owed
from console.eventlines import shown
from console.moments import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    endpoint: str
    event_id: str
    msisdn: str
    state: str
    """due, in_flight, behind (an earlier one for the same number goes first), dead; delivered; not_sent (not meant for
    it, or not yet); not_known (owed no more, and what was attempted is forgotten by now)."""
    attempts: int
    due_at: datetime | None
    reason: str
    replay: bool = False


def owed_line(owed: Owed, *, mask_numbers: bool) -> DeliveryLine:
    return DeliveryLine(
        endpoint=owed.endpoint,
        event_id=owed.event,
        msisdn=shown(owed.msisdn, mask_numbers=mask_numbers),
        state=owed.state,
        attempts=owed.attempts,
        due_at=moment(owed.due_at) if owed.due_at else None,
        reason=owed.reason,
        replay=owed.is_replay,
    )
