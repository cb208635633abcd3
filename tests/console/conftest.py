from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consent.ledger import Store
from consent.model import EventId
from tests.console.command_line import CommandLine
from tests.console.served import Served, recorded, served


@pytest.fixture
async def console(store: Store) -> AsyncIterator[Served]:
    async with served(store) as here:
        yield here


@pytest.fixture
def cli(tmp_path: Path, store_url: str) -> CommandLine:
    return CommandLine(tmp_path, store_url)


@pytest.fixture
def events(cli: CommandLine) -> list[EventId]:
    return cli.in_store(recorded)
