"""Who changed what lately? The audit, as an operator reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from consent.ledger.audit import Audit, Detail
from console.desk import Desk
from console.moments import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    id: str
    at: datetime
    who: str
    """The name of a token, or "cli:" and a user of the machine."""
    what: str
    on: str
    details: Mapping[str, Detail]


async def paged(desk: Desk, *, after: str, limit: int) -> tuple[list[AuditLine], str | None]:
    """Newest first, with the cursor of the next page."""
    async with desk.reading() as store:
        page = await Audit(store).read(after, limit)
    lines = [
        AuditLine(id=entry.id, at=moment(entry.at), who=entry.who, what=entry.what, on=entry.on, details=entry.details)
        for entry in page.entries
    ]
    return lines, page.next
