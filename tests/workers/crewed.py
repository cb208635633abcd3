"""A parent and its workers, as real processes of a real installation."""

import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.installation import Installation, eventually

COMMAND = [sys.executable, "-c", "from console.cli import main; main()"]
PATIENCE_S = 60.0


class Crew:
    """`consent-relay receiver --workers 2`, or a dispatcher; its log is JSON."""

    def __init__(self, here: Installation, kind: str, *, number: int = 0) -> None:
        """`number`: whose ports it has."""
        self.here = here
        self.kind = kind
        self.number = number
        self.name = f"{kind} crew"
        self.internal = f"http://127.0.0.1:{here.ports[f'in{number}' if kind == 'receiver' else f'dis{number}']}"

    async def begin(self, *, workers: int = 2, **variables: str) -> None:
        os.environ.update(variables)
        try:
            config = self.here._config(self.number)
            command = [*COMMAND, "--config", str(config), self.kind, "--workers", str(workers)]
            await self.here._spawn(self.name, command)
        finally:
            for name in variables:
                del os.environ[name]

    async def all_ready(self) -> None:
        async def are() -> bool:
            try:
                return await self.value("consent_relay_workers", state="ready") == 2
            except aiohttp.ClientError:
                return False

        await eventually(are, within=PATIENCE_S)

    async def back_after(self, deaths: int) -> None:
        """Who died was started again, and is at work."""
        begun = {"receiver": "receiver.listening", "dispatcher": "dispatcher.running"}[self.kind]
        await eventually(lambda: len(self.lines(begun)) == len(self.pids()) + deaths, within=PATIENCE_S)
        await self.all_ready()
        assert await self.value("consent_relay_worker_deaths_total") == deaths

    async def end(self) -> int:
        return await self.here.kill(self.name, signal.SIGTERM)

    @property
    def pid(self) -> int:
        return self.here.processes[self.name].pid

    def lines(self, event: str) -> list[dict[str, Any]]:
        found = (line for line in self.printed().splitlines() if line.startswith("{") and line.endswith("}"))
        return [line for line in map(json.loads, found) if line["event"] == event]

    def printed(self) -> str:
        return self.here.log_of(self.name)

    def pids(self) -> dict[int, int]:
        """Of the workers, by number: those that were started last."""
        started = re.findall(rf'"process\.(?:re)?started","name":"{self.kind}-(\d+)","pid":(\d+)', self.printed())
        return {int(number): int(pid) for number, pid in started}

    def kill(self, worker: int, how: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.pids()[worker], how)

    def active(self, event: str) -> set[int]:
        """Which workers said so."""
        return {line["worker"] for line in self.lines(event)}

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.get(self.internal + path) as response:
            return response.status, await response.text()

    async def metrics(self) -> Mapping[str, Metric]:
        _, text = await self.get("/metrics")
        return {family.name: family for family in text_string_to_metric_families(text)}

    async def value(self, name: str, **labels: str) -> float:
        """Of all samples of this name that have these labels, together."""
        samples = (sample for family in (await self.metrics()).values() for sample in family.samples)
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


@asynccontextmanager
async def crew(here: Installation, kind: str, *, number: int = 0) -> AsyncIterator[Crew]:
    """Two workers, both ready; on the way out, stopped in order."""
    built = Crew(here, kind, number=number)
    await built.begin()
    await built.all_ready()
    try:
        yield built
    finally:
        if built.name in here.processes:
            await built.end()


def is_alive(pid: int) -> bool:
    """A zombie is not, for nobody may be there to reap an orphan; but one of which other threads are left has its
    sockets still."""
    process = Path("/proc") / str(pid)
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" or len([*(process / "task").iterdir()]) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False
