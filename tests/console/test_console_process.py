"""The console as a process: it waits for its store, answers, tells what it did without telling secrets, and stops."""

import asyncio
import json
import os
import signal
import stat
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from typer.testing import CliRunner

from consent.ledger import Store
from console.cli import app
from tests.builders import ANN, an_endpoint
from tests.console.served import recorded
from tests.e2e.installation import eventually, free_port
from tests.listening import listening


class Console:
    def __init__(self, folder: Path, store_url: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "relay.toml"
        self.config.write_text(
            f'[store]\nurl = "{store_url}"\npartitions = 4\ndata_dir = "{folder / "data"}"\n'
            f'[console]\nport = {self.port}\n[log]\nformat = "json"\n[dispatcher]\negress_allow = ["127.0.0.0/8"]\n'
        )

    @property
    def token(self) -> str:
        return (self.folder / "data" / "console.token").read_text().strip()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def answered(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.splitlines()]
        return [line for line in lines if line["event"] == "console.answered"]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        with (self.folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "console", env=environment_of(self),
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            await eventually(self.is_ready, within=60)
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def is_ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self.url}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


def environment_of(console: Console) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_RELAY")}
    return {**ours, "CONSENT_RELAY_CONFIG": str(console.config)}


@pytest.fixture
def console(folder: Path, store_url: str) -> Console:
    return Console(folder, store_url)


async def test_it_makes_its_token_once_and_tells_it_to_nobody(console: Console) -> None:
    async with console.running():
        first = console.token
    headers = {"Authorization": f"Bearer {first}"}
    async with (
        console.running(),
        aiohttp.ClientSession() as http,
        http.get(f"{console.url}/api/v1/health", headers=headers) as response,
    ):
        assert response.status == 200

    assert console.token == first
    assert stat.S_IMODE((console.folder / "data" / "console.token").stat().st_mode) == 0o600
    assert first not in console.log


async def test_each_request_is_a_line_with_the_template_of_its_path_and_who_asked(
    console: Console, store: Store
) -> None:
    (event, *_) = await recorded(store)
    async with console.running(), aiohttp.ClientSession() as http:
        headers = {"Authorization": f"Bearer {console.token}"}
        for method, path, body in (
            ("GET", f"/api/v1/deliveries/{event}", None),
            ("POST", "/api/v1/consent/lookup", {"number": ANN}),
            ("GET", f"/api/v1/accounts/{ANN}", None),
            ("GET", f"/api/nothing/{ANN}", None),
            ("GET", f"/nothing/{ANN}?number={ANN}", None),
        ):
            async with http.request(method, console.url + path, json=body, headers=headers):
                pass

    told = [(line["method"], line["route"], line["status"], line["who"]) for line in console.answered()]
    assert told[:3] == [
        ("GET", "/api/v1/deliveries/{event_id}", 200, "first token"),
        ("POST", "/api/v1/consent/lookup", 200, "first token"),
        ("GET", "/api/v1/accounts/{account}", 404, "first token"),
    ]
    assert all(isinstance(line["ms"], int) for line in console.answered())
    for secret in (ANN, console.token, "Traceback"):
        assert secret not in console.log


async def test_told_to_stop_it_ends_what_is_under_way_and_leaves(console: Console, store: Store) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def take(_: web.Request) -> web.Response:
        asked.set()
        await may_answer.wait()
        return web.Response()

    async with listening(take) as listener, console.running() as process, aiohttp.ClientSession() as http:
        await recorded(store, an_endpoint("crm", url=listener))
        url, headers = f"{console.url}/api/v1/endpoints/acme/crm/test", {"Authorization": f"Bearer {console.token}"}
        testing = asyncio.create_task(http.post(url, json={}, headers=headers).__aenter__())
        await asyncio.wait_for(asked.wait(), 60)
        process.send_signal(signal.SIGTERM)
        await eventually(lambda: "console.stopping" in console.log, within=60)
        may_answer.set()

        assert (await testing).status == 200
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_metrics_and_probes_are_on_the_same_port_and_open(console: Console) -> None:
    async with console.running(), aiohttp.ClientSession() as http:
        for path, content in (("/healthz", "alive"), ("/readyz", "ready"), ("/metrics", "consent_relay_ready 1.0")):
            async with http.get(console.url + path) as response:
                assert (response.status, content in await response.text()) == (200, True)


async def test_a_store_that_is_laid_out_otherwise_is_not_misread(console: Console, store: Store) -> None:
    await store.ensure_safe()
    console.config.write_text(console.config.read_text().replace("partitions = 4", "partitions = 8"))

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console", env=environment_of(console), stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 1
    assert b"store.partitions: this store was laid out with 4" in said


def test_a_port_that_is_taken_is_named_by_its_setting(console: Console) -> None:
    import socket  # noqa: PLC0415

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", console.port))
        taken.listen()

        result = CliRunner().invoke(app, ["console", "--config", str(console.config)])

    assert result.exit_code == 1
    assert "console.port" in result.stderr
    assert "CONSENT_RELAY_CONSOLE__PORT" in result.stderr
