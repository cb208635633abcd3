"""Which APIs are there? The routes of all of them, in one table."""

from collections.abc import Callable
from dataclasses import dataclass

from consent.directory import Directory
from consent.ledger import Ledger, Registry, Store
from receiver.apis.call import Route
from receiver.apis.gate import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What an API is built from."""

    store: Store
    ledger: Ledger
    registry: Registry
    gate: Gate
    directory: Callable[[], Directory]
    """Who is registered now. Raises StoreUnavailable until that is known."""
    ensure_safe: Callable[[], None]
    """Before a change: raises StoreUnsafe while the store would not keep it."""


def routes(tools: Tools) -> tuple[Route, ...]:
    return ()
