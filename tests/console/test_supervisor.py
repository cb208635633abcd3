"""Children are started in order, kept running, stopped in reverse order, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from consent.errors import Misconfigured, StoreUnavailable
from console.child import Child, RestartPolicy
from console.lifeline import Lifeline
from console.supervisor import Supervisor


class Gate:
    """A readiness that the test decides on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def passed(self) -> None:
        self.reached.set()
        await self.open.wait()


SOON = RestartPolicy(first_wait=0.01, longest_wait=0.05)
PATIENCE_S = 10.0


async def test_each_child_is_ready_before_the_next_one_starts_and_they_stop_in_reverse() -> None:
    gate = Gate()
    children = [
        Child(name="store", command=_shell(_FOR_EVER), ready=gate.passed),
        Child(name="receiver", command=_shell(_FOR_EVER)),
    ]
    supervisor = Supervisor(children)

    with capture_logs() as logs:
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(supervisor.run())
            await gate.reached.wait()
            before = _told(logs)
            gate.open.set()
            await supervisor.running.wait()
            supervisor.stop()

    assert before == [("process.started", "store")]
    assert _told(logs) == [
        ("process.started", "store"),
        ("process.started", "receiver"),
        ("process.stopped", "receiver"),
        ("process.stopped", "store"),
    ]


async def test_a_child_that_dies_is_started_again_and_its_death_told() -> None:
    with capture_logs() as logs:
        async with running([Child(name="receiver", command=_shell(_FOR_EVER))]):
            os.kill(logs[0]["pid"], signal.SIGKILL)
            await eventually(lambda: len(_told(logs)) == 3)

    assert _told(logs)[:3] == [
        ("process.started", "receiver"),
        ("process.died", "receiver"),
        ("process.restarted", "receiver"),
    ]
    assert logs[1]["signal"] == "SIGKILL"
    assert logs[2]["pid"] != logs[0]["pid"]


async def test_a_child_that_keeps_dying_is_started_again_and_again() -> None:
    with capture_logs() as logs:
        async with running([Child(name="receiver", command=_shell("exit 7"))]):
            await eventually(lambda: _told(logs).count(("process.restarted", "receiver")) >= 3)

    assert {line["exit_code"] for line in logs if line["event"] == "process.died"} == {7}


async def test_what_a_dead_child_left_behind_is_killed_before_it_is_started_again(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    parent = Child(name="receiver", command=_shell(f"sleep 3600 & echo $! >> {pids}; wait"))

    with capture_logs() as logs:
        async with running([parent]):
            await eventually(lambda: pids.exists() and pids.read_text().endswith("\n"))
            orphan = int(pids.read_text())

            os.kill(logs[0]["pid"], signal.SIGKILL)

            await eventually(lambda: not _is_alive(orphan))


async def test_a_child_that_ignores_being_asked_is_killed_after_its_time() -> None:
    said: list[str] = []
    stubborn = Child(name="stubborn", command=_shell(_STUBBORN), stop_timeout=0.1, says=said.append)

    with capture_logs() as logs:
        async with running([stubborn]):
            await eventually(lambda: said == ["deaf"])

    assert _told(logs)[-1] == ("process.stopped", "stubborn")
    assert logs[-1]["signal"] == "SIGKILL"


async def test_asked_twice_the_supervisor_does_not_wait() -> None:
    said: list[str] = []
    stubborn = Child(name="stubborn", command=_shell(_STUBBORN), stop_timeout=3600, says=said.append)

    async with running([stubborn]) as supervisor:
        await eventually(lambda: said == ["deaf"])
        supervisor.stop()


async def test_a_child_that_dies_before_it_was_ever_ready_stops_everything() -> None:
    first = Child(name="store", command=_shell(_FOR_EVER))
    broken = Child(name="receiver", command=_shell("exit 2"), ready=Gate().passed)

    with capture_logs() as logs, pytest.raises(Misconfigured, match="receiver ended before it was ready"):
        await Supervisor([first, broken]).run()

    assert _told(logs)[-2:] == [("process.died", "receiver"), ("process.stopped", "store")]


async def test_a_child_that_never_becomes_ready_stops_everything_and_says_why() -> None:
    async def never() -> None:
        raise StoreUnavailable("no answer within 20 s")

    with pytest.raises(Misconfigured, match="store did not become ready: no answer within 20 s"):
        await Supervisor([Child(name="store", command=_shell(_FOR_EVER), ready=never)]).run()


async def test_a_program_that_does_not_exist_is_told() -> None:
    said: list[str] = []
    missing = Child(name="receiver", command=["/no-such-program"], ready=Gate().passed, says=said.append)

    with capture_logs() as logs, pytest.raises(Misconfigured, match="receiver ended before it was ready"):
        await Supervisor([missing]).run()

    assert logs[-1]["exit_code"] == 127
    assert "/no-such-program" in said[0]


async def test_stopping_does_not_wait_for_a_child_to_become_ready() -> None:
    supervisor = Supervisor([Child(name="store", command=_shell(_FOR_EVER), ready=asyncio.Event().wait)])  # type: ignore[arg-type]

    with capture_logs() as logs:
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(supervisor.run())
            await eventually(lambda: bool(logs))
            supervisor.stop()

    assert not supervisor.running.is_set()


async def test_cancelling_stops_the_children_too() -> None:
    with capture_logs() as logs:
        supervisor = Supervisor([Child(name="store", command=_shell(_FOR_EVER))])
        task = asyncio.ensure_future(supervisor.run())
        await supervisor.running.wait()
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE_S)

    assert task.cancelled()
    assert _told(logs)[-1] == ("process.stopped", "store")


async def test_what_a_child_prints_is_handed_over_line_by_line() -> None:
    lines: list[str] = []
    speaker = Child(name="store", command=_shell(f"echo one; echo two >&2; {_FOR_EVER}"), says=lines.append)

    async with running([speaker]):
        await eventually(lambda: len(lines) == 2)

    assert lines == ["one", "two"]


async def test_a_child_gets_the_environment_it_was_given() -> None:
    lines: list[str] = []
    child = Child(
        name="c",
        command=["/bin/sh", "-c", "echo $ROLE; exec sleep 3600"],
        env={"ROLE": "receiver", "PATH": "/usr/bin:/bin"},
        says=lines.append,
    )

    async with running([child]):
        await eventually(lambda: lines == ["receiver"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_stops_the_children_in_reverse_order(
    tmp_path: Path, supervised: "subprocess.Popen[bytes]", number: int
) -> None:
    offspring = await _offspring(tmp_path)

    supervised.send_signal(number)

    assert supervised.wait(PATIENCE_S) == 0
    assert (tmp_path / "order").read_text().split() == ["second", "first"]
    assert not any(map(_is_alive, offspring))
    log = (tmp_path / "log").read_text()
    assert log.index(signal.Signals(number).name) < log.index("process.stopped")


@pytest.mark.parametrize("supervised", [("nohup",)], indirect=True)
async def test_under_nohup_a_hang_up_stops_nothing(tmp_path: Path, supervised: "subprocess.Popen[bytes]") -> None:
    offspring = await _offspring(tmp_path)

    supervised.send_signal(signal.SIGHUP)
    supervised.send_signal(signal.SIGTERM)

    assert supervised.wait(PATIENCE_S) == 0
    assert not any(map(_is_alive, offspring))
    log = (tmp_path / "log").read_text()
    assert "SIGTERM" in log
    assert "SIGHUP" not in log


async def test_nothing_outlives_a_supervisor_that_was_killed(
    tmp_path: Path, supervised: "subprocess.Popen[bytes]"
) -> None:
    offspring = await _offspring(tmp_path)

    supervised.kill()
    supervised.wait()

    await eventually(lambda: not any(map(_is_alive, offspring)))
    assert (tmp_path / "order").read_text().split() == ["second", "first"]


def test_a_lifeline_that_was_cut_is_tied_again(tmp_path: Path) -> None:
    with subprocess.Popen(_shell(_FOR_EVER), start_new_session=True) as child:
        lifeline = Lifeline()
        with lifeline:
            os.kill(cut := lifeline.pid, signal.SIGKILL)
            os.waitid(os.P_PID, cut, os.WEXITED | os.WNOWAIT)

            lifeline.watch(child.pid)

            assert lifeline.pid != cut
        assert child.wait(PATIENCE_S) == -signal.SIGTERM


@pytest.mark.parametrize(("failures", "wait"), [(1, 0.2), (2, 0.4), (3, 0.8), (6, 6.4), (7, 10.0), (1000, 10.0)])
def test_each_death_in_a_row_doubles_the_wait_up_to_ten_seconds(failures: int, wait: float) -> None:
    assert RestartPolicy().wait(failures) == pytest.approx(wait)


def test_who_ran_well_for_a_while_starts_counting_again() -> None:
    policy = RestartPolicy(well_after=30)

    assert policy.failures(5, ran_for=29.9) == 6
    assert policy.failures(5, ran_for=30) == 1


_FOR_EVER = "exec sleep 3600"
_STUBBORN = "trap '' TERM; echo deaf; exec sleep 3600"
_SUPERVISED = """
import asyncio, signal, sys
from console.child import Child
from console.lifeline import Lifeline
from console.supervisor import Supervisor

def child(name):
    script = f"trap 'echo {name} >> order; exit' TERM; sleep 3600 & echo $$ $! >> pids; wait"
    return Child(name=name, command=["/bin/sh", "-c", script])

signal.signal(signal.SIGHUP, signal.SIG_IGN if "nohup" in sys.argv else signal.SIG_DFL)
asyncio.run(Supervisor([child("first"), child("second")]).run())
"""


@asynccontextmanager
async def running(children: list[Child]) -> AsyncIterator[Supervisor]:
    """All of them ready; on the way out, stopped."""
    supervisor = Supervisor(children, policy=SOON)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        await supervisor.running.wait()
        yield supervisor
        supervisor.stop()


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.005)


def _shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def _told(logs: list[Any]) -> list[tuple[str, str]]:
    return [(line["event"], line["name"]) for line in logs]


def _is_alive(pid: int) -> bool:
    """A zombie is not: nobody may be there to reap an orphan."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


@pytest.fixture
def supervised(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[bytes]"]:
    """A supervisor in a process of its own, with two children; their processes are in the file `pids`."""
    root = str(Path(__file__).parents[2])
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _SUPERVISED, *getattr(request, "param", ())],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": root},
            stdout=log,
        )
    yield process
    process.kill()
    process.wait()


async def _offspring(folder: Path) -> list[int]:
    pids = folder / "pids"
    await eventually(lambda: pids.exists() and pids.read_text().count("\n") == 2)
    return [int(pid) for pid in pids.read_text().split()]


async def test_a_prelude_is_awaited_once_when_those_before_are_ready() -> None:
    order: list[str] = []

    async def prelude() -> None:
        order.append("prelude")

    async def ready() -> None:
        order.append("ready")

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        supervisor = Supervisor(
            [
                Child(name="store", command=_shell(_FOR_EVER), ready=ready),
                Child(name="receiver", command=_shell(_FOR_EVER), prelude=prelude),
            ],
            when_running=lambda: order.append("running"),
        )
        tasks.create_task(supervisor.run())
        await supervisor.running.wait()
        supervisor.stop()

    assert order == ["ready", "prelude", "running"]


async def test_a_prelude_that_fails_keeps_the_child_from_starting() -> None:
    async def prelude() -> None:
        raise StoreUnavailable("the store is elsewhere")

    with capture_logs() as logs, pytest.raises(Misconfigured, match=r"^the store is elsewhere$"):
        await Supervisor([Child(name="receiver", command=_shell(_FOR_EVER), prelude=prelude)]).run()

    assert _told(logs) == []
