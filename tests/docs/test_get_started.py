"""Does docs/get-started.md work as it stands? Its commands are typed, in its order, on ports of the test's own."""

import asyncio
import os
import re
import shlex
import signal
import sys
import urllib.request
from asyncio.subprocess import Process
from pathlib import Path

from tests.docs.pages import ROOT, blocks
from tests.e2e.installation import eventually, free_port

PAGE = ROOT / "docs" / "get-started.md"
PROGRAM = [sys.executable, "-c", "from console.cli import main; main()"]
LISTENER_PORT = 9000


class Newcomer:
    """Two terminals in one empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listens_on = free_port()
        ports = ("RECEIVER__PORT", "RECEIVER__INTERNAL_PORT", "DISPATCHER__PORT", "CONSOLE__PORT")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONSENT_RELAY")},
            **{f"CONSENT_RELAY_{name}": str(free_port()) for name in ports},
            "CONSENT_RELAY_DISPATCHER__EGRESS_ALLOW": "127.0.0.0/8",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
        }

    async def start(self, name: str, *command: str, **more: str) -> Process:
        with (self.folder / name).open("wb") as log:
            return await asyncio.create_subprocess_exec(
                *command, cwd=self.folder, env={**self.environment, **more}, stdout=log, stderr=log
            )

    def printed(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    async def types(self, line: str) -> str:
        words = shlex.split(line.replace(str(LISTENER_PORT), str(self.listens_on)), comments=True)
        assert words[0] == ".venv/bin/consent-relay"
        process = await self.start("typed", *PROGRAM, *words[1:])
        assert await process.wait() in (0, 1) if words[1] == "doctor" else await process.wait() == 0, self.printed(
            "typed"
        )
        return self.printed("typed")


def typed_in(step: str) -> list[str]:
    """The commands of consent-relay below a heading."""
    text = PAGE.read_text("utf-8")
    first = text[: text.index(f"## {step}")].count("\n")
    last = first + text[text.index(f"## {step}") :].partition("\n## ")[0].count("\n")
    shown = [block.text for block in blocks(PAGE) if block.language == "sh" and first <= block.line <= last]
    return [line for line in "\n".join(shown).splitlines() if line.startswith(".venv/bin/consent-relay")]


async def test_its_ten_minutes_end_with_a_signed_stop(folder: Path) -> None:
    here = Newcomer(folder)
    up = await here.start("up", *PROGRAM, "up")
    await eventually(lambda: "curl -i" in here.printed("up"), within=120)
    (add,) = typed_in("2.")
    secret = re.search(r"whsec_\S+", await here.types(add))
    assert secret is not None
    listener = await here.start(
        "listener",
        sys.executable,
        str(ROOT / "docs" / "verify" / "verify.py"),
        WEBHOOK_SECRET=secret[0],
        PORT=str(here.listens_on),
    )

    said = "".join([await here.types(line) for line in typed_in("4.")])
    _, url, _, form = shlex.split(re.findall(r"curl -i .*", here.printed("up"))[0])[1:]
    posted = await asyncio.to_thread(urllib.request.urlopen, url, form.encode(), 60)
    await eventually(lambda: here.printed("listener").count("consent.opted_out") == 2, within=60)
    story = "".join([await here.types(line.replace(" -f ", " ")) for line in typed_in("5.")])

    assert posted.status == 200
    assert "delivered" in said
    assert "the receiver has it on disk" in said
    assert "opted_out" in story
    assert "refused" not in here.printed("listener")
    listener.terminate()
    await listener.wait()
    up.send_signal(signal.SIGINT)
    assert await up.wait() == 0
