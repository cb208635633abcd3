"""How does a command get at the configuration and the store? And what is said when it cannot."""

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import typer
from redis.exceptions import RedisError

from config import sections
from config.environment import Environment
from config.secret_keys import seals_of
from config.settings import DEFAULT_FILE, Settings, load
from config.urls import without_secrets
from consent.directory import Directory
from consent.errors import Misconfigured, StoreUnavailable, StoreUnsafe
from consent.ledger import Registry, Store
from console.invocation import invocation_of
from console.terminal import Screen


def settings_of(ctx: typer.Context, *, providers: Collection[str] | None = None) -> Settings:
    return load(invocation_of(ctx).config, providers=providers)


def screen_of(ctx: typer.Context) -> Screen:
    return Screen(as_json=invocation_of(ctx).as_json)


def file_of(ctx: typer.Context) -> Path | None:
    """The file that `load` reads: the same choice, for those who have to name it."""
    named = invocation_of(ctx).config or Environment.read().config
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Store]:
    """What an unsafe store holds may still be looked at; one that is laid out otherwise would be misread."""
    async with opened(settings.store) as store:
        with suppress(StoreUnsafe):
            await store.ensure_safe()
        yield store


@asynccontextmanager
async def writing(settings: Settings) -> AsyncIterator[Store]:
    async with opened(settings.store) as store:
        await store.ensure_safe()
        yield store


async def directory_of(settings: Settings) -> Directory:
    async with reading(settings) as store:
        return await registry_in(store, settings).directory()


def registry_in(store: Store, settings: Settings) -> Registry:
    """With the keys that open what is sealed in it."""
    return Registry(store, seals_of(settings.store))


@asynccontextmanager
async def opened(where: sections.Store) -> AsyncIterator[Store]:
    """Whatever it holds and promises; failures in the words of the command line."""
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
