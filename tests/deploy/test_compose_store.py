"""What deploy/compose makes works together: its secrets, its store's settings and users, and our processes on it."""

import asyncio
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError

from config.settings import load
from console import embedded
from receiver.codecs import CODECS
from tests.e2e.installation import ROOT, Installation, eventually, free_port

COMMAND = (sys.executable, "-c", "from console.cli import main; main()")
PATIENCE_S = 60.0


def prepared(folder: Path) -> Path:
    compose = folder / "compose"
    shutil.copytree(ROOT / "deploy/compose", compose, ignore=shutil.ignore_patterns("secrets*"))
    subprocess.run([compose / "prepare"], check=True, timeout=30, stdout=subprocess.DEVNULL)
    return compose


def test_the_secrets_are_fresh_complete_and_made_once(folder: Path) -> None:
    first, second = (prepared(folder / name) / "secrets" for name in ("one", "two"))
    again = subprocess.run([first.parent / "prepare"], check=False, timeout=30, capture_output=True)

    assert again.returncode == 1
    assert stat.S_IMODE(first.stat().st_mode) == 0o700
    for file in first.iterdir():
        assert file.read_bytes() != (second / file.name).read_bytes()
        assert not set(file.read_text().split()) & {"@STORE_PASSWORD@", "@SECRET_KEY@", "@CONSOLE_TOKEN@"}
        assert stat.S_IMODE(file.stat().st_mode) == 0o644  # others read them in the containers
    settings = load(first / "consent-relay.toml", providers=CODECS)
    assert settings.store.secret_key
    assert settings.console.token
    assert settings.receiver.public_url


def test_the_relay_has_the_rights_that_the_page_on_security_gives_it_and_no_more() -> None:
    page = (ROOT / "docs/security.md").read_text()
    (rights,) = re.findall(r"^user consent-relay (.*?)^```", page, re.DOTALL | re.MULTILINE)
    written = (ROOT / "deploy/compose/store.example.acl").read_text().splitlines()

    (ours,) = [line for line in written if line.startswith("user consent-relay ")]
    assert ours.split()[2:] == rights.replace(">PASSWORD", ">@STORE_PASSWORD@").split()


class Composed:
    """The store of docker-compose.yml, on a port of this machine."""

    def __init__(self, folder: Path) -> None:
        self.compose = prepared(folder)
        self.port = free_port()
        self.here = Installation(folder, schedule='["0s"]', extra="")
        self.config = self.compose / "secrets/consent-relay.toml"
        self.config.write_text(self.config.read_text().replace("@store:6379", f"@127.0.0.1:{self.port}"))

    @property
    def command(self) -> list[str]:
        """Its own settings, but for the places that are there in the container alone."""
        settings = self.compose / "valkey.conf"
        here = {
            "bind * -::*": "bind 127.0.0.1",
            "dir /data": f"dir {self.here.folder}",
            "/run/secrets": str(self.compose / "secrets"),
        }
        for there, place in here.items():
            assert there in settings.read_text()
            settings.write_text(settings.read_text().replace(there, place))
        return [str(embedded.find_binary()), str(settings), "--port", str(self.port)]

    @property
    def environment(self) -> dict[str, str]:
        ports = {
            f"CONSENT_RELAY_{key}": str(free_port())
            for key in ("RECEIVER__PORT", "RECEIVER__INTERNAL_PORT", "DISPATCHER__PORT", "CONSOLE__PORT")
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_RELAY")}
        return {**inherited, "PYTHONPATH": str(ROOT), "CONSENT_RELAY_CONFIG": str(self.config), **ports}

    async def run(self, *words: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *words,
            cwd=self.here.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return process.returncode, printed.decode()


@pytest.fixture
async def composed(folder: Path) -> AsyncIterator[Composed]:
    one = Composed(folder)
    server = await asyncio.create_subprocess_exec(*one.command, stdout=subprocess.DEVNULL)
    try:
        await eventually(lambda: answers(one.port), within=PATIENCE_S)
        yield one
    finally:
        server.terminate()
        await server.wait()


def answers(port: int) -> bool:
    try:
        with Redis(port=port) as stranger:
            return bool(stranger.ping())
    except RedisError:  # not there yet, or still reading
        return False


async def test_a_stranger_may_ask_whether_it_is_there_and_nothing_else(composed: Composed) -> None:
    with Redis(port=composed.port) as stranger:
        assert stranger.ping()
        for words in (("GET", "x"), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("FUNCTION", "LIST")):
            with pytest.raises(NoPermissionError):
                stranger.execute_command(*words)


async def test_the_processes_find_all_they_need_and_may_not_do_harm(composed: Composed) -> None:
    code, printed = await composed.run("apply")
    assert code == 0, printed
    code, printed = await composed.run("doctor")
    assert "store" in printed, printed
    with Redis.from_url(load(composed.config).store.url) as relay:
        for words in (("FLUSHALL",), ("CONFIG", "SET", "appendonly", "no"), ("SHUTDOWN",), ("ACL", "LIST")):
            with pytest.raises(NoPermissionError):
                relay.execute_command(*words)
    for kind in ("receiver", "dispatcher", "console"):
        await ready(composed, kind)


async def ready(composed: Composed, kind: str) -> None:
    """As its readiness probe says: the store can keep the promise."""
    environment = composed.environment
    port = {
        "receiver": "CONSENT_RELAY_RECEIVER__INTERNAL_PORT",
        "dispatcher": "CONSENT_RELAY_DISPATCHER__PORT",
        "console": "CONSENT_RELAY_CONSOLE__PORT",
    }[kind]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", kind, cwd=composed.here.folder, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        await composed.here.wait_for(f"http://127.0.0.1:{environment[port]}/readyz")
        assert process.returncode is None
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
