"""How is the store opened, and what is said when it cannot be? In the words of the command line."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from redis.exceptions import RedisError

from config import sections
from config.urls import without_secrets
from consent.errors import Misconfigured, StoreUnavailable, StoreUnsafe
from consent.ledger import Store


@asynccontextmanager
async def opened(where: sections.Store) -> AsyncIterator[Store]:
    """Whatever it holds and promises."""
    async with AsyncExitStack() as stack:
        try:
            opening = Store.open(where.effective_url, partitions=where.partitions, durability=where.durability)
            store = await stack.enter_async_context(opening)
        except ValueError as exc:
            raise Misconfigured(f"store.url: {exc}") from exc
        try:
            yield store
        except StoreUnsafe:
            raise
        except StoreUnavailable as exc:
            raise StoreUnavailable(_unreachable(where, str(exc))) from exc
        except RedisError as exc:
            raise StoreUnavailable(f"the store at {named(where)} refused: {exc}") from exc


def named(where: sections.Store) -> str:
    return without_secrets(where.effective_url)


def _unreachable(where: sections.Store, why: str) -> str:
    if where.is_embedded:
        return (
            f"the store at {named(where)} cannot be reached: start it with `consent-relay up`, "
            "or set store.data_dir to where it runs"
        )
    return f"the store at {named(where)} does not answer: check that it runs and that store.url is right ({why})"
