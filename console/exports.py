"""How does all that is known of consent come out again? As lines that an import reads back to the same states."""

import asyncio
import io
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from consent.errors import Misconfigured
from consent.ledger import Bulk, Listed, Store
from consent.model import AccountId, CampaignId, Status, UnixMs
from console import rolls
from console.progress import Shown
from console.rolls import Format

EXPORTED = (Status.OPTED_OUT, Status.OPTED_IN)
"""A question that nobody answered yet is no consent, and no list could ask it again. Whoever was out before it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    accounts: Sequence[AccountId]
    campaigns: frozenset[CampaignId] | None = None
    """None: all of them."""
    statuses: frozenset[Status] = frozenset(EXPORTED)


async def export(store: Store, wanted: Wanted, out: TextIO, *, format: Format, show: Shown) -> Counter[Status]:  # noqa: A002  # the option's name
    """Writes line by line; returns how many of each status there were, pending ones counted though not written."""
    counts: Counter[Status] = Counter()
    out.write(rolls.header(format))
    async for found in Bulk(store).listed(wanted.accounts):
        for listed in map(_as_decided, found):
            status = listed.state.status
            if wanted.campaigns is not None and listed.campaign not in wanted.campaigns:
                continue
            if status is Status.PENDING:
                counts[status] += 1
            elif status in wanted.statuses:
                counts[status] += 1
                out.write(rolls.written(listed, format))
        written = counts.total()
        show(written, numbers=written)
        await asyncio.sleep(0)
    out.flush()
    return counts


def _as_decided(listed: Listed) -> Listed:
    """Who was out before she was asked stays on the opt-out list until she answers, so she is exported as out, since
    then. The instant itself is gone, but for its second; in doubt the opt-out came at the end of that."""
    state = listed.state
    if state.status is not Status.PENDING or state.opted_out_at is None:
        return listed
    out = replace(state, status=Status.OPTED_OUT, decides_at=UnixMs(state.opted_out_at + 999), pending_until=None)
    return listed._replace(state=out)


@contextmanager
def destination(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file for its owner alone that gets its name when it is whole; until then it has another,
    and nothing is left of it if it never is."""
    if path is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as an import reads it, whatever the terminal shows
        yield sys.stdout
        return
    if path.exists() and not path.is_file():
        what = "is a directory" if path.is_dir() else "is no regular file"
        raise Misconfigured(f"{path} {what}: name a file to write, or leave --output out for standard output")
    unfinished = path.with_name(f"{path.name}.part")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as wrong:
        raise _unwritable(path, wrong) from wrong
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            os.fsync(descriptor)
        unfinished.replace(path)
    except OSError as wrong:
        raise _unwritable(path, wrong) from wrong
    finally:
        unfinished.unlink(missing_ok=True)


def _unwritable(path: Path, wrong: OSError) -> Misconfigured:
    return Misconfigured(f"{path} cannot be written: {wrong.strerror or wrong}; name another place with --output")
