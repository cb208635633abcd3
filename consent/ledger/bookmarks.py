"""How far did a long reading get? A place in a file, kept in the store, where a killed import finds it again."""

import json
from dataclasses import asdict, dataclass, field

from consent.ledger.bulk import Tally
from consent.ledger.keys import BOOKMARKS
from consent.ledger.store import Store
from consent.model import UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """All before it is recorded."""

    at: int
    """The byte to go on from,"""
    line: int
    """and the number of the line that begins there."""
    began_at: UnixMs
    """The time of the import: what its undated lines mean by now."""
    tally: Tally = field(default_factory=Tally)
    bad: int = 0
    reported: int = 0
    """Bytes of the report of bad lines that belong to what is before the bookmark."""


class Bookmarks:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, name: str) -> Bookmark | None:
        text = await self._store.redis.hget(BOOKMARKS, name)
        return _decoded(text) if text else None

    async def put(self, name: str, bookmark: Bookmark) -> None:
        await self._store.redis.hset(BOOKMARKS, name, json.dumps(asdict(bookmark), separators=(",", ":")))

    async def remove(self, name: str) -> None:
        await self._store.redis.hdel(BOOKMARKS, name)


def _decoded(text: bytes) -> Bookmark | None:
    """None for one that another version wrote otherwise: then the import begins again, and changes nothing twice."""
    written = json.loads(text)
    try:
        return Bookmark(**{**written, "tally": Tally(**written["tally"])})
    except (TypeError, KeyError):
        return None
