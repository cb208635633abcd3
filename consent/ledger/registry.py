"""Who is registered? Accounts, campaigns, sources and endpoints, in tables of the store with one version number.

Every process keeps a `Directory` and renews it when the version moves; nobody asks the store who is registered while a
request waits. Secrets are sealed on their way in (rows.py, sealing.py), and opened when the directory is read.

What a row may be depends on others: no two share a key, none is removed under what hangs on it. So whoever changes one
decides on a directory, and is asked again where that is no longer how things are: `amend` and `dismiss`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from consent.directory import Directory
from consent.errors import StoreUnavailable
from consent.ledger import rows
from consent.ledger.keys import HEALTH, RATES, REGISTRY_CHANGES, REGISTRY_VERSION, registry_table
from consent.ledger.queue import Queue
from consent.ledger.rows import Row, RowT
from consent.ledger.sealing import UNSEALED, Seals, key_of
from consent.ledger.store import Store
from consent.ledger.wire import pack
from consent.model import Account, Campaign, Endpoint, EndpointId, Millis, Source, UnixMs

_DISABLED = "disabled"
"""Why an endpoint is disabled lies beside the endpoints, so that applying the configuration does not enable one."""
_REMOVED = "removed"
"""When endpoints were removed whose deliveries may not all be forgotten yet, by name."""
_TRIES = 200
"""Each that fails is one that somebody else's change went before: so many may change something at once."""
_TOO_LATE = -1
_TO_BE_FORGOTTEN = -2
_GONE = "gone"
_MOST_CHANGES = 1000

AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True, slots=True)
class Amended(Generic[AnyRow]):
    row: AnyRow = field(repr=False)
    before: AnyRow | None = field(repr=False)
    """What it replaces; None where it is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """How the secrets in the store are kept, counted by rows."""

    newest: int
    older: int
    """With a secret under an older key, or under one that is not configured."""
    plain: int
    """With a secret that anybody can read who reads the store."""
    keys: frozenset[str]
    """The names of all keys in use."""


class Registry:
    def __init__(self, store: Store, seals: Seals = UNSEALED) -> None:
        self._store = store
        self._seals = seals

    async def directory(self) -> Directory:
        """Everything registered, as it was at one moment. Raises Misconfigured for a secret that no key opens: who went
        on without it would refuse good webhooks, or sign with garbage."""
        version, *tables = await self._store.at_one_moment(
            pack(("GET", REGISTRY_VERSION)),
            *(pack(("HGETALL", registry_table(table))) for table in (*rows.TABLES.values(), _DISABLED)),
        )
        accounts, campaigns, sources, endpoints, disabled = (
            dict(zip(flat[::2], flat[1::2], strict=True)) for flat in tables
        )
        return Directory.of(
            int(version or 0),
            accounts=self._rows(Account, accounts),
            campaigns=self._rows(Campaign, campaigns),
            sources=self._rows(Source, sources),
            endpoints=(
                replace(endpoint, disabled=disabled.get(endpoint.id.encode(), b"").decode())
                for endpoint in self._rows(Endpoint, endpoints)
            ),
        )

    async def ensure_readable(self) -> None:
        """Before a process starts in earnest: raise Misconfigured where it lacks a key. An absent store may come."""
        with suppress(StoreUnavailable):
            await self.directory()

    async def put(self, row: Row) -> int:
        """Add or replace, whatever is there; returns the registry's version. Unchanged rows change nothing."""
        for _ in range(_TRIES):
            if (version := await self._put(row, "put")) is not None:
                return version
        raise _never_still()

    async def discover(self, campaign: Campaign) -> int:
        """Add a campaign unless it is there."""
        table = rows.TABLES[Campaign]
        return await self._enroll(table, rows.row_id(campaign), rows.encoded(campaign, self._seals), "new")

    async def amend(self, decide: Callable[[Directory], Amended[AnyRow]]) -> Amended[AnyRow]:
        """Add or replace a row, as it is right by everything registered. `decide` raises where it is not, and may be
        asked more than once."""
        for _ in range(_TRIES):
            directory = await self.directory()
            decided = decide(directory)
            if await self._put(decided.row, "seen", str(directory.version)) is not None:
                return decided
        raise _never_still()

    async def dismiss(self, decide: Callable[[Directory], AnyRow]) -> AnyRow:
        """Remove a row, as `amend` writes one. What an endpoint was owed is the caller's to `purge`; should he not come
        to that, a dispatcher finishes it."""
        for _ in range(_TRIES):
            directory = await self.directory()
            row = decide(directory)
            if await self._dismiss(row, str(directory.version)) != _TOO_LATE:
                return row
        raise _never_still()

    async def remove(self, row: Row) -> int:
        """Whatever hangs on it."""
        return await self._dismiss(row, "")

    async def note_left(self, endpoint: EndpointId) -> None:
        """Something was left of one that is not registered: it counts as removed now, unless somebody adds it."""
        await self._store.commit.call("dismiss", _keys(rows.TABLES[Endpoint]), (endpoint, _GONE))

    async def removed(self) -> set[EndpointId]:
        """Endpoints of whose deliveries something may be left."""
        return {EndpointId(name.decode()) for name in await self._store.redis.hkeys(registry_table(_REMOVED))}

    async def purge(self, endpoint: EndpointId, *, is_last: bool = False) -> str:
        """Forget what one was owed that was removed, unless it is registered again. Returns when it was removed, as it
        is noted; empty where nothing is. After the last time, nobody forgets anything more because of that."""
        at, row = await self._store.at_one_moment(
            *(pack(("HGET", registry_table(table), endpoint)) for table in (_REMOVED, rows.TABLES[Endpoint]))
        )
        if at is not None and row is None:
            await Queue(self._store).purge(endpoint, removed_at=UnixMs(int(at)), is_last=is_last)
        return "" if at is None else str(at.decode())

    async def finish_removal(self, endpoint: EndpointId) -> None:
        """`purge`, and nobody is to look for what is left of it any more."""
        # It may be registered: by a process of an older version, which knows of no names to be purged first.
        if removed_at := await self.purge(endpoint, is_last=True):
            await self._swap(_REMOVED, endpoint, removed_at, "")

    async def disable(self, endpoint: EndpointId, reason: str) -> int:
        """Stop sending; what is owed is held. An earlier reason stays."""
        return await self._enroll(_DISABLED, endpoint, reason, "new")

    async def enable(self, endpoint: EndpointId) -> int:
        return await self._enroll(_DISABLED, endpoint, "", "put")

    async def version(self) -> int:
        return int(await self._store.redis.get(REGISTRY_VERSION) or 0)

    async def reseal(self) -> int:
        """Seal every secret with the newest key, or, without one, write it plain. Returns how many rows changed.

        A row that somebody else writes meanwhile is left to the next call, if he has not the newest key.
        """
        count = 0
        for kind, table in rows.TABLES.items():
            for name, text in await self._texts(table):
                again = rows.resealed(kind, name, text, self._seals)
                count += again != text and await self._swap(table, name, text, again)
        return count

    async def sealing(self) -> Sealing:
        """Opens nothing: can be told whatever the keys are."""
        found = [
            list(rows.secrets_of(kind, text))
            for kind, table in rows.TABLES.items()
            for _, text in await self._texts(table)
        ]
        kept = [{key_of(secret) for secret in secrets} for secrets in found if secrets]
        newest = {self._seals.newest.id} if self._seals.newest else {""}
        return Sealing(
            newest=sum(keys == newest != {""} for keys in kept),
            older=sum(bool(keys - newest - {""}) for keys in kept),
            plain=sum("" in keys for keys in kept),
            keys=frozenset().union(*kept) - {""},
        )

    async def _texts(self, table: str) -> list[tuple[str, str]]:
        kept = await self._store.redis.hgetall(registry_table(table))
        return [(name.decode(), text.decode()) for name, text in kept.items()]

    def _rows(self, kind: type[RowT], table: dict[bytes, bytes]) -> list[RowT]:
        return [rows.decoded(kind, name.decode(), text.decode(), self._seals) for name, text in table.items()]

    async def _put(self, row: Row, *mode: str) -> int | None:
        """None where it is to be tried again: things have changed, or have to."""
        name = rows.row_id(row)
        version = await self._enroll(rows.TABLES[type(row)], name, rows.encoded(row, self._seals), *mode)
        if version == _TO_BE_FORGOTTEN:
            await self.finish_removal(EndpointId(name))
        return version if version >= 0 else None

    async def _swap(self, table: str, name: str, before: str, after: str) -> bool:
        return await self._enroll(table, name, after, "swap", before) != _TOO_LATE

    async def _enroll(self, table: str, name: str, row: str, *mode: str) -> int:
        return int(await self._store.commit.call("enroll", _keys(table), (name, row, *mode)))

    async def _dismiss(self, row: Row, seen: str) -> int:
        keys = _keys(rows.TABLES[type(row)])
        return int(await self._store.commit.call("dismiss", keys, (rows.row_id(row), seen)))


def _keys(table: str) -> tuple[str, ...]:
    """Of a table, and with the endpoints' what else is kept under their names."""
    also = (registry_table(_REMOVED), registry_table(_DISABLED), HEALTH, RATES)
    changed = (registry_table(table), REGISTRY_VERSION, REGISTRY_CHANGES)
    return (*changed, *also) if table == rows.TABLES[Endpoint] else changed


def _never_still() -> StoreUnavailable:
    return StoreUnavailable("the registry is being changed all the time: try again")


class Watch:
    """One process's picture of the registry, renewed when it changes."""

    def __init__(self, registry: Registry, store: Store) -> None:
        self._registry = registry
        self._tail = store.tail()
        self._last_change = "0-0"
        self._directory: Directory | None = None
        self._version = 0

    async def renew(self, *, block: Millis) -> Directory:
        """The picture as it is now. If that is the one given before, waits up to `block` for the next change first.

        StoreUnavailable where a store has no registry that had one: it was emptied, or is another one. Who went on
        with nothing would tell providers that their webhook URL is wrong, and no provider comes again after that.
        """
        version, known = await self._registry.version(), self._directory
        if known is not None and known.version and not version:
            self._version = version  # whatever is registered now is news, also where the count comes to the same
            raise StoreUnavailable("the store has lost the registry: is it another store, or was it emptied?")
        if known is None or self._version != version:
            self._directory = await self._registry.directory()
            self._version = self._directory.version
            return self._directory
        place = {REGISTRY_CHANGES: self._last_change}
        for _, entries in await self._tail.read(place, count=_MOST_CHANGES, block=block):
            self._last_change = entries[-1][0].decode()
        return known
