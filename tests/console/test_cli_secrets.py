"""Secrets are encrypted under the configured key, moved to the next one by a command, and missed with a remedy."""

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.settings import judged
from consent.errors import Misconfigured
from consent.ledger import Registry, Store
from consent.ledger.sealing import Key
from consent.model import Account
from console.commands.secrets import reencrypted
from console.desk import Desk
from tests.builders import ACME
from tests.console.command_line import CommandLine

FIRST, SECOND = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
FIRST_ID, SECOND_ID = (Key(bytes([n]) * 32).id for n in (1, 2))
DECLARED = """
[[accounts]]
id = "acme"
api_key = "abcd1234"
api_secret = "s3cr3t-of-acme"
[[sources]]
account = "acme"
id = "nexmo-main"
provider = "nexmo"
token = "t0ken-of-at-least-16-chars"
[[endpoints]]
account = "acme"
id = "crm"
url = "https://crm.example.com/hooks?key=in-the-query"
headers = { "X-Api-Key" = "key-of-the-crm" }
"""
SECRETS = ("abcd1234", "s3cr3t-of-acme", "t0ken-of-at-least-16-chars", "in-the-query", "key-of-the-crm", "whsec_")


def keyed(cli: CommandLine, newest: str = "", *old: str) -> None:
    cli.configure(DECLARED, store=f'secret_key = "{newest}"\nold_secret_keys = {list(old)}')


async def kept(store: Store) -> str:
    tables = [await store.redis.hgetall(key) for key in await store.redis.keys("{registry}:*s")]
    return str([row for table in tables for row in table.values()])


def in_the_open(cli: CommandLine) -> list[str]:
    """Which of the secrets anybody reads who reads the store."""

    async def values(store: Store) -> str:
        held = [await store.redis.hgetall(f"{{registry}}:{table}") for table in ("accounts", "sources", "endpoints")]
        return str(held)

    return [secret for secret in SECRETS if secret in cli.in_store(values)]


def doctor(cli: CommandLine) -> dict[str, Any]:
    return next(finding for finding in cli.json("doctor", exit_code=1) if finding["subject"] == "secrets")


def test_with_a_key_everything_works_and_nothing_is_in_the_open(cli: CommandLine) -> None:
    keyed(cli, FIRST)

    cli.run("apply")

    assert in_the_open(cli) == []
    assert cli.json("source", "list")[0]["url"].endswith("/hooks/t0ken-of-at-least-16-chars")
    assert cli.json("endpoint", "show", "crm")["headers"] == ["X-Api-Key"]
    assert {step["done"] for step in cli.json("apply")} == {"unchanged"}
    assert doctor(cli) == {
        "level": "ok",
        "subject": "secrets",
        "text": f"encrypted under the key {FIRST_ID}",
    }


def test_without_a_key_the_doctor_warns_and_says_how_to_get_one(cli: CommandLine) -> None:
    cli.configure(DECLARED)
    cli.run("apply")

    finding = doctor(cli)

    assert in_the_open(cli) == list(SECRETS)
    assert finding["level"] == "warning"
    assert "secrets new-key" in finding["text"]
    assert "no key to encrypt with" in cli.run("secrets", "reencrypt", exit_code=1)


async def test_before_the_embedded_store_was_ever_started_it_is_told_what_makes_its_key(tmp_path: Path) -> None:
    settings = judged({"store": {"data_dir": str(tmp_path)}}, {}, where="a test")

    with pytest.raises(Misconfigured, match="`consent-relay up` makes one"):
        await reencrypted(Desk.of(settings))


def test_a_new_key_is_one_that_is_taken(cli: CommandLine) -> None:
    key = cli.run("secrets", "new-key").strip()

    keyed(cli, key)

    assert cli.json("secrets", "new-key")["key"] != key
    assert cli.json("account", "list") == []


def test_plain_secrets_are_read_and_encrypted_by_one_command(cli: CommandLine) -> None:
    cli.configure(DECLARED)
    cli.run("apply")
    keyed(cli, FIRST)
    assert "3 have some in plain text" in doctor(cli)["text"]

    done, again = cli.json("secrets", "reencrypt"), cli.json("secrets", "reencrypt")

    assert done == {"key": FIRST_ID, "rows": 3, "left": 0, "rewriting": True}
    assert (again["rows"], again["rewriting"]) == (0, False)
    assert in_the_open(cli) == []
    assert {step["done"] for step in cli.json("apply")} == {"unchanged"}


def test_a_key_is_rotated_by_naming_the_old_one_until_everything_is_encrypted_again(cli: CommandLine) -> None:
    keyed(cli, FIRST)
    cli.run("apply")

    keyed(cli, SECOND, FIRST)
    before = doctor(cli)
    told = cli.run("secrets", "reencrypt")
    after = doctor(cli)
    keyed(cli, SECOND)

    assert "3 under another key" in before["text"]
    assert f"3 rows encrypted under the key {SECOND_ID}" in told
    assert "nothing under store.old_secret_keys" in after["text"]
    assert {step["done"] for step in cli.json("apply")} == {"unchanged"}


@pytest.mark.parametrize("key", ["", SECOND])
def test_without_the_right_key_nothing_is_read_or_written_and_the_missing_one_is_named(
    cli: CommandLine, key: str
) -> None:
    keyed(cli, FIRST)
    cli.run("apply")

    keyed(cli, key)

    for words in (("apply",), ("source", "list"), ("endpoint", "rotate-secret", "crm")):
        assert f"put the key {FIRST_ID} into store.secret_key or store.old_secret_keys" in cli.run(*words, exit_code=1)
    (finding,) = [each for each in cli.json("doctor", exit_code=1) if each["subject"] == "secrets"]
    assert finding["level"] == "bad"
    assert FIRST_ID in finding["text"]


@pytest.mark.parametrize("process", ["receiver", "dispatcher"])
def test_a_process_without_the_right_key_does_not_start(cli: CommandLine, process: str) -> None:
    keyed(cli, FIRST)
    cli.run("apply")
    keyed(cli, SECOND)

    ended = subprocess.run(
        [sys.executable, "-m", process],
        env={**os.environ, "CONSENT_RELAY_CONFIG": str(cli.config)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert f"put the key {FIRST_ID} into store.secret_key or store.old_secret_keys" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_another_process_writes_in_plain_text_meanwhile_is_told(cli: CommandLine) -> None:
    async def careless(store: Store) -> None:
        await Registry(store).put(Account(id=ACME, api_key="abcd1234"))

    keyed(cli, FIRST)
    cli.run("apply")
    cli.in_store(careless)

    assert "1 have some in plain text" in doctor(cli)["text"]
    assert cli.json("secrets", "reencrypt")["rows"] == 1
