"""What cannot be written is told in one line, and what was shown only once can be had again."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from consent.ledger import Ledger, Store
from consent.model import Account, CampaignId
from tests.builders import ACME, a_campaign, a_stop
from tests.console.command_line import CommandLine

FULL = "error: standard output cannot be written: No space left on device"


@pytest.fixture
def cli(cli: CommandLine) -> CommandLine:
    async def record(store: Store) -> None:
        await Ledger(store).apply(a_stop())

    cli.register(Account(id=ACME), a_campaign())
    cli.in_store(record)
    return cli


def ended(
    cli: CommandLine, words: Sequence[str], out: IO[bytes] | int, **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-c", "from console.cli import main; main()", *words],
        stdout=out,
        stderr=subprocess.PIPE,
        env={**os.environ, "CONSENT_RELAY_CONFIG": str(cli.config), **environment},
        check=False,
    )


def on_a_full_disk(cli: CommandLine, *words: str) -> str:
    with Path("/dev/full").open("wb") as full:
        done = ended(cli, words, full)
    assert done.returncode == 1
    return done.stderr.decode()


def unread(cli: CommandLine, *words: str) -> "subprocess.CompletedProcess[bytes]":
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return ended(cli, words, writing)
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["consent", "get", "15558937009"],
        ["consent", "get", "15558937009", "--json"],
        ["consent", "export"],
        ["events", "tail"],
        ["secrets", "new-key"],
    ],
)
def test_a_full_disk_is_told_in_one_line(cli: CommandLine, words: list[str]) -> None:
    assert on_a_full_disk(cli, *words) == f"{FULL}\n"


def test_a_secret_that_was_not_shown_is_told_with_the_way_to_another(cli: CommandLine) -> None:
    added = on_a_full_disk(cli, "endpoint", "add", "crm", "https://crm.example/")
    rotated = on_a_full_disk(cli, "endpoint", "rotate-secret", "crm", "--json")
    pair = on_a_full_disk(cli, "endpoint", "rotate-secret", "crm", "--ed25519")
    made = on_a_full_disk(cli, "token", "create", "grafana", "--scope", "read")

    again = "its secret was not shown: `consent-relay endpoint rotate-secret acme/crm` makes another"
    assert added == f"{FULL}; endpoint acme/crm was registered, and {again}\n"
    assert rotated == f"{FULL}; endpoint acme/crm signs with a new secret, and {again}\n"
    assert "see `consent-relay endpoint show acme/crm`" in pair
    assert "token grafana was made and not shown: `consent-relay token revoke grafana`" in made


def test_secrets_that_apply_made_and_did_not_show_are_named(cli: CommandLine) -> None:
    cli.configure('[[accounts]]\nid = "acme"\n[[endpoints]]\naccount = "acme"\nid = "x"\nurl = "https://x.example/"\n')

    assert "made and not shown: `consent-relay endpoint rotate-secret` for acme/x" in on_a_full_disk(cli, "apply")


@pytest.mark.parametrize("words", [["--help"], ["events", "tail"], ["consent", "export"], ["audit", "list", "--json"]])
def test_who_is_not_read_on_ends_as_other_programs_do_and_says_nothing(cli: CommandLine, words: list[str]) -> None:
    done = unread(cli, *words)

    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


def test_a_secret_that_nobody_read_is_told_of(cli: CommandLine) -> None:
    done = unread(cli, "token", "create", "grafana", "--scope", "read")

    assert done.returncode == 1
    assert b"token grafana was made and not shown" in done.stderr


def test_what_a_terminal_cannot_show_is_replaced_and_json_loses_nothing(cli: CommandLine) -> None:
    shown = ended(cli, ["events", "tail"], subprocess.PIPE, PYTHONIOENCODING="ascii")
    told = ended(cli, ["events", "tail", "--json"], subprocess.PIPE, PYTHONIOENCODING="ascii")

    assert (shown.returncode, told.returncode) == (0, 0)
    assert b"???" in shown.stdout
    assert rb"\u2022" in told.stdout


def test_an_export_is_utf_8_whatever_the_terminal_shows(cli: CommandLine) -> None:
    async def record(store: Store) -> None:
        await Ledger(store).apply(a_stop(campaigns=(CampaignId("münchen"),)))

    cli.register(a_campaign("münchen"))
    cli.in_store(record)

    exported = ended(cli, ["consent", "export"], subprocess.PIPE, PYTHONIOENCODING="ascii")

    assert "acme,münchen," in exported.stdout.decode("utf-8")


def test_nobody_is_told_anything_where_standard_output_is_closed(cli: CommandLine) -> None:
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            'exec "$@" >&-',
            "sh",
            sys.executable,
            "-c",
            "from console.cli import main; main()",
            "--help",
        ],
        stderr=subprocess.PIPE,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
