from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.installation import Installation, installation


@pytest.fixture
async def here(folder: Path) -> AsyncIterator[Installation]:
    async with installation(folder) as built:
        yield built


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session
