"""A store that takes nothing new: it has less memory than is in use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consent.ledger import Store


@asynccontextmanager
async def out_of_memory(store: Store) -> AsyncIterator[None]:
    await store.redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await store.redis.config_set("maxmemory", 0)
