"""What happens to a webhook? Believe it, read it, judge it, record it: all of it, or the provider shall send again."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from consent.directory import Directory
from consent.errors import NoSuchSource, Refused, StoreUnavailable, StoreUnsafe
from consent.keywords import Rules
from consent.ledger import HeldPart as StoredPart
from consent.ledger import Ledger, Registry, Whole
from consent.model import Applied, Change, Duplicate, EventId, EventType, Millis, Partition, Recorded, Source, UnixMs
from consent.values import value
from receiver.codecs import CODECS
from receiver.inbound import Inbound
from receiver.judge import Judged, judge, judge_whole
from receiver.parts import HeldPart, all_of, packed, unpacked, whole_of
from receiver.reports import Report, Unreadable

log = structlog.get_logger()

T = TypeVar("T")


@value(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of one webhook, to be counted and logged."""

    events: tuple[EventId, ...] = ()
    types: tuple[EventType, ...] = ()
    duplicates: int = 0
    superseded: int = 0
    parts_held: int = 0

    def unusual(self) -> dict[str, int]:
        """The counts that are not what one webhook with one event has."""
        if len(self.events) == 1 and not (self.duplicates or self.superseded or self.parts_held):
            return {}
        counts = {
            "recorded": 0 if len(self.events) == 1 else len(self.events),
            "duplicates": self.duplicates,
            "superseded": self.superseded,
            "parts_held": self.parts_held,
        }
        return {name: count for name, count in counts.items() if count}


class ReadInPart(Refused):
    """Of a batch, the sender must change some; the others are recorded."""

    def __init__(self, said: str, receipt: Receipt) -> None:
        super().__init__(said)
        self.receipt = receipt
        """For the others."""


class Reception:
    def __init__(self, ledger: Ledger, registry: Registry, rules: Rules, *, parts_wait: Millis) -> None:
        self._ledger = ledger
        self._registry = registry
        self._rules = rules
        self._parts_wait = parts_wait
        self.directory: Directory | None = None
        """Who is registered; None until the store has told."""
        self.unsafe: str | None = "the store has not been checked yet"
        """Why nothing can be promised now; None while the store keeps what it is given."""

    def source_of(self, token: str) -> Source:
        source = self.known().sources_by_token.get(token)
        if source is None or not token:  # who has none, whoever made it so, is nobody's: the URL is no secret
            raise NoSuchSource("no source has this token")
        return source

    def take(self, inbound: Inbound, source: Source, now: UnixMs) -> "asyncio.Future[Receipt]":
        """Done when all that the webhook reports is recorded; any ConsentError, here or there, means that it must not
        be acknowledged."""
        return self.take_then(inbound, source, now, _itself)

    def take_then(
        self, inbound: Inbound, source: Source, now: UnixMs, then: Callable[[Receipt], T]
    ) -> "asyncio.Future[T]":
        """`take`, and what `then` makes of the receipt. Nearly every webhook is one change: that needs no task."""
        self.ensure_safe()
        codec = CODECS[source.provider]
        codec.verify(inbound, source, now)
        directory = self.known()
        reports = codec.decode(inbound)

        def judged(report: Report | Unreadable) -> Judged:
            if isinstance(report, Unreadable):
                raise Refused(report.reason)
            return judge(report, source=source, directory=directory, rules=self._rules, received_at=now)

        if len(reports) != 1:
            return asyncio.ensure_future(self._record_all(*_each(reports, judged), source, now, then))
        only = judged(reports[0])
        if change := _alone(only):
            return self._ledger.apply_then(change, lambda applied: then(_receipt(change, applied)))
        return asyncio.ensure_future(self._record_all([only], [], source, now, then))

    async def _record_all(
        self,
        judged: Sequence[Judged],
        refused: Sequence[Refused],
        source: Source,
        now: UnixMs,
        then: Callable[[Receipt], T],
    ) -> T:
        """One of many that cannot be read keeps none of the others from being recorded."""
        if refused and not judged:
            raise refused[0]
        receipt = _together(await asyncio.gather(*(self._record(one, source, now) for one in judged)))
        if refused:
            many = len(judged) + len(refused)
            said = f"{len(refused)} of {many} cannot be read, the others are recorded; the first: {refused[0]}"
            raise ReadInPart(said, receipt)
        return then(receipt)

    async def judge_overdue(self, partition: Partition) -> Receipt:
        """Long texts whose missing parts never came are judged by what is there."""
        overdue = await self._ledger.overdue_parts(partition)
        return _together([await self._record_overdue(whole) for whole in overdue])

    async def _record_overdue(self, whole: Whole) -> Receipt:
        try:
            texts = all_of([unpacked(content) for content in whole.contents])
            return _together([await self._record_whole(parts, None, is_sure=False) for parts in texts])
        except (ValueError, TypeError, LookupError) as exc:  # a newer version held it, or nothing is left of it
            log.error("parts.unreadable", group=whole.group, parts=len(whole.contents), error=repr(exc))  # noqa: TRY400 - no traceback: it could hold a text
            return Receipt()

    def ensure_safe(self) -> None:
        if self.unsafe is not None:
            raise StoreUnsafe(self.unsafe)

    def known(self) -> Directory:
        if self.directory is None:
            raise StoreUnavailable("the registry has not been read yet")
        return self.directory

    async def _record(self, judged: Judged, source: Source, now: UnixMs) -> Receipt:
        if judged.held is not None:
            return await self._hold(judged.held, source, now)
        for campaign in judged.discovered:
            await self._registry.discover(campaign)
        return _together([_receipt(change, await self._ledger.apply(change)) for change in judged.changes])

    async def _hold(self, held: HeldPart, source: Source, now: UnixMs) -> Receipt:
        stored = StoredPart(
            msisdn=held.msisdn,
            group=held.group,
            identity=held.identity,
            number=held.part.number,
            total=held.part.total,
            content=packed(held),
        )
        match await self._ledger.hold_part(stored, wait=self._parts_wait, now=now):
            case Whole(contents=contents):
                parts = whole_of(held, [unpacked(content) for content in contents])
                if parts:
                    return await self._record_whole(parts, source, is_sure=len(parts) == len(contents))
            case Duplicate():
                return Receipt(duplicates=1)
        return Receipt(parts_held=1)

    async def _record_whole(self, parts: Sequence[HeldPart], source: Source | None, *, is_sure: bool) -> Receipt:
        known = source or self.known().source(parts[0].account, parts[0].source) or _removed(parts[0])
        judged = judge_whole(parts, is_sure=is_sure, source=known, directory=self.known(), rules=self._rules)
        return await self._record(judged, known, parts[0].received_at)


def _each(
    reports: Sequence[Report | Unreadable], judged: Callable[[Report | Unreadable], Judged]
) -> tuple[list[Judged], list[Refused]]:
    done: list[Judged] = []
    refused: list[Refused] = []
    for report in reports:
        try:
            done.append(judged(report))
        except Refused as exc:
            refused.append(exc)
    return done, refused


def _itself(receipt: Receipt) -> Receipt:
    return receipt


def _alone(judged: Judged) -> Change | None:
    """The one change that there is, where nothing else is to be done: nearly always."""
    changes = judged.changes
    return changes[0] if len(changes) == 1 and not judged.discovered and judged.held is None else None


def _removed(part: HeldPart) -> Source:
    """The source of a text whose parts outlived it in the registry; what was said through it still counts."""
    return Source(account=part.account, id=part.source, provider="", token="")


def _receipt(change: Change, applied: Applied) -> Receipt:
    match applied:
        case Recorded():
            recorded_as = EventType.MESSAGE_RECEIVED if applied.unasked else change.type
            return Receipt(events=applied.events, types=(recorded_as,), superseded=int(applied.superseded))
        case Duplicate():
            return Receipt(types=(change.type,), duplicates=1)
    return Receipt(types=(change.type,))


def _together(receipts: Sequence[Receipt]) -> Receipt:
    return Receipt(
        events=tuple(event for receipt in receipts for event in receipt.events),
        types=tuple(dict.fromkeys(kind for receipt in receipts for kind in receipt.types)),
        duplicates=sum(receipt.duplicates for receipt in receipts),
        superseded=sum(receipt.superseded for receipt in receipts),
        parts_held=sum(receipt.parts_held for receipt in receipts),
    )
