"""How is the store opened, and what is said when it cannot be? In the words of the command line."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from redis.exceptions import RedisError

from config import sections
from config.urls import without_secrets
from consent.errors import Misconfigured, StoreUnavailable, StoreUnsafe
from consent.ledger import Store

_USUAL = "does not answer: check that it runs and that store.url is right"
_NO_STORE = "is none: what answers there is no Redis or Valkey: check the port in store.url"
_NO_TLS = "cannot be reached: does that port speak TLS? If not, write redis in place of rediss in store.url"
_FULL = "is full and takes nothing new: raise its maxmemory, or make room"
_REFUSES = "answers, and refuses: see its own log"
_NOT_US = "does not know us: user and password come from store.url"
_REMEDIES = {
    "user and password come from": _NOT_US,
    "no RESP": _NO_STORE,
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "used memory > 'maxmemory'": _FULL,
    "the store refused": _REFUSES,
}
"""By what the client says."""


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
            raise StoreUnavailable(unreachable(where, str(exc))) from exc
        except RedisError as exc:
            raise StoreUnavailable(f"the store at {named(where)} refused: {exc}") from exc


def named(where: sections.Store) -> str:
    return without_secrets(where.effective_url)


def unreachable(where: sections.Store, why: str) -> str:
    if where.is_embedded and "the store refused" not in why:
        return (
            f"the store at {named(where)} cannot be reached: start it with `consent-relay up` (if that runs, its log "
            "says what ended the store), or set store.data_dir to where it runs"
        )
    # A server that does not speak TLS waits for the end of what it takes for a command.
    is_silent_in_tls = where.effective_url.startswith("rediss") and "did not answer within" in why
    remedy = _NO_TLS if is_silent_in_tls else next((told for sign, told in _REMEDIES.items() if sign in why), _USUAL)
    return f"the store at {named(where)} {remedy} ({why.removeprefix('the store cannot be reached: ')})"
