"""Are the rights that docs/security.md gives the relay's user in the store enough, and is none of them idle?

A whole installation runs as that user, and everything an operator does is done; the server notes whom it refuses what.
"""

import asyncio
import json
import re
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from redis.asyncio import Redis
from typer.testing import CliRunner

from console.cli import app
from tests.builders import ANN, BOB, SECRET
from tests.docs.pages import ROOT, blocks
from tests.e2e.installation import TOKEN, Installation, eventually, installation, text

LUA = ROOT / "consent" / "ledger" / "lua"
CONSOLE_TOKEN = "t0ken-of-the-console-0123456789"
_SELDOM = {
    "wait": "durability = replicated",
    "waitaof": "a server without `appendfsync always`",
    "bgrewriteaof": "asked for by `secrets reencrypt`",
    "select": "a database other than 0",
    "xtrim": "the retention",
    "ping": "`doctor` and the start of `up`",
    "config|get": "where it is forbidden, WAITAOF is used",
}
"""Rights that this test does not need, and who does."""


def line_of_the_page() -> list[str]:
    """The words behind `ACL SETUSER`."""
    page = ROOT / "docs" / "security.md"
    block = next(each for each in blocks(page) if each.text.startswith("user consent-relay "))
    return " ".join(block.text.split()).removeprefix("user ").split(" ")


def rights() -> set[str]:
    return {word.removeprefix("+") for word in line_of_the_page() if word.startswith("+")}


@pytest.fixture
async def restricted(folder: Path) -> AsyncIterator[Installation]:
    """An installation whose processes are the user of the page; the server's own user looks on."""
    async with installation(folder) as here:
        async with Redis.from_url(here.url) as server:
            words = ["change-me" if word == ">PASSWORD" else word for word in line_of_the_page()]
            await server.execute_command("ACL", "SETUSER", *(f">{w}" if w == "change-me" else w for w in words))
        here.url = f"unix://consent-relay:change-me@{here.folder}/store.sock"
        yield here
        async with Redis.from_url(f"unix://{here.folder}/store.sock", decode_responses=True) as server:
            refused = await server.execute_command("ACL", "LOG", "100")
        assert [entry["object"] for entry in map(as_mapping, refused)] == []


def configured(here: Installation) -> Path:
    file = here.folder / "operator.toml"
    file.write_text(
        f'[store]\nurl = "{here.url}"\nsecret_key = "{"A" * 43}="\n'
        f"[receiver]\nport = {here.ports['receiver0']}\ninternal_port = {here.ports['in0']}\n"
        f'parts_wait = "1s"\n'
        f"[dispatcher]\nport = {here.ports['dis0']}\n"
        f'schedule = ["0s", "100ms", "24h"]\negress_allow = ["127.0.0.0/8"]\n'
        f'[console]\nport = {here.ports["dis1"]}\ntoken = "{CONSOLE_TOKEN}"\n'
        f'[[accounts]]\nid = "acme"\napi_key = "abcd1234"\napi_secret = "s3cr3t"\n'
        f'[[campaigns]]\naccount = "acme"\nid = "1116"\nshort_code = "123456"\n'
        f'[[sources]]\naccount = "acme"\nid = "nexmo-main"\nprovider = "nexmo"\ntoken = "{TOKEN}"\n'
        f'[[endpoints]]\naccount = "acme"\nid = "crm"\nurl = "{here.sink.url}"\nsecret = "{SECRET}"\nevents = ["*"]\n'
        f'[[endpoints]]\naccount = "acme"\nid = "slow"\nurl = "{here.sink.url}"\nsecret = "{SECRET}"\nrate = "50/s"\n'
        f'[[endpoints]]\naccount = "acme"\nid = "gone"\nurl = "http://127.0.0.1:1/"\nsecret = "{SECRET}"\n',
        "utf-8",
    )
    return file


async def operator(config: Path, *words: str, may_fail: bool = False) -> str:
    """A command, in a thread: it runs an event loop of its own."""
    result = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--config", str(config)])
    assert may_fail or result.exit_code == 0, (words, result.output, result.exception)
    return result.output


async def running(here: Installation, config: Path) -> None:
    ports = {"receiver": here.ports["in0"], "dispatcher": here.ports["dis0"], "console": here.ports["dis1"]}
    for name, port in ports.items():
        await here._spawn(name, [sys.executable, "-m", name], config)
        await here.wait_for(f"http://127.0.0.1:{port}/readyz")


async def test_the_rights_on_the_page_are_enough_and_none_is_idle(restricted: Installation) -> None:
    here, config = restricted, configured(restricted)
    await operator(config, "apply")
    await running(here, config)

    await day_of(here)
    await day_of_an_operator(here, config)
    await day_at_the_console(here)

    async with Redis.from_url(f"unix://{here.folder}/store.sock", decode_responses=True) as server:
        used = {name.removeprefix("cmdstat_") for name in await server.info("commandstats")}

    assert rights() - used - set(_SELDOM) == set()


async def day_of(here: Installation) -> None:
    """What comes in: texts, parts, every API, twice."""
    url = f"http://127.0.0.1:{here.ports['receiver0']}"
    credentials = {"Authorization": f"Basic {b64encode(b'abcd1234:s3cr3t').decode()}"}
    part = {"concat": "true", "concat-ref": "7", "concat-total": "2"}
    hooks = (
        text(ANN, "STOP", identity="0A01"),
        text(ANN, "STOP", identity="0A01"),
        text(BOB, "START", identity="0A02"),
        text(BOB, "hello", identity="0A03"),
        text(BOB, "ST", identity="0A04", **part, **{"concat-part": "1"}),
        text(BOB, "OP", identity="0A05", **part, **{"concat-part": "2"}),
        text(BOB, "half of it", identity="0A06", **{**part, "concat-ref": "8"}, **{"concat-part": "1"}),
    )
    wxml = f"{url}/API/wxml/1.3/?api_key=abcd1234&campaignid=1116"
    calls = (
        f"{url}/v1/consent/1116/{ANN}",
        f"{url}/v1/events",
        f"{url}/v1/events?after=now",
        f"{url}/sc/us/alert/opt-in/query/json",
        f"{url}/sc/us/alert/opt-in/manage/json?msisdn={ANN}",
        f"{wxml}&action=subscribe&mobile=15558937010&cta=yes&notify=yes",
        f"{wxml}&action=unsubscribe&mobile=15558937010",
    )
    async with aiohttp.ClientSession(headers=credentials) as session:
        for form in hooks:
            async with session.post(here.hook(), data=form) as response:
                assert response.status == 200, await response.text()
        for call in calls:
            async with session.get(call) as response:
                assert response.status == 200, await response.text()
        async with session.post(
            f"{url}/v1/consent/check", json={"campaign": "1116", "msisdns": [ANN, BOB]}
        ) as response:
            assert response.status == 200
    await eventually(lambda: "consent.opted_in" in {body["type"] for _, body in here.sink.received}, within=60)
    await eventually(lambda: "parts.judged" in here.log_of("receiver"), within=60)


async def day_of_an_operator(here: Installation, config: Path) -> None:
    listed = here.folder / "list.csv"
    listed.write_text("msisdn,status\n15558937011,opted_out\n15558937012,opted_in\n", "utf-8")
    commands = (
        "account list", "campaign list", "source list", "endpoint list", "endpoint show crm", "endpoint test crm",
        f"consent get {ANN}", f"consent history {ANN}", f"consent import {listed} --restart", "consent export",
        "events tail", "deliveries list", "deliveries list --dead", "endpoint disable crm", "endpoint enable crm",
        "endpoint rotate-secret crm", "deliveries replay crm --since 1h --yes", "secrets reencrypt",
        f"simulate stop {ANN} --source acme/nexmo-main", "token create night --scope read", "token list", "audit list",
        f"consent set {BOB} --status opted_out --reason letter", "deliveries tail",
    )  # fmt: skip
    for command in commands:
        await operator(config, *command.split(" "))
    event = re.search(r"evt_\d+_\d+_\d+", await operator(config, "events", "tail", "-n", "1"))
    assert event is not None
    await operator(config, "deliveries", "show", event[0])
    await operator(config, "deliveries", "retry", event[0])
    await operator(config, "deliveries", "retry", "--dead", "--endpoint", "gone")
    await operator(config, "endpoint", "rm", "gone", "--yes")
    await operator(config, "doctor", may_fail=True)


async def day_at_the_console(here: Installation) -> None:
    url = f"http://127.0.0.1:{here.ports['dis1']}"
    looked_at = ("/", "/endpoints", "/endpoints/acme/crm", "/deliveries", "/people", "/sources", "/replays", "/set-up")
    lists = ("health", "accounts", "campaigns", "sources", "endpoints", "endpoints/acme/crm/backlog", "events")
    more = ("deliveries", "dead-letters", "tokens", "audit")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.post(f"{url}/login", data={"token": CONSOLE_TOKEN}) as response:
            assert response.status == 200, await response.text()
        for page in looked_at:
            async with browser.get(url + page) as response:
                assert response.status == 200, (page, await response.text())
    bearer = {"Authorization": f"Bearer {CONSOLE_TOKEN}"}
    async with aiohttp.ClientSession(headers=bearer) as program:
        for each in (*lists, *more):
            async with program.get(f"{url}/api/v1/{each}") as response:
                assert response.status == 200, (each, await response.text())
        for what in ("lookup", "history"):
            async with program.post(f"{url}/api/v1/consent/{what}", json={"number": ANN}) as response:
                assert response.status == 200, await response.text()
        async with program.delete(f"{url}/api/v1/tokens/night") as response:
            assert response.status < 300, await response.text()


def test_every_command_of_the_functions_is_among_the_rights() -> None:
    called = {
        name.lower() for file in LUA.glob("*.lua") for name in re.findall(r"redis\.call\('(\w+)'", file.read_text())
    }

    assert called - rights() == set()


def as_mapping(entry: object) -> dict[str, object]:
    if isinstance(entry, dict):
        return entry
    words = list(entry) if isinstance(entry, list) else json.loads(str(entry))
    return dict(zip(words[::2], words[1::2], strict=True))
