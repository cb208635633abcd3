"""The service manager hears that a process is ready, alive and stopping; a process whose loop hangs falls silent."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from config.notify import Manager, Story, manager_in, our_manager, telling
from tests.e2e.installation import ROOT, Installation, eventually, free_port

PATIENCE_S = 60.0
WATCHDOG_USEC = "1000000"
HANGS = """
import asyncio, pathlib, time
from config.notify import notifying

async def main():
    async with notifying(lambda: None, asyncio.Event()):
        await asyncio.sleep(0.1)
        pathlib.Path("hangs").touch()
        time.sleep(1000)

asyncio.run(main())
"""


class ServiceManager:
    """Its end of the socket: what arrived, in order."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)
        self.said: list[str] = []

    @property
    def name(self) -> str:
        """As the environment says it."""
        return self._address.replace("\0", "@", 1)

    def heard(self, *words: str) -> bool:
        """Whether each has been said by now."""
        while True:
            try:
                self.said += self._socket.recv(65536).decode().splitlines()
            except BlockingIOError:
                return all(word in self.said for word in words)

    async def hears(self, *words: str) -> None:
        await eventually(lambda: self.heard(*words), within=PATIENCE_S)

    async def hears_anew(self, word: str) -> None:
        self.heard()
        self.said.clear()
        await self.hears(word)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["in the file system", "abstract"])
def manager(request: pytest.FixtureRequest, folder: Path) -> Iterator[ServiceManager]:
    address = f"{folder}/notify" if request.param == "in the file system" else f"\0consent-relay-{folder.name}"
    yield (one := ServiceManager(address))
    one.close()


@pytest.fixture
def listener(folder: Path) -> Iterator[ServiceManager]:
    yield (one := ServiceManager(f"{folder}/notify"))
    one.close()


@asynccontextmanager
async def running(folder: Path, *words: str, **variables: str) -> AsyncIterator[Process]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_RELAY")}
    with (folder / "process.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            cwd=folder,
            env={**environment, "PYTHONPATH": str(ROOT), **variables},
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def ports() -> dict[str, str]:
    keys = ("RECEIVER__PORT", "RECEIVER__INTERNAL_PORT", "DISPATCHER__PORT", "CONSOLE__PORT")
    return {f"CONSENT_RELAY_{key}": str(free_port()) for key in keys}


def test_a_process_whose_manager_does_not_listen_has_none() -> None:
    assert manager_in({}, pid=1) is None
    assert manager_in({"NOTIFY_SOCKET": ""}, pid=1) is None
    assert manager_in({"NOTIFY_SOCKET": "vsock:2:1234"}, pid=1) is None


@pytest.mark.parametrize(
    ("variables", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_only_who_is_meant_is_watched(variables: dict[str, str], watchdog_s: float | None) -> None:
    assert manager_in({"NOTIFY_SOCKET": "@name", **variables}, pid=7) == Manager(
        address="\0name", watchdog_s=watchdog_s
    )


def test_signs_of_life_come_twice_as_often_as_they_must() -> None:
    assert Manager(address="/x", watchdog_s=3.0).sign_every_s == 1.5
    assert Manager(address="/x", watchdog_s=3600.0).sign_every_s == 5.0


def test_children_do_not_inherit_what_names_the_manager() -> None:
    environment = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "1", "WATCHDOG_PID": str(os.getpid()), "PATH": "/"}

    assert our_manager(environment) == Manager(address="/run/notify", watchdog_s=1e-6)
    assert environment == {"PATH": "/"}


def test_what_is_told_is_told_once_and_a_start_that_waits_asks_for_time() -> None:
    story = Story(is_watched=False)

    assert story.goes_on("starting", is_stopping=False) == [
        "EXTEND_TIMEOUT_USEC=30000000",
        "STATUS=not ready: starting",
    ]
    assert story.goes_on("starting", is_stopping=False) == ["EXTEND_TIMEOUT_USEC=30000000"]
    assert story.goes_on(None, is_stopping=False) == ["READY=1", "STATUS=ready"]
    assert story.goes_on(None, is_stopping=False) == []
    assert story.goes_on("the store\nREADY=1", is_stopping=False) == ["STATUS=not ready: the store READY=1"]
    assert story.goes_on(None, is_stopping=True) == ["STOPPING=1", "STATUS=stopping: what is under way ends"]
    assert story.goes_on(None, is_stopping=True) == []


async def test_readiness_status_life_and_the_end_are_told(manager: ServiceManager) -> None:
    reason: list[str | None] = ["the store is away"]
    stop = asyncio.Event()
    told = manager_in({"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "20000"}, pid=1)
    async with telling(told, lambda: reason[0], stop):
        await manager.hears("STATUS=not ready: the store is away", "WATCHDOG=1")
        assert "READY=1" not in manager.said
        reason[0] = None
        await manager.hears("READY=1", "STATUS=ready")
        await manager.hears_anew("WATCHDOG=1")
        stop.set()
        await manager.hears("STOPPING=1")
        await manager.hears_anew("WATCHDOG=1")  # while what is under way ends


async def test_a_manager_that_went_away_disturbs_nobody(folder: Path) -> None:
    async with telling(Manager(address=f"{folder}/nobody", watchdog_s=0.002), lambda: None, asyncio.Event()):
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["receiver", "dispatcher", "console"])
async def test_a_process_tells_from_its_start_to_its_end(
    own: Installation, folder: Path, listener: ServiceManager, kind: str
) -> None:
    store = {"CONSENT_RELAY_STORE__URL": own.url, "CONSENT_RELAY_STORE__DATA_DIR": str(folder)}
    variables = {"NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": WATCHDOG_USEC, **store}
    async with running(folder, "-m", kind, **variables, **ports()) as process:
        await listener.hears("READY=1", "STATUS=ready", "WATCHDOG=1")
        await listener.hears_anew("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert listener.heard("STOPPING=1")


async def test_a_process_without_its_store_says_so_and_asks_for_time(folder: Path, listener: ServiceManager) -> None:
    variables = {"NOTIFY_SOCKET": listener.name, "CONSENT_RELAY_STORE__URL": f"unix://{folder}/none.sock"}
    async with running(folder, "-m", "receiver", **variables, **ports()):
        await eventually(lambda: listener.heard() and any("store" in word for word in listener.said), within=PATIENCE_S)
        assert "READY=1" not in listener.said
        await listener.hears_anew("EXTEND_TIMEOUT_USEC=30000000")


async def test_up_speaks_for_all_its_children_once_they_are_ready(folder: Path, listener: ServiceManager) -> None:
    variables = {"NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": WATCHDOG_USEC}
    config = folder / "consent-relay.toml"
    config.write_text('[[accounts]]\nid = "acme"\n')  # with a file, the children get an environment of their own
    words = ("-c", "from console.cli import main; main()", "--config", str(config), "up")
    async with running(folder, *words, **variables, **ports()) as process:
        await listener.hears("READY=1", "STATUS=ready")
        assert listener.said.count("READY=1") == 1
        await listener.hears_anew("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert listener.heard("STOPPING=1")


async def test_a_loop_that_hangs_falls_silent_and_says_where_it_hung(folder: Path, listener: ServiceManager) -> None:
    variables = {"NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": "20000", "PYTHONFAULTHANDLER": "1"}
    async with running(folder, "-c", HANGS, **variables) as process:
        await listener.hears("READY=1", "WATCHDOG=1")
        await eventually((folder / "hangs").exists, within=PATIENCE_S)
        listener.heard()
        listener.said.clear()
        await asyncio.sleep(0.2)  # ten times what it may be silent: an absence can only be waited for

        assert not listener.heard("WATCHDOG=1")
        process.send_signal(signal.SIGABRT)  # as the manager does
        await process.wait()
        assert "in main" in (folder / "process.log").read_text()
