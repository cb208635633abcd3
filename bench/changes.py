"""What is there to record? Decisions as a webhook would bring them, of as many numbers as a benchmark needs."""

import asyncio
import time
from collections.abc import Iterable
from itertools import islice

from bench.installation import ACME
from consent.ledger import Ledger, Store
from consent.model import CONSENT_EVENT, Actor, CampaignId, Change, Msisdn, Origin, SourceId, Status, UnixMs, Via

CAMPAIGN = CampaignId("1116")
_AT_ONCE = 1024


def decided(msisdn: Msisdn, status: Status, at: UnixMs, *, identity: str = "", keyword: str = "") -> Change:
    """She decided it by a text; without an identity it is recorded however often it comes."""
    return Change(
        account=ACME,
        msisdn=msisdn,
        type=CONSENT_EVENT[status],
        campaigns=(CAMPAIGN,),
        origin=Origin(actor=Actor.RECIPIENT, via=Via.MO, source=SourceId("nexmo"), provider="nexmo", keyword=keyword),
        occurred_at=at,
        decides_at=at,
        received_at=at,
        identities=(identity,) if identity else (),
        status=status,
    )


def texted(run: int, n: int) -> Change:
    """STOP and START in turn, now, each of a number of its own."""
    status, keyword = (Status.OPTED_IN, "START") if n % 2 else (Status.OPTED_OUT, "STOP")
    now = UnixMs(time.time_ns() // 1_000_000)
    return decided(Msisdn(f"1{run % 9 + 2}{n:09}"), status, now, identity=f"bench-{run}-{n}", keyword=keyword)


async def apply_all(store: Store, changes: Iterable[Change]) -> None:
    """Through the ledger, in flushes as large as they come."""
    ledger, left = Ledger(store), iter(changes)
    while batch := list(islice(left, _AT_ONCE)):
        await asyncio.gather(*(ledger.apply(change) for change in batch))
