"""How does a list get into the ledger? Read in blocks, recorded in windows, and on from where a killed import stopped.

While the store records one window, the next is read. A bookmark follows each window once all of it is durable; what is
behind the bookmark when we are killed is read again, and changes nothing a second time.
"""

import asyncio
import gc
import os
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, TypeVar

from consent.directory import Directory
from consent.errors import Misconfigured, StoreUnavailable, StoreUnsafe
from consent.ledger import Bookmark, Bookmarks, Bulk, Entry, Registry, Routing, Store, Tally, Window
from consent.model import Status, UnixMs
from console import rolls
from console.lookup import account_meant, campaign_meant
from console.numbering import Sample
from console.progress import Shown
from console.rolls import BadLine, Blocks, Format, Layout, Rules

T = TypeVar("T")

STDIN = "-"
WINDOW = 262_144
"""Lines at most: so many that a dozen fall into each bucket, so few that little work is lost with a process."""
_LEAST = 32_768
"""So many lines are a window where the store has nothing to do (the first, and where it is faster than we read), and
where dispatchers follow, for a STOP waits until they have routed one."""
SHOWN_BAD = 20
_NOTHING = (b"", b"\xef\xbb\xbf")
"""What an empty list begins with: nothing, or a byte order mark."""
_CHUNK = 8 * 1024
"""Some hundred lines: read in a few milliseconds, so that the store does not wait long for the next of its window."""
_PATIENCE_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
"""A store that restarts, or a disk that hangs, is waited for."""
_BOOKMARK_HOLDS_MS = 7 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command asked for."""

    file: str
    account: str | None = None
    campaign: str | None = None
    status: Status | None = None
    format: Format | None = None
    errors: Path | None = None
    from_start: bool = False

    @property
    def name(self) -> str:
        return "stdin" if self.file == STDIN else Path(self.file).name


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    read: int
    changed: int
    confirmed: int
    unchanged: int
    older: int
    kept_out: int
    bad: int
    seconds: float
    per_second: int
    resumed_at_line: int | None
    warning: str | None
    """What the first numbers make one doubt."""
    bad_lines: tuple[BadLine, ...]
    """The first ones."""


class Import:
    """One import under way."""

    def __init__(
        self, store: Store, registry: Registry, order: Order, show: Shown, *, warn: Callable[[str], None]
    ) -> None:
        self._store = store
        self._registry = registry
        self._order = order
        self._show = show
        self._warn = warn
        self._sample = Sample()
        self._bulk = Bulk(store)
        self._bookmarks = Bookmarks(store)
        self._routing = Routing(store)
        self._is_followed = True
        """Dispatchers route what is recorded."""
        self.resumed: Bookmark | None = None
        self.place: Bookmark | None = None
        """How far everything is recorded."""
        self.worst: list[BadLine] = []
        """The first bad lines."""
        self.warning: str | None = None

    async def run(self, source: BinaryIO, *, now: UnixMs) -> Summary:
        began = time.monotonic()
        head = await _head(source)
        if head in _NOTHING:
            raise Misconfigured(f"{self._order.name} is empty: there is nothing to import")
        layout = rolls.layout_of(head, self._order.name, self._order.format)
        directory = await self._registry.directory()
        rules = rules_for(self._order, layout, directory, now=now)
        name = identity(source, self._order, head)
        if name and not self._order.from_start:
            self.resumed = await self._found(name, now)
        start = self.resumed or Bookmark(at=layout.begins_at, line=layout.begins_on, began_at=now)
        self.place = start
        rules = replace(rules, now=start.began_at)
        async with AsyncExitStack() as stack:
            stack.enter_context(_collecting_seldom())
            report = stack.enter_context(_report(self._order.errors, start, source)) if self._order.errors else None
            try:
                await self._windows(_chunks(source, head, start.at), layout, rules, _Report(report, self.worst), name)
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from None
        if name:
            await _patiently(partial(self._bookmarks.remove, name))
        summary = self._summary(time.monotonic() - began)
        if not summary.read:
            raise Misconfigured(f"{self._order.name} has no line with a number: there is nothing to import")
        return summary

    async def _found(self, name: str, now: UnixMs) -> Bookmark | None:
        found = await self._bookmarks.find(name)
        return found if found and now - found.began_at < _BOOKMARK_HOLDS_MS else None

    async def _windows(
        self, chunks: AsyncIterator[bytes], layout: Layout, rules: Rules, report: "_Report", name: str
    ) -> None:
        assert self.place is not None  # noqa: S101 - run has put it
        blocks = Blocks(at=self.place.at, line=self.place.line, line_end=layout.line_end)
        window, bad = self._bulk.window(), self.place.bad
        recorded = asyncio.Event()  # the window before this one
        recorded.set()
        async with asyncio.TaskGroup() as tasks:
            async for chunk in chunks:
                block = blocks.push(chunk) if chunk else blocks.end()
                entries, wrong = rolls.read(block, layout, rules)
                report.add(wrong)
                bad += len(wrong)
                window.add(entries)
                if self._sample.wants_more and not self.resumed:
                    self._look_at(entries, is_last=not chunk)
                await asyncio.sleep(0)  # the window before goes on meanwhile
                is_small = recorded.is_set() or self._is_followed
                if window.count >= (_LEAST if is_small else WINDOW) or not chunk:
                    await recorded.wait()
                    reached = Bookmark(
                        at=block.ends_at,
                        line=block.first + len(block.lines),
                        began_at=rules.now,
                        bad=bad,
                        reported=report.flushed(),
                    )
                    recorded = asyncio.Event()
                    tasks.create_task(self._record(window, reached, name, recorded))
                    window = self._bulk.window()

    def _look_at(self, entries: list[Entry], *, is_last: bool) -> None:
        """Only the beginning of a list: whether its numbers have country codes is told before any of it is recorded."""
        self._sample.add(entry.msisdn for entry in entries if not entry.kind.is_odd)
        if is_last or not self._sample.wants_more:
            self.warning = self._sample.doubt()
            if self.warning:
                self._warn(self.warning)

    async def _record(self, window: Window, reached: Bookmark, name: str, recorded: asyncio.Event) -> None:
        assert self.place is not None  # noqa: S101 - run has put it
        rule = f"file:{''.join(filter(str.isprintable, self._order.name))[:80]}"
        self._is_followed = await _patiently(self._routing.caught_up)  # with the window before
        # It may be recorded twice: what was there already then counts as unchanged.
        tally = await _patiently(partial(self._bulk.enlist, window, received_at=reached.began_at, rule=rule))
        self.place = replace(reached, tally=self.place.tally + tally)
        await _patiently(self._routing.mark)
        recorded.set()  # the store goes on with the next while this one is marked, and thrown away
        if name:
            with suppress(StoreUnavailable):  # the next one will do as well
                await self._bookmarks.put(name, self.place)
        self._show(self.place.at, numbers=total(self.place.tally) + self.place.bad)

    def _summary(self, seconds: float) -> Summary:
        assert self.place is not None  # noqa: S101 - run has put it
        tally, before = self.place.tally, self.resumed
        now_read = total(tally) + self.place.bad - (total(before.tally) + before.bad if before else 0)
        return Summary(
            read=total(tally) + self.place.bad,
            changed=tally.changed,
            confirmed=tally.confirmed,
            unchanged=tally.unchanged,
            older=tally.older,
            kept_out=tally.kept_out,
            bad=self.place.bad,
            seconds=round(seconds, 3),
            per_second=round(now_read / max(seconds, 0.001)),
            resumed_at_line=before.line if before else None,
            warning=self.warning,
            bad_lines=tuple(self.worst),
        )


class _Report:
    """Where bad lines are told of: the first ones to whoever waits, all of them to a file."""

    def __init__(self, file: BinaryIO | None, first: list[BadLine]) -> None:
        self._file = file
        self._first = first

    def add(self, lines: list[BadLine]) -> None:
        self._first += lines[: SHOWN_BAD - len(self._first)]
        if self._file:
            self._file.writelines(f"{bad.line}\t{bad.reason}\n".encode("utf-8", "replace") for bad in lines)

    def flushed(self) -> int:
        if not self._file:
            return 0
        self._file.flush()
        return self._file.tell()


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """What is read of a list lives until its window is recorded, and none of it is part of a cycle: to look for cycles
    among it, a hundred times a window, took a fifth of an import's time."""
    usual = gc.get_threshold()
    gc.set_threshold(10 * WINDOW, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    for wait in _PATIENCE_S:
        try:
            return await work()
        except StoreUnsafe:
            raise
        except StoreUnavailable:
            await asyncio.sleep(wait)
    return await work()


def rules_for(order: Order, layout: Layout, directory: Directory, *, now: UnixMs) -> Rules:
    """Misconfigured where the command, the list and the registry do not go together: before anything is written."""
    says = {"account", "campaign"} if layout.format == "ndjson" else set(layout.columns)
    account = campaign = None
    if order.account is not None or "account" not in says or len(directory.accounts) == 1:
        account = account_meant(directory, order.account).id
    if order.campaign is not None and account is None:
        raise Misconfigured("--campaign needs --account: say whose campaign it is")
    if account is not None and (
        order.campaign is not None or "campaign" not in says or len(directory.campaigns_of(account)) == 1
    ):
        campaign = campaign_meant(directory, account, order.campaign).id
    known = {each: frozenset(row.id for row in directory.campaigns_of(each)) for each in directory.accounts}
    rules = Rules(now=now, known=known, account=account, campaign=campaign, status=order.status)
    rolls.ensure_complete(layout, rules)
    return rules


def identity(source: BinaryIO, order: Order, head: bytes) -> str:
    """Names what is imported and how; nothing for a stream, which cannot be read on from the middle. Nor can a file on
    standard input, of which somebody may have read a part."""
    status = os.fstat(source.fileno())
    if order.file == STDIN or not stat.S_ISREG(status.st_mode):
        return ""
    asked = (order.account, order.campaign, order.status, order.format)
    return blake2b(head + repr((status.st_size, status.st_mtime_ns, asked)).encode(), digest_size=16).hexdigest()


def size_of(source: BinaryIO) -> int | None:
    status = os.fstat(source.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def total(tally: Tally) -> int:
    return tally.changed + tally.confirmed + tally.unchanged + tally.older + tally.kept_out


async def _head(source: BinaryIO) -> bytes:
    """As much as tells how to read the rest: a stream's first lines come when they come."""
    head = b""
    while len(head) < rolls.LONGEST_LINE and (more := await _read(source)):
        head += more
        if head.count(b"\n") > bool(rolls.SEPARATOR_SAID.match(head)):
            break
    return head


async def _chunks(source: BinaryIO, head: bytes, at: int) -> AsyncIterator[bytes]:
    """From `at` to the end, and an empty one behind the last."""
    if at <= len(head):
        yield head[at:]
    else:
        source.seek(at)
    while chunk := await _read(source):
        yield chunk
    yield b""


async def _read(source: BinaryIO) -> bytes:
    """Without a thread: one that waits for a terminal would keep Ctrl-C waiting, too."""
    if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
        await _readable(source)
    return os.read(source.fileno(), _CHUNK)


async def _readable(source: BinaryIO) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(source.fileno(), ready.set)
    except PermissionError:  # /dev/null and the like are always ready
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(source.fileno())


def _report(path: Path, start: Bookmark, source: BinaryIO) -> BinaryIO:
    """Without what is behind the bookmark, which is read again."""
    try:
        if path.exists() and os.path.samestat(path.stat(), os.fstat(source.fileno())):
            raise Misconfigured(f"--errors {path} is the list itself: name another file, or it would be written over")
        file = path.open("r+b" if start.reported and path.exists() else "wb")
        file.seek(min(start.reported, path.stat().st_size))
        file.truncate()
    except OSError as wrong:
        raise Misconfigured(
            f"{path} cannot be written: {wrong.strerror or wrong}; name another file with --errors"
        ) from wrong
    return file
