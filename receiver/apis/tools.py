"""What is an API built from? Everything that the receiver has, in one value."""

from collections.abc import Callable
from dataclasses import dataclass

from consent.directory import Directory
from consent.ledger import Ledger, Registry, Store
from consent.model import Millis
from receiver.apis.gate import Gate

_ONE_DAY = Millis(24 * 3600 * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    store: Store
    ledger: Ledger
    registry: Registry
    gate: Gate
    directory: Callable[[], Directory]
    """Who is registered now. Raises StoreUnavailable until that is known."""
    ensure_safe: Callable[[], None]
    """Before a change: raises StoreUnsafe while the store would not keep it."""
    confirm_within: Millis = _ONE_DAY
    """How long a YES answers a double opt-in: `receiver.confirm_within`."""

    async def newest_directory(self) -> Directory:
        """For who misses something in `directory`, which is some milliseconds old: a webhook may have brought it."""
        known = self.directory()
        return known if await self.registry.version() == known.version else await self.registry.directory()
