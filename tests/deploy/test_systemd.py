"""The units start what there is, confine it as far as it can live with, and leave it time to stop."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from config.settings import judged
from console.cli import COMMANDS
from tests.deploy.confinement import ANALYZE, SECCOMP, allowed_by, can_refuse_memory, refusing_all_but
from tests.deploy.variables import settings_by
from tests.e2e.installation import ROOT, Installation, crm, eventually, free_port, installation, text

UNITS = ROOT / "deploy/systemd"
SERVICES = sorted(UNITS.glob("*.service"))
MOST_EXPOSED = 1.5
"""Of 10: what docs/deploying.md says is less."""
PATIENCE_S = 60.0


def lines(unit: Path) -> list[tuple[str, str]]:
    written = [line for line in unit.read_text().splitlines() if line and line[0] not in "#["]
    return [(name, value) for name, _, value in (line.partition("=") for line in written)]


def of(unit: Path, name: str) -> list[str]:
    return [value for key, value in lines(unit) if key == name]


def one(unit: Path, name: str) -> str:
    (value,) = of(unit, name)
    return value


def kind_of(unit: Path) -> str:
    return re.sub(r"@?\.service", "", unit.name.removeprefix("consent-relay-"))


@pytest.fixture
def root(folder: Path) -> Path:
    """A machine on which the units are installed."""
    shutil.copytree(UNITS, folder / "etc/systemd/system")
    shutil.copytree("/usr/lib/systemd", folder / "usr/lib/systemd", symlinks=True)
    program = folder / "opt/consent-relay/bin/consent-relay"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    return folder


def instance_of(unit: Path) -> str:
    return unit.name.replace("@", "@8082")


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd on this machine")
def test_systemd_understands_every_unit(root: Path) -> None:
    names = [instance_of(unit) for unit in SERVICES]

    told = subprocess.run(
        [ANALYZE or "", "verify", f"--root={root}", "consent-relay.target", *names],
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )

    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd on this machine")
@pytest.mark.parametrize("unit", SERVICES, ids=kind_of)
def test_a_unit_exposes_little(root: Path, unit: Path) -> None:
    told = subprocess.run(
        [ANALYZE or "", "security", "--no-pager", "--offline=yes", f"--root={root}", instance_of(unit)],
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    ).stdout

    found = re.search(r"exposure level for \S+: (\d+\.\d+)", told)
    assert found, told
    assert float(found[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("unit", SERVICES, ids=kind_of)
def test_a_unit_starts_a_command_that_there_is(unit: Path) -> None:
    program, *words = one(unit, "ExecStart").split()

    assert program == "/opt/consent-relay/bin/consent-relay"
    assert words == [kind_of(unit)]
    assert words[0] in COMMANDS


@pytest.mark.parametrize("unit", SERVICES, ids=kind_of)
def test_the_variables_of_a_unit_are_settings(unit: Path) -> None:
    given = dict(word.split("=", 1) for line in of(unit, "Environment") for word in line.split())

    assert settings_by({name: value.replace("%i", "8082").replace("%S", "/var/lib") for name, value in given.items()})
    assert given["CONSENT_RELAY_CONFIG"] == "%d/consent-relay.toml"
    assert given["PYTHONFAULTHANDLER"] == "1"
    assert one(unit, "LoadCredential") == "consent-relay.toml:/etc/consent-relay/consent-relay.toml"


@pytest.mark.parametrize("unit", SERVICES, ids=kind_of)
def test_a_unit_is_watched_started_again_and_given_time_to_stop(unit: Path) -> None:
    attempt = judged({}, {}, where="the defaults").dispatcher.timeout / 1000 + 5
    drain = {"receiver": 10, "dispatcher": attempt, "console": 10, "up": 15 + attempt + 10 + 30}

    assert one(unit, "Type") == "notify"
    assert int(one(unit, "WatchdogSec")) >= 10
    assert one(unit, "Restart") == "on-failure"
    assert int(one(unit, "TimeoutStopSec")) > drain[kind_of(unit)]
    assert (one(unit, "KillMode") if kind_of(unit) == "up" else "mixed") == "mixed"


def test_the_target_wants_units_that_there_are() -> None:
    wanted = {
        re.sub(r"@\d+", "@", name) for line in of(UNITS / "consent-relay.target", "Wants") for name in line.split()
    }

    assert wanted == {unit.name for unit in SERVICES if kind_of(unit) != "up"}


needs_confinement = pytest.mark.skipif(
    not (ANALYZE and SECCOMP and can_refuse_memory()), reason="needs systemd, libseccomp, and Linux since 6.3"
)


@needs_confinement
def test_what_is_taken_away_is_away() -> None:
    code = "import os; os.sched_setaffinity(0, {0})"
    filters = of(UNITS / "consent-relay-receiver.service", "SystemCallFilter")

    told = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
        preexec_fn=refusing_all_but(allowed_by(filters)),
    ).stderr

    assert "PermissionError" in told


@needs_confinement
async def test_the_whole_way_works_with_what_the_units_leave(folder: Path) -> None:
    async with installation(folder) as here, confined(here, "receiver"), confined(here, "dispatcher") as dispatcher:
        await here.register(crm(here.sink))
        for name in ("receiver0", "dis0"):
            await here.wait_for(f"http://127.0.0.1:{here.ports[name]}/readyz")
        async with aiohttp.ClientSession() as http:
            await http.post(here.hook(), data=text("16502426055", "STOP", identity="m1"))
        await eventually(lambda: bool(here.sink.received), within=PATIENCE_S)
        dispatcher.terminate()
        assert await dispatcher.wait() == 0


@needs_confinement
async def test_the_console_and_up_work_with_what_their_units_leave(folder: Path) -> None:
    here = Installation(folder, schedule='["0s"]', extra="")
    port = free_port()
    config = here._config(0)
    config.write_text(
        re.sub(r'url = ".*"', f'data_dir = "{folder}"', config.read_text()) + f"[console]\nport = {port}\n"
    )
    async with confined(here, "up") as up:
        for free in (here.ports["receiver0"], here.ports["dis0"], port):
            await here.wait_for(f"http://127.0.0.1:{free}/readyz")
        up.terminate()
        assert await up.wait() == 0


@asynccontextmanager
async def confined(here: Installation, kind: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """As the unit of its kind confines it."""
    (unit,) = [unit for unit in SERVICES if kind_of(unit) == kind]
    assert one(unit, "MemoryDenyWriteExecute") == "yes"
    config = here.folder / "relay0.toml"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONSENT_RELAY")},
        "PYTHONPATH": str(ROOT),
        "CONSENT_RELAY_CONFIG": str(config if config.exists() else here._config(0)),
    }
    with (here.folder / f"{kind}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from console.cli import main; main()", kind),
            cwd=here.folder,
            env=environment,
            stdout=log,
            stderr=log,
            preexec_fn=refusing_all_but(allowed_by(of(unit, "SystemCallFilter"))),
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
