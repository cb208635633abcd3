"""A real server for every test that needs a store: started once, emptied before each."""

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from redis import Redis

from consent.ledger import Backlog, Health, Ledger, Queue, Registry, Store
from console import embedded
from tests.e2e.installation import Installation

# How long an example takes says more of the machine than of the code.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="consent-relay-") as folder:
        socket = Path(folder) / "store.sock"
        url = f"unix://{socket}"
        process = subprocess.Popen(
            embedded.command(embedded.find_binary(), Path(folder), socket), stdout=subprocess.DEVNULL
        )
        try:
            asyncio.run(embedded.wait_ready(url, timeout=10))
            yield url
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def store_url(server_url: str) -> str:
    """The server, empty."""
    with Redis.from_url(server_url) as redis:
        redis.flushall()
    return server_url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with Store.open(store_url, partitions=4, durability="fsync") as store:
        yield store


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)


@pytest.fixture
def queue(store: Store) -> Queue:
    return Queue(store)


@pytest.fixture
def backlog(store: Store) -> Backlog:
    return Backlog(store)


@pytest.fixture
def health(store: Store) -> Health:
    return Health(store)


@pytest.fixture
def registry(store: Store) -> Registry:
    return Registry(store)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: a unix socket's path has little room."""
    with tempfile.TemporaryDirectory(prefix="cr-") as name:
        yield Path(name)


@pytest.fixture
async def own(folder: Path) -> AsyncIterator[Installation]:
    """A server of this test's own, to be set up badly, stopped and killed."""
    here = Installation(folder, schedule="[]", extra="")
    await here.start_store()
    yield here
    if "store" in here.processes:
        await here.kill("store")
