"""A parent stops its workers together, and ends one that hangs."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.probes import internal_port
from config.process import Worker, worker_in
from console.child import Child
from console.lifeline import Lifeline
from console.rollcall import Rollcall
from console.supervisor import Supervisor
from tests.e2e.installation import eventually
from tests.workers.crewed import is_alive

PATIENCE_S = 20.0


def waits_for_the_other(folder: Path, name: str, other: str) -> list[str]:
    """Told to stop, it ends as soon as the other was told too."""
    told = f"touch {folder}/{name}.told; while [ ! -e {folder}/{other}.told ]; do sleep 0.01; done; exit 7"
    return ["/bin/sh", "-c", f"trap '{told}' TERM; touch {folder}/{name}.armed; while :; do sleep 0.01; done"]


def armed(folder: Path) -> bool:
    return len([*folder.glob("*.armed")]) == 2


async def test_workers_are_stopped_together(folder: Path) -> None:
    children = [
        Child(name=name, command=waits_for_the_other(folder, name, other), stop_timeout=PATIENCE_S)
        for name, other in (("one", "two"), ("two", "one"))
    ]
    supervisor = Supervisor(children, together=True)

    with capture_logs() as logs:
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(supervisor.run())
            await eventually(lambda: armed(folder))
            supervisor.stop()

    assert {line["name"]: line["exit_code"] for line in logs if line["event"] == "process.stopped"} == {
        "one": 7,
        "two": 7,
    }


def test_a_lifeline_too_stops_them_together(folder: Path) -> None:
    commands = [waits_for_the_other(folder, *names) for names in (("one", "two"), ("two", "one"))]
    children = [subprocess.Popen(command, start_new_session=True) for command in commands]
    asyncio.run(eventually(lambda: armed(folder)))

    with Lifeline(together=True) as lifeline:
        for child in children:
            lifeline.watch(child.pid)

    assert [child.wait(PATIENCE_S) for child in children] == [7, 7]


async def test_a_child_that_is_aborted_says_where_it_hung_and_is_started_again(folder: Path) -> None:
    hangs = f"import pathlib, time; pathlib.Path('{folder}/begun').touch(); time.sleep(3600)"
    said: list[str] = []

    async def begun() -> None:
        await eventually((folder / "begun").exists)

    child = Child(
        name="one", command=[sys.executable, "-X", "faulthandler", "-c", hangs], ready=begun, says=said.append
    )
    supervisor = Supervisor([child])

    with capture_logs() as logs:
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(supervisor.run())
            await supervisor.running.wait()
            supervisor.abort("nobody")
            supervisor.abort("one")
            await eventually(lambda: any(line["event"] == "process.restarted" for line in logs))
            assert supervisor.deaths == 1
            supervisor.stop()

    assert any("Fatal Python error: Aborted" in line for line in said)
    assert [line["signal"] for line in logs if line["event"] == "process.died"] == ["SIGABRT"]


async def test_a_child_that_cannot_even_abort_is_killed() -> None:
    supervisor = Supervisor([Child(name="one", command=["/bin/sh", "-c", "exec sleep 3600"])])

    with capture_logs() as logs:
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(supervisor.run())
            await supervisor.running.wait()
            os.kill(logs[0]["pid"], signal.SIGSTOP)
            supervisor.abort("one")
            await eventually(lambda: any(line["event"] == "process.restarted" for line in logs))
            supervisor.stop()

    assert not is_alive(logs[0]["pid"])


@asynccontextmanager
async def watching(rollcall: Rollcall, worker: Worker) -> AsyncIterator[list[str]]:
    """Yields what it made of it that the worker hangs."""
    hung: list[str] = []
    task = asyncio.create_task(rollcall.watch(worker, lambda: hung.append("hangs")))
    yield hung
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_only_who_takes_questions_and_answers_none_hangs(folder: Path) -> None:
    worker = Worker(number=3, socket=folder / "3.sock")
    rollcall = Rollcall([worker], silent_s=0.1, answer_within_s=0.05)

    async with watching(rollcall, worker) as hung:
        assert rollcall.unready() == "worker 3: starting"  # nobody is there, for as long as it takes
        async with internal_port("", 0, lambda: None, socket=worker.socket):
            await eventually(lambda: rollcall.unready() is None)
            assert (rollcall.ready, rollcall.incomplete()) == (1, None)
        await eventually(lambda: rollcall.unready() == "worker 3: starting")
        assert hung == []

        worker.socket.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(str(worker.socket))
            deaf.listen(64)
            await eventually(lambda: rollcall.unready() == "worker 3: does not answer")
            await eventually(lambda: len(hung) > 0)


def test_reasons_are_told_once_for_all_who_share_them() -> None:
    rollcall = Rollcall([Worker(number=n, socket=Path("/x")) for n in (1, 2, 3)])

    assert rollcall.incomplete() == "worker 1, 2, 3: starting"
    assert rollcall.unready() == rollcall.incomplete()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["1", "2", "3"]])
def test_who_is_not_told_to_be_a_worker_is_none(arguments: list[str]) -> None:
    assert worker_in(arguments) is None


def test_a_worker_knows_its_number_and_its_place() -> None:
    assert worker_in(["2", "/tmp/x/2.sock"]) == Worker(number=2, socket=Path("/tmp/x/2.sock"))
