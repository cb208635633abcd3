"""To whoever looks at it, a parent with its workers is one process: one log level, one word to the service manager, one
complaint about a mistake."""

import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.ledger import Pulse, Registry
from consent.ledger.sealing import Key, Seals
from tests.builders import a_source
from tests.config.test_notify import ServiceManager
from tests.e2e.installation import Installation, eventually
from tests.workers.crewed import PATIENCE_S, Crew, crew


@pytest.fixture
def listener(folder: Path) -> Iterator[ServiceManager]:
    yield (one := ServiceManager(f"{folder}/notify"))
    one.close()


async def test_a_change_of_the_log_level_reaches_every_worker(here: Installation) -> None:
    async with crew(here, "dispatcher") as dispatchers:
        for number, shown in ((signal.SIGUSR1, "debug"), (signal.SIGUSR2, "info")):
            here.processes[dispatchers.name].send_signal(number)
            await eventually(lambda shown=shown: levels(dispatchers, shown) == {None, 1, 2}, within=PATIENCE_S)  # type: ignore[misc]

        assert dispatchers.lines("process.died") == []


def levels(found: Crew, shown: str) -> set[int | None]:
    return {line.get("worker") for line in found.lines("log.level") if line["shown"] == shown}


async def test_each_worker_has_a_pulse_of_its_own(here: Installation) -> None:
    async with crew(here, "receiver"), here.opened() as store:

        async def two() -> bool:
            return len({beat.process for beat in await Pulse(store).beats()}) == 2

        await eventually(two, within=PATIENCE_S)


async def test_the_service_manager_hears_the_parent_alone_and_which_worker_is_not_ready(
    here: Installation, listener: ServiceManager
) -> None:
    dispatchers = Crew(here, "dispatcher")
    await dispatchers.begin(NOTIFY_SOCKET=listener.name, WATCHDOG_USEC="1000000")
    await listener.hears("READY=1", "STATUS=ready", "WATCHDOG=1")
    assert dispatchers.active("dispatcher.running") == {1, 2}  # both: one was ready half a second before
    assert listener.said.index("STATUS=ready") > listener.said.index("STATUS=not ready: worker 1, 2: starting")

    dispatchers.kill(2, signal.SIGSTOP)
    await listener.hears("STATUS=not ready: worker 2: does not answer")
    dispatchers.kill(2, signal.SIGCONT)
    await listener.hears_anew("STATUS=ready")
    await listener.hears_anew("WATCHDOG=1")

    assert await dispatchers.end() == 0
    assert listener.heard("STOPPING=1")
    assert listener.said.count("STOPPING=1") == 1


async def test_workers_meet_their_parent_where_nobody_else_comes_and_nothing_is_left_of_it(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = here.folder / "t"
    meeting.mkdir()
    monkeypatch.setenv("TMPDIR", str(meeting))
    async with crew(here, "dispatcher"):
        (private,) = meeting.iterdir()
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert {path.name for path in private.iterdir()} == {"1.sock", "2.sock"}

    assert [*meeting.iterdir()] == []


async def test_a_mistake_in_the_configuration_is_told_once(here: Installation) -> None:
    receivers = Crew(here, "receiver")
    here._extra = '[log]\nlevel = "loud"'
    await receivers.begin()

    assert await here.processes.pop(receivers.name).wait() == 1
    assert receivers.printed().count("log.level: expected") == 1
    assert "process.started" not in receivers.printed()


async def test_what_only_a_worker_can_find_out_is_told_once_and_ends_them_all(here: Installation) -> None:
    async with here.opened() as store:
        await Registry(store, Seals(Key(b"k" * 32))).put(a_source(signature_secret="s3cr3t"))
    receivers = Crew(here, "receiver")
    await receivers.begin()

    assert await here.processes.pop(receivers.name).wait() == 1
    assert len([line for line in receivers.printed().splitlines() if "store.secret_key" in line]) == 1
    assert "error: receiver-1 ended before it was ready" in receivers.printed()
    assert receivers.pids().keys() == {1}


async def test_a_port_that_somebody_has_is_told_whoever_has_it(here: Installation) -> None:
    async with crew(here, "receiver") as receivers:
        wanted = here.ports["receiver0"]
        here.ports["receiver1"] = wanted  # with an internal port of its own
        for workers in (1, 2):
            second = Crew(here, "receiver", number=1)
            second.name = f"second with {workers}"
            await second.begin(workers=workers)

            assert await here.processes.pop(second.name).wait() == 1
            assert f"receiver.port: cannot listen on 127.0.0.1 port {wanted}" in second.printed()
        assert receivers.lines("process.died") == []


async def test_workers_want_a_port_by_its_number(here: Installation) -> None:
    here.ports["receiver0"] = 0
    receivers = Crew(here, "receiver")
    await receivers.begin()

    assert await here.processes.pop(receivers.name).wait() == 1
    assert "receiver.port: 0 would give each worker a port of its own" in receivers.printed()


async def test_a_directory_too_deep_for_sockets_is_told(here: Installation) -> None:
    deep = here.folder / ("d" * 100)
    deep.mkdir()
    receivers = Crew(here, "receiver")
    await receivers.begin(TMPDIR=str(deep))

    assert await here.processes.pop(receivers.name).wait() == 1
    assert "set TMPDIR" in receivers.printed()
    assert [*deep.iterdir()] == []
