"""The dashboard on a port, over the tests' store."""

from collections.abc import AsyncIterator

import pytest

from consent.ledger import Store
from tests.console.served import Served, served


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Served]:
    async with served(store) as here:
        yield here
