"""A container's health check knows the living from the dead, whichever process the container runs."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.alive import addresses, verdict
from config.settings import judged
from tests.e2e.installation import ROOT, Installation, free_port, installation


@pytest.fixture
async def receiver(folder: Path) -> AsyncIterator[Installation]:
    async with installation(folder) as here:
        await here.start_receiver()
        yield here


async def asked(here: Installation, *names: str) -> tuple[int | None, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_RELAY")}
    config = str(here.folder / "relay0.toml")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "config.alive", *names),
        cwd=ROOT,
        env={**environment, "CONSENT_RELAY_CONFIG": config, "CONSENT_RELAY_CONSOLE__PORT": str(free_port())},
        stderr=subprocess.PIPE,
    )
    _, told = await process.communicate()
    return process.returncode, told.decode().strip()


async def test_a_process_of_which_one_is_asked_is_alive_until_it_is_not(receiver: Installation) -> None:
    assert await asked(receiver) == (0, "")
    assert await asked(receiver, "receiver") == (0, "")
    assert await asked(receiver, "receiver", "dispatcher") == (1, "silent: dispatcher")

    await receiver.kill("receiver0")

    assert await asked(receiver) == (1, "nobody answers")
    assert await asked(receiver, "receiver") == (1, "silent: receiver")


def test_a_kind_that_does_not_exist_is_named() -> None:
    settings = judged({}, {}, where="here")

    assert verdict(["reciever"], addresses(settings)) == "expected any of receiver, dispatcher, console, got reciever"


def test_it_looks_where_the_settings_say() -> None:
    settings = judged({"receiver": {"internal_host": "0.0.0.0", "internal_port": 9}}, {}, where="here")

    assert addresses(settings)["receiver"] == ("0.0.0.0", 9)
