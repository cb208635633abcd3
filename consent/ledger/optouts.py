"""Who is opted out of an account's campaigns? The lists that the ledger keeps with each opt-out, page by page.

There is one list per partition and campaign, each in the order of its opt-outs. A page is found by counting: how many
numbers stand in the lists before it decides which lists it touches, and only these are read, by rank. So the last page
of a million numbers costs what the first one does.

The order is by partition, then by campaign, then by time: stable, but not by time over all. A number that leaves or
joins a list between two pages moves what stands behind it, as in every list that is read page by page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from consent.errors import StoreUnavailable
from consent.ledger.functions import function_name
from consent.ledger.keys import Keys, consent_field
from consent.ledger.store import Store
from consent.ledger.wire import Reply, pack
from consent.model import AccountId, CampaignId, Msisdn, UnixMs

_MOST_AT_ONCE = 500
"""Numbers per call: the store serves nobody else while it runs one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    campaign: CampaignId
    msisdn: Msisdn
    opted_in_at: UnixMs | None
    """None for a number that was never opted in before."""
    opted_out_at: UnixMs


@dataclass(frozen=True, slots=True)
class Page:
    total: int
    """Of all pages. A number counts once for each campaign that it is opted out of."""
    rows: tuple[OptOut, ...]


@dataclass(frozen=True, slots=True)
class _List:
    """One campaign in one partition."""

    keys: Keys
    campaign: CampaignId


@dataclass(frozen=True, slots=True)
class _Listed:
    keys: Keys
    campaign: CampaignId
    msisdn: Msisdn
    opted_out_s: int


@dataclass(frozen=True, slots=True)
class _Call:
    function: str
    keys: Sequence[str]
    arguments: Sequence[str] = ()


class OptOuts:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, account: AccountId, campaigns: Sequence[CampaignId], *, page: int, size: int) -> Page:
        """The `page`-th (from 0) `size` numbers; none past the end."""
        if not campaigns:
            return Page(0, ())
        lists = [_List(keys, campaign) for keys in self._store.keys for campaign in campaigns]
        counts = await self._counts(account, campaigns)
        listed = await self._ranges(
            account, [(lists[i], first, last) for i, first, last in slices(counts, page * size, size)]
        )
        dates = await self._opt_ins(account, listed)
        rows = (_row(row, opted_in_s) for row, opted_in_s in zip(listed, dates, strict=True))
        return Page(sum(counts), tuple(rows))

    async def _counts(self, account: AccountId, campaigns: Sequence[CampaignId]) -> list[int]:
        calls = [
            _Call("count_optouts", [keys.optout(account, campaign) for campaign in campaigns])
            for keys in self._store.keys
        ]
        return [count for counts in await self._ask(calls) for count in counts]

    async def _ranges(self, account: AccountId, ranges: Sequence[tuple[_List, int, int]]) -> list[_Listed]:
        if not ranges:
            return []
        replies = await self._store.reads.ask(
            [
                pack(("ZRANGE", one.keys.optout(account, one.campaign), first, last, "WITHSCORES"))
                for one, first, last in ranges
            ]
        )
        return [
            _Listed(one.keys, one.campaign, Msisdn(msisdn.decode()), int(score))
            for (one, _, _), flat in zip(ranges, replies, strict=True)
            for msisdn, score in zip(flat[::2], flat[1::2], strict=True)
        ]

    async def _opt_ins(self, account: AccountId, listed: Sequence[_Listed]) -> list[int]:
        calls = [
            _Call(
                "opted_in_at",
                [row.keys.consent(account, row.msisdn) for row in rows],
                [consent_field(row.msisdn, row.campaign) for row in rows],
            )
            for rows in _of_one_partition(listed)
        ]
        return [date for dates in await self._ask(calls) for date in dates]

    async def _ask(self, calls: Sequence[_Call]) -> list[Reply]:
        """Functions that only read, in one trip, and past the group commit: a page waits for no disk."""
        if not calls:
            return []
        try:
            return await self._store.reads.ask([_packed(call) for call in calls])
        except StoreUnavailable as exc:
            if "Function not found" not in str(exc):
                raise
        # A store that nobody has written to yet, or that was flushed: the way of the changes loads the functions.
        return [await self._store.commit.call(call.function, call.keys, call.arguments) for call in calls]


def _packed(call: _Call) -> bytes:
    return pack(("FCALL_RO", function_name(call.function), len(call.keys), *call.keys, *call.arguments))


def slices(counts: Sequence[int], start: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Which of these lists, one behind the other, hold positions `start` to `start + size`, and at which ranks of
    theirs: (list, first, last)."""
    for i, count in enumerate(counts):
        first, last = max(start, 0), min(start + size, count) - 1
        if first <= last:
            yield i, first, last
        start -= count
        if start + size <= 0:
            return


def _of_one_partition(listed: Sequence[_Listed]) -> Iterator[Sequence[_Listed]]:
    """In stretches: one call stays within one slot of a Cluster."""
    first = 0
    for i in range(1, len(listed) + 1):
        if i == len(listed) or listed[i].keys is not listed[first].keys or i - first == _MOST_AT_ONCE:
            yield listed[first:i]
            first = i


def _row(row: _Listed, opted_in_s: int) -> OptOut:
    return OptOut(
        campaign=row.campaign,
        msisdn=row.msisdn,
        opted_in_at=UnixMs(opted_in_s * 1000) if opted_in_s else None,
        opted_out_at=UnixMs(row.opted_out_s * 1000),
    )
