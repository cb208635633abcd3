"""Five good minutes, then the hour."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.outage.relay import Relay, relay


@pytest.fixture
async def refusing(folder: Path) -> AsyncIterator[Relay]:
    """Nobody listens at the CRM; by the default settings it is failing, and tried again and again."""
    async with relay(folder) as here:
        await here.minutes(5)
        assert here.was_told_all()
        await here.crm.go_down()
        await here.minutes(61)
        yield here


@pytest.fixture
async def unavailable(folder: Path) -> AsyncIterator[Relay]:
    """The CRM answers 503, until it is disabled for it."""
    async with relay(folder, extra='disable_after = "40m"') as here:
        await here.minutes(5)
        assert here.was_told_all()
        here.crm.answers["*"] = 503
        await here.minutes(61)
        yield here
