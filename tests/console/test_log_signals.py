"""`up` passes on the signals that change what is logged: to children that know them, and to no other."""

import asyncio
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.child import Child
from console.supervisor import Supervisor
from tests.console.test_cli_up import Up
from tests.e2e.installation import eventually

PATIENCE_S = 60.0


@pytest.fixture
def up() -> Iterator[Up]:
    with tempfile.TemporaryDirectory(prefix="cr-") as name:
        yield Up(Path(name))


def shell(traps: str) -> tuple[str, ...]:
    return "/bin/sh", "-c", f"{traps}; while :; do sleep 0.05; done"


async def test_a_child_that_heeds_them_hears_of_them_and_another_lives_on() -> None:
    heard: list[str] = []
    armed = asyncio.Event()

    def says(line: str) -> None:
        heard.append(line)
        armed.set()

    async def is_armed() -> None:
        await armed.wait()

    died: list[str] = []
    supervisor = Supervisor(
        [
            Child(name="store", command=shell("trap 'echo died' USR1 USR2 EXIT"), says=died.append),
            Child(
                name="receiver",
                command=shell("trap 'echo usr1' USR1; trap 'echo usr2' USR2; echo armed"),
                says=says,
                ready=is_armed,
                heeds_log_signals=True,
            ),
        ]
    )

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        await supervisor.running.wait()
        for number, word in ((signal.SIGUSR1, "usr1"), (signal.SIGUSR2, "usr2")):
            supervisor.pass_on(number)
            await eventually(lambda word=word: word in heard, within=PATIENCE_S)
        assert died == []
        supervisor.stop()

    assert heard == ["armed", "usr1", "usr2"]


async def test_a_child_that_was_not_ready_or_is_started_again_hears_of_it_once_it_is() -> None:
    heard: list[str] = []
    may_be_ready = asyncio.Event()

    async def is_ready() -> None:
        await may_be_ready.wait()
        await eventually(lambda: heard[-1:] == ["armed"], within=PATIENCE_S)

    supervisor = Supervisor(
        [
            Child(
                name="receiver",
                command=shell("trap 'echo usr1' USR1; trap 'exit 3' USR2; echo armed"),
                says=heard.append,
                ready=is_ready,
                heeds_log_signals=True,
            ),
        ]
    )

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        await eventually(lambda: heard == ["armed"], within=PATIENCE_S)
        supervisor.pass_on(signal.SIGUSR1)
        supervisor.pass_on(signal.SIGUSR1)
        may_be_ready.set()
        await eventually(lambda: heard == ["armed", "usr1", "usr1"], within=PATIENCE_S)

        supervisor.abort("receiver")
        await eventually(lambda: heard[3:] == ["armed", "usr1", "usr1"], within=PATIENCE_S)

        supervisor.pass_on(signal.SIGUSR2)
        await eventually(lambda: heard[6:] == ["armed"], within=PATIENCE_S)
        await asyncio.wait_for(supervisor.running.wait(), PATIENCE_S)
        supervisor.pass_on(signal.SIGUSR1)
        await eventually(lambda: heard[7:] == ["usr1"], within=PATIENCE_S)
        supervisor.stop()


async def test_up_and_every_process_of_ours_under_it_logs_more_and_then_as_before(up: Up) -> None:
    processes = 4
    async with up.running() as process:
        process.send_signal(signal.SIGUSR1)
        await eventually(lambda: up.printed().count("shown=debug") == processes, within=PATIENCE_S)
        process.send_signal(signal.SIGUSR2)
        await eventually(lambda: up.printed().count("shown=info") == processes, within=PATIENCE_S)

    assert "process.died" not in up.printed()
