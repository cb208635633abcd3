"""An old and a new process on one store, each with the functions it was written against."""

import shutil
import sys
from pathlib import Path

import pytest

from consent.ledger.functions import version
from tests.cluster.relay import Relay, relay, texting
from tests.cluster.servers import Server, running
from tests.e2e.installation import ROOT

PACKAGES = ("config", "consent", "receiver", "dispatcher", "console")


@pytest.fixture
def older(folder: Path) -> Path:
    """The relay as it was before: other words in one of its functions, and so another library."""
    place = folder / "older"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, place / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (place / "consent" / "ledger" / "lua" / "clock.lua").open("a") as clock:
        clock.write("-- as it was before\n")
    return place


async def start_older(here: Relay, name: str, older: Path) -> None:
    command = ["sh", "-c", f"cd {older} && exec {sys.executable} -m {name}"]
    await here._spawn(f"{name}0", command, here._config(0))
    port = {"receiver": "receiver0", "dispatcher": "dis0"}[name]
    await here.wait_for(f"http://127.0.0.1:{here.ports[port]}/readyz")


def libraries(server: Server) -> set[str]:
    return {library[1].decode() for library in server.said("FUNCTION LIST LIBRARYNAME consent_relay_*")}


@pytest.mark.parametrize(("old", "new"), [("receiver", "dispatcher"), ("dispatcher", "receiver")])
async def test_an_old_and_a_new_process_work_on_one_store(folder: Path, older: Path, old: str, new: str) -> None:
    server = Server(folder / "store")
    with running(server):
        async with relay(folder, f"redis://127.0.0.1:{server.port}", durability="fsync", start=[new]) as here:
            await start_older(here, old, older)
            async with texting(here) as provider:
                await provider.more(50)
                (others,) = libraries(server) - {f"consent_relay_{version()}"}
                # Whoever cleans up too early does no harm: who needs it loads it again.
                server.said("FUNCTION DELETE", others)
                await provider.more(50)

        assert libraries(server) == {others, f"consent_relay_{version()}"}
