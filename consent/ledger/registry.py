"""Who is registered? Accounts, campaigns, sources and endpoints, in tables of the store with one version number.

Every process keeps a `Directory` and renews it when the version moves; nobody asks the store who is registered while a
request waits.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from consent.directory import Directory
from consent.ledger.keys import REGISTRY_CHANGES, REGISTRY_VERSION, registry_table
from consent.ledger.store import Store
from consent.model import Account, Campaign, Endpoint, EndpointId, Millis, Source

Row = Account | Campaign | Source | Endpoint
RowT = TypeVar("RowT", Account, Campaign, Source, Endpoint)

_TABLES: Mapping[type[Row], str] = {
    Account: "accounts",
    Campaign: "campaigns",
    Source: "sources",
    Endpoint: "endpoints",
}
_DISABLED = "disabled"
"""Why an endpoint is disabled lies beside the endpoints, so that applying the configuration does not enable one."""
_KEPT_APART = {"disabled"}


class Registry:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def directory(self) -> Directory:
        """Everything registered, read in one transaction."""
        async with self._store.redis.pipeline(transaction=True) as pipe:
            pipe.get(REGISTRY_VERSION)
            for table in (*_TABLES.values(), _DISABLED):
                pipe.hgetall(registry_table(table))
            version, accounts, campaigns, sources, endpoints, disabled = await pipe.execute()
        return Directory.of(
            int(version or 0),
            accounts=_rows(Account, accounts),
            campaigns=_rows(Campaign, campaigns),
            sources=_rows(Source, sources),
            endpoints=(
                replace(endpoint, disabled=disabled.get(endpoint.id.encode(), b"").decode())
                for endpoint in _rows(Endpoint, endpoints)
            ),
        )

    async def put(self, row: Row) -> int:
        """Add or replace; returns the registry's version. Unchanged rows change nothing."""
        return await self._enroll(_TABLES[type(row)], _row_id(row), _encode(row), "put")

    async def discover(self, campaign: Campaign) -> int:
        """Add a campaign unless it is there."""
        return await self._enroll(_TABLES[Campaign], _row_id(campaign), _encode(campaign), "new")

    async def remove(self, row: Row) -> int:
        if isinstance(row, Endpoint):
            await self.enable(row.id)
        return await self._enroll(_TABLES[type(row)], _row_id(row), "", "put")

    async def disable(self, endpoint: EndpointId, reason: str) -> int:
        """Stop sending; what is owed is held. An earlier reason stays."""
        return await self._enroll(_DISABLED, endpoint, reason, "new")

    async def enable(self, endpoint: EndpointId) -> int:
        return await self._enroll(_DISABLED, endpoint, "", "put")

    async def version(self) -> int:
        return int(await self._store.redis.get(REGISTRY_VERSION) or 0)

    async def _enroll(self, table: str, row_id: str, row: str, mode: str) -> int:
        keys = (registry_table(table), REGISTRY_VERSION, REGISTRY_CHANGES)
        return int(await self._store.commit.call("enroll", keys, (row_id, row, mode)))


def _row_id(row: Row) -> str:
    return row.id if isinstance(row, Account | Endpoint) else f"{row.account}/{row.id}"


def _encode(row: Row) -> str:
    values = {name: value for name, value in asdict(row).items() if name not in _KEPT_APART}
    return json.dumps(values, separators=(",", ":"), sort_keys=True)


def _rows(kind: type[RowT], table: Mapping[bytes, bytes]) -> list[RowT]:
    """Unknown fields are skipped: a newer process may have written the row."""
    known = {field.name for field in fields(kind)}
    rows = []
    for text in table.values():
        values: dict[str, Any] = json.loads(text)
        frozen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
        rows.append(kind(**frozen))
    return rows


class Watch:
    """One process's picture of the registry, renewed when it changes."""

    def __init__(self, registry: Registry, store: Store) -> None:
        self._registry = registry
        self._store = store
        self._last_change = "0-0"
        self.directory: Directory | None = None
        """None until the store has told."""

    async def renew(self, *, block: Millis) -> bool:
        """Whether the picture is a new one. Otherwise waits up to `block` for the next change."""
        version = await self._registry.version()
        if self.directory is None or self.directory.version != version:
            self.directory = await self._registry.directory()
            return True
        for _, entries in await self._store.redis.xread({REGISTRY_CHANGES: self._last_change}, block=block) or []:
            self._last_change = entries[-1][0].decode()
        return False
