"""Who changed what, and when? A stream of what operators did, by any way: command line, admin API, dashboard.

Kept in the order of the store's own clock. An entry is written when the change is done, so one that failed has none.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from consent.errors import Refused
from consent.ledger.keys import AUDIT
from consent.ledger.store import Store
from consent.model import UnixMs

KEPT = 100_000
"""Entries, about. The oldest go first."""
Detail: TypeAlias = "str | int | bool | list[str] | None"
_ID = re.compile(r"[0-9]{1,15}-[0-9]{1,10}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    id: str
    at: UnixMs
    who: str
    """The name of a token, "cli:" and the name of a user of the machine, or "console"."""
    what: str
    """A stable word: "endpoint.disabled"."""
    on: str
    """What was changed, by its id; empty where that would be a phone number."""
    details: Mapping[str, Detail]
    """Without secrets and numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    entries: tuple[Entry, ...]
    next: str | None
    """The cursor behind them; None where there is nothing older."""


class Audit:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def record(self, who: str, what: str, on: str, details: Mapping[str, Detail]) -> None:
        written = json.dumps({"who": who, "what": what, "on": on, "details": details}, separators=(",", ":"))
        await self._store.redis.xadd(AUDIT, {"entry": written}, maxlen=KEPT, approximate=True)

    async def read(self, after: str = "", limit: int = 100) -> Entries:
        """Newest first. Refused for a cursor that was never handed out."""
        if after and not _ID.fullmatch(after):
            raise Refused("after: expected the `next` of an earlier answer")
        newest = f"({after}" if after else "+"
        found = await self._store.redis.xrevrange(AUDIT, newest, "-", count=limit + 1)
        entries = [_entry(stream_id.decode(), fields[b"entry"]) for stream_id, fields in found[:limit]]
        return Entries(entries=tuple(entries), next=entries[-1].id if len(found) > limit else None)


def _entry(stream_id: str, written: bytes) -> Entry:
    told = json.loads(written)
    return Entry(
        id=stream_id,
        at=UnixMs(int(stream_id.partition("-")[0])),
        who=told["who"],
        what=told["what"],
        on=told["on"],
        details=told["details"],
    )
