"""How does an operation get at settings and store, and in whose name? The same for a command and for the console.

A command opens the store for each operation; the console process keeps one open, and shares it.
"""

import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from config.secret_keys import seals_of
from config.settings import Settings
from consent.directory import Directory
from consent.errors import StoreUnsafe
from consent.ledger import Registry, Store
from consent.ledger.audit import Audit, Detail
from console.opening import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    settings: Settings
    who: str
    """Whose doing a change is, for the audit."""
    mask_numbers: bool
    _shared: Store | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Desk":
        """Opens the store for each operation."""
        return cls(settings=settings, who=f"cli:{_user()}", mask_numbers=settings.log.mask_numbers)

    @classmethod
    def over(cls, settings: Settings, store: Store) -> "Desk":
        """Shares one that is open."""
        return cls(settings=settings, who="console", mask_numbers=settings.log.mask_numbers, _shared=store)

    def acting_as(self, who: str) -> "Desk":
        return replace(self, who=who)

    def showing_numbers(self) -> "Desk":
        return replace(self, mask_numbers=False)

    def hiding_numbers(self) -> "Desk":
        return replace(self, mask_numbers=True)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Store]:
        """What an unsafe store holds may still be looked at; one that is laid out otherwise would be misread."""
        if self._shared is not None:  # whoever opened it looks after that (console/server/process.py)
            yield self._shared
            return
        async with opened(self.settings.store) as store:
            with suppress(StoreUnsafe):
                await store.ensure_safe()
            yield store

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Store]:
        if self._shared is not None:
            await self._shared.ensure_safe()
            yield self._shared
            return
        async with opened(self.settings.store) as store:
            await store.ensure_safe()
            yield store

    def registry(self, store: Store) -> Registry:
        """With the keys that open what is sealed in it."""
        return Registry(store, seals_of(self.settings.store))

    async def directory(self) -> Directory:
        async with self.reading() as store:
            return await self.registry(store).directory()

    async def note(self, store: Store, what: str, on: str, **details: Detail) -> None:
        """On the record: what was just done, on what. Never a secret, never a number."""
        await Audit(store).record(self.who, what, on, details)


def _user() -> str:
    """Whom the system says we are; what the environment says, anybody can say."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user has no name
        return str(os.getuid())
