from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, installation


@pytest.fixture
async def here(folder: Path) -> AsyncIterator[Installation]:
    async with installation(folder) as built:
        yield built
