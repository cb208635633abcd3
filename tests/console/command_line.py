"""The command line as a test uses it: real commands, on a store of the test's own."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from typer.testing import CliRunner

from consent.ledger import Registry, Store
from consent.ledger.rows import Row
from console.cli import app
from tests.e2e.installation import free_port

Found = TypeVar("Found")
PARTITIONS = 4
# Where the tests run in the background of a shell, Ctrl-C is ignored, and children inherit that.
_PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from console.cli import main; main()"
)


def _elsewhere(more: str) -> str:
    """Ports on which nobody answers, though an installation runs on the usual ones."""
    receiver = f"[receiver]\nport = {free_port()}\ninternal_port = {free_port()}\n"
    dispatcher = f"[dispatcher]\nport = {free_port()}\n"
    console = f"[console]\nport = {free_port()}\n"
    return "".join(part for part in (receiver, dispatcher, console) if part.partition("\n")[0] not in more)


class CommandLine:
    def __init__(self, folder: Path, store_url: str) -> None:
        self.config = folder / "relay.toml"
        self._store_url = store_url
        self.configure()

    def configure(self, more: str = "", *, store: str = "") -> None:
        written = f'[store]\nurl = "{self._store_url}"\npartitions = {PARTITIONS}\n{store}\n{_elsewhere(more)}{more}\n'
        self.config.write_text(written, encoding="utf-8")

    def run(self, *words: str, answer: str = "", exit_code: int = 0) -> str:
        """What it printed; on stderr, when it is to fail."""
        result = CliRunner().invoke(app, [*words, "--config", str(self.config)], input=answer)
        assert result.exit_code == exit_code, (result.output, result.exception)
        return result.stderr if exit_code else result.stdout

    def remarks(self, *words: str, answer: str = "") -> str:
        """What it said on stderr beside its result."""
        result = CliRunner().invoke(app, [*words, "--config", str(self.config)], input=answer)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stderr

    def json(self, *words: str, exit_code: int = 0) -> Any:
        result = CliRunner().invoke(app, [*words, "--json", "--config", str(self.config)])
        assert result.exit_code == exit_code, (result.output, result.exception)
        return json.loads(result.stdout)

    def process(self, *words: str, **more: Any) -> "subprocess.Popen[str]":
        """A process of its own, which Ctrl-C stops."""
        command = [sys.executable, "-c", _PROGRAM, *words, "--config", str(self.config)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **more)

    def register(self, *rows: Row) -> None:
        async def put(store: Store) -> None:
            for row in rows:
                await Registry(store).put(row)

        self.in_store(put)

    def in_store(self, work: Callable[[Store], Awaitable[Found]]) -> Found:
        async def opened() -> Found:
            async with Store.open(self._store_url, partitions=PARTITIONS, durability="fsync") as store:
                return await work(store)

        return asyncio.run(opened())
