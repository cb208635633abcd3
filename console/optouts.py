"""Who is opted out of an account's campaigns? The ledger's own list, page by page, with whole numbers."""

from dataclasses import dataclass
from datetime import datetime

from consent.ledger import OptOuts
from console.desk import Desk
from console.lookup import account_meant, campaign_meant
from console.moments import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedOut:
    msisdn: str
    account: str
    campaign: str
    opted_out_at: datetime
    opted_in_at: datetime | None
    """None for a number that was never opted in before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    total: int
    """Of all pages. A number counts once for each campaign that it is opted out of."""
    lines: tuple[OptedOut, ...]


async def listed(desk: Desk, account: str | None, campaign: str | None, *, page: int, size: int) -> Listed:
    """The `page`-th (from 0) `size`, in an order that stays, though not by time over all."""
    async with desk.reading() as store:
        directory = await desk.registry(store).directory()
        owner = account_meant(directory, account).id
        campaigns = directory.campaigns_of(owner) if campaign is None else (campaign_meant(directory, owner, campaign),)
        found = await OptOuts(store).page(owner, [each.id for each in campaigns], page=page, size=size)
    lines = [
        OptedOut(
            msisdn=row.msisdn,
            account=owner,
            campaign=row.campaign,
            opted_out_at=moment(row.opted_out_at),
            opted_in_at=moment(row.opted_in_at) if row.opted_in_at else None,
        )
        for row in found.rows
    ]
    return Listed(total=found.total, lines=tuple(lines))
