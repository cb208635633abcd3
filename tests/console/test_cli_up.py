"""One command in an empty directory, and the whole way works: out of the box, as a newcomer meets it."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from config.settings import Settings, judged
from consent.errors import Misconfigured
from console.addresses import Listener, all_listeners, clashes, ensure_free, local_url
from console.commands.up import as_text
from console.household import Beginning, prepare
from tests.e2e.installation import eventually, free_port
from tests.listening import listening

PATIENCE_S = 60.0
COMMAND = [sys.executable, "-c", "from console.cli import main; main()"]


class Up:
    PORTS = ("RECEIVER__PORT", "RECEIVER__INTERNAL_PORT", "DISPATCHER__PORT", "CONSOLE__PORT")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        ports = {name: free_port() for name in self.PORTS}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONSENT_RELAY")},
            **{f"CONSENT_RELAY_{name}": str(port) for name, port in ports.items()},
            "CONSENT_RELAY_DISPATCHER__EGRESS_ALLOW": "127.0.0.0/8",
            "CONSENT_RELAY_LOG__FORMAT": "console",
        }
        self.receiver = f"http://127.0.0.1:{ports['RECEIVER__PORT']}"
        self.console = f"http://127.0.0.1:{ports['CONSOLE__PORT']}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        with self.log.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "up", cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        try:
            await eventually(lambda: f"Console       {self.console}" in self.printed(), within=PATIENCE_S)
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8")

    async def also(self, *words: str) -> str:
        """Another command, in another terminal."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *words, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE
        )
        printed, _ = await process.communicate()
        assert process.returncode == 0, words
        return printed.decode()


@pytest.fixture
def up() -> Iterator[Up]:
    with tempfile.TemporaryDirectory(prefix="cr-") as name:
        yield Up(Path(name))


async def test_a_newcomer_pastes_the_line_and_the_listener_hears_of_it(up: Up) -> None:
    received: list[tuple[dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        received.append((dict(request.headers), await request.read()))
        return web.Response()

    async with listening(take) as listener, up.running() as process, aiohttp.ClientSession() as http:
        added = json.loads(await up.also("endpoint", "add", "demo/crm", listener, "--json"))
        _, _, url, _, form = shlex.split(next(line for line in up.printed().splitlines() if "curl -i" in line))
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        async with http.post(url, data=form, headers=headers) as response:
            assert response.status == 200
        await eventually(lambda: bool(received), within=PATIENCE_S)

        body = Webhook(added["secret"]).verify(received[0][1], received[0][0])
        assert (body["type"], body["data"]["msisdn"]) == ("consent.opted_out", "15558937009")
        await up.also("simulate", "postback", "15550001111")
        await eventually(lambda: len(received) == 2, within=PATIENCE_S)
        await up.also("doctor")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0

    stopped = [line.split("name=")[1].split()[0] for line in up.printed().splitlines() if "process.stopped" in line]
    assert stopped == ["console", "dispatcher", "receiver", "store"]
    for unwanted in ("Traceback", "process.died", "warning"):
        assert unwanted not in up.printed()
    assert stat.S_IMODE((up.folder / "var" / "secret.key").stat().st_mode) == 0o600
    kept = b"".join(file.read_bytes() for file in (up.folder / "var" / "store").iterdir())
    assert b"demo/crm" in kept
    assert [secret for secret in (added["secret"], url.rpartition("/")[2]) if secret.encode() in kept] == []


async def test_the_console_is_announced_with_a_token_that_opens_it_and_only_once(up: Up) -> None:
    async with up.running(), aiohttp.ClientSession() as http:
        found = re.search(r"Console token (\S+)   shown this once", up.printed())
        assert found is not None
        headers = {"Authorization": f"Bearer {found[1]}"}
        async with http.get(f"{up.console}/api/v1/health", headers=headers) as response:
            assert (response.status, (await response.json())["endpoints"]) == (200, 0)
        async with http.get(f"{up.console}/metrics") as response:
            assert response.status == 200
    kept = up.folder / "var" / "console.token"
    assert (stat.S_IMODE(kept.stat().st_mode), kept.read_text().strip()) == (0o600, found[1])

    async with up.running(), aiohttp.ClientSession() as http:
        async with http.get(f"{up.console}/api/v1/accounts", headers=headers) as response:
            assert [line["account"] for line in (await response.json())["items"]] == ["demo"]
        assert f"{up.console}   its token is in var/console.token\n" in up.printed()
        assert found[1] not in up.printed()


def settings_for(store_url: str, **tables: object) -> Settings:
    """With a token of its own: one that is made would be kept where the tests are run."""
    return judged(
        {"store": {"url": store_url}, "console": {"token": "a-token-of-the-tests"}, **tables}, {}, where="a test"
    )


async def begun(settings: Settings, *, may_demonstrate: bool = True) -> Beginning:
    beginning = Beginning()
    await prepare(settings, beginning, may_demonstrate=may_demonstrate)
    return beginning


async def test_a_second_start_shows_the_same_urls_and_makes_no_second_demo(store_url: str) -> None:
    settings = settings_for(store_url)

    first, second = await begun(settings), await begun(settings)

    assert first.sample is not None
    assert second.sample is None
    assert first.sources == second.sources
    told = as_text(second, "https://sms.example.com").plain
    assert all(f"https://sms.example.com/hooks/{source.token}" in told for source in first.sample.sources)
    assert "curl" not in told


@pytest.mark.parametrize("tables", [{}, {"accounts": [{"id": "acme"}]}])
async def test_with_a_configuration_there_is_no_demo(store_url: str, tables: dict[str, object]) -> None:
    beginning = await begun(settings_for(store_url, **tables), may_demonstrate=bool(tables))

    assert beginning.sample is None
    assert [step.done for step in beginning.steps] == ["added"] * len(tables)
    assert "consent-relay source add" in as_text(beginning, "http://127.0.0.1:8080").plain


async def test_a_generated_signing_secret_is_announced_once(store_url: str) -> None:
    declared = {
        "accounts": [{"id": "acme"}],
        "endpoints": [{"account": "acme", "id": "crm", "url": "https://crm.example.com/"}],
    }

    first, second = await begun(settings_for(store_url, **declared)), await begun(settings_for(store_url, **declared))

    assert "acme/crm, shown this once: whsec_" in as_text(first, "http://x").plain
    assert "whsec_" not in as_text(second, "http://x").plain
    assert "2 unchanged" in as_text(second, "http://x").plain


def test_a_port_that_is_taken_is_named_by_its_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(Misconfigured, match=r"receiver\.port: .*CONSENT_RELAY_RECEIVER__PORT"):
            ensure_free([Listener("receiver.port", "127.0.0.1", taken.getsockname()[1])])


@pytest.mark.parametrize(
    ("console", "receiver", "is_told"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("::", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
    ],
)
def test_two_of_our_own_ports_that_are_the_same_are_both_named(console: str, receiver: str, is_told: bool) -> None:
    """One of the two would die again and again, and say that something else listens there."""
    tables = {"console": {"host": console, "port": 8080}, "receiver": {"host": receiver, "port": 8080}}

    told = list(clashes(all_listeners(judged(tables, {}, where="a test"))))

    assert told == ["console.port: expected a port of its own, got 8080, which is receiver.port"] * is_told


def test_any_port_that_is_free_is_one_of_its_own() -> None:
    settings = judged({"dispatcher": {"port": 0}, "console": {"port": 0}}, {}, where="a test")

    assert not list(clashes(all_listeners(settings)))


async def test_up_says_so_before_anything_starts(up: Up) -> None:
    up.environment["CONSENT_RELAY_CONSOLE__PORT"] = up.environment["CONSENT_RELAY_RECEIVER__PORT"]

    process = await asyncio.create_subprocess_exec(*COMMAND, "up", cwd=up.folder, env=up.environment, stderr=PIPE)
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)

    assert process.returncode == 1
    assert said.decode().startswith("error: console.port: expected a port of its own")
    assert not (up.folder / "var").exists()


@pytest.mark.parametrize(
    ("module", "setting"),
    [
        ("receiver", "RECEIVER__PORT"),
        ("receiver", "RECEIVER__INTERNAL_PORT"),
        ("dispatcher", "DISPATCHER__PORT"),
        ("console", "CONSOLE__PORT"),
    ],
)
async def test_a_process_whose_port_somebody_took_says_so_in_a_line(up: Up, module: str, setting: str) -> None:
    """Started again by its supervisor, it would otherwise write a traceback each time."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(up.environment[f"CONSENT_RELAY_{setting}"])))
        taken.listen()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            env={
                **up.environment,
                "CONSENT_RELAY_STORE__URL": "redis://127.0.0.1:1",
                "CONSENT_RELAY_STORE__DATA_DIR": str(up.folder),
            },
            stderr=PIPE,
        )
        _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)

    assert process.returncode == 1
    assert said.decode().splitlines()[-1].startswith("cannot listen on 127.0.0.1 port ")
    assert b"Traceback" not in said


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("relay.internal", "http://relay.internal:80"),
    ],
)
def test_what_listens_everywhere_is_reached_here(host: str, url: str) -> None:
    assert local_url(host, 80) == url
