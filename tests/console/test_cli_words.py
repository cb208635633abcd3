"""Every word is explained, failures end in one line, and nothing is waited for that is not needed."""

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config import sections
from consent.ledger import Store
from console.cli import COMMANDS, app, loaded
from console.opening import unreachable
from tests.console.command_line import CommandLine
from tests.out_of_memory import out_of_memory

NOWHERE = "unix:///nowhere/store.sock"


def leaves(command: Any) -> list[Any]:
    below = getattr(command, "commands", None)
    return [command] if below is None else [leaf for each in below.values() for leaf in leaves(each)]


@pytest.mark.parametrize("word", COMMANDS)
def test_a_word_says_the_same_in_the_list_and_in_its_own_help(word: str) -> None:
    assert loaded(word).help.startswith(COMMANDS[word])


@pytest.mark.parametrize("word", COMMANDS)
def test_every_command_explains_itself_and_all_that_it_takes(word: str) -> None:
    for command in leaves(loaded(word)):
        assert command.help
        assert {"config", "as_json"} <= {param.name for param in command.params}
        assert all(param.help for param in command.params)


def test_help_needs_neither_the_store_nor_http_nor_the_settings() -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from console.cli import COMMANDS, app\n"
        "shown = CliRunner().invoke(app, ['--help']).stdout\n"
        "assert all(word in shown for word in COMMANDS)\n"
        "print(*{'redis', 'aiohttp', 'pydantic', 'lxml'} & set(sys.modules))\n"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    assert told.stdout.split() == []


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"consent-relay {version('consent-relay')}\n"


def test_a_misspelled_word_is_wrong_usage_and_the_right_one_is_suggested() -> None:
    result = CliRunner().invoke(app, ["endpiont", "list"])

    assert result.exit_code == 2
    assert "endpoint" in result.stderr


def test_a_word_that_is_none_of_the_choices_is_told_with_them() -> None:
    result = CliRunner().invoke(app, ["consent", "set", "15558937009", "--status", "out"])

    assert result.exit_code == 2
    assert "Invalid value for '--status': 'out' is not one of 'opted_out', 'opted_in'" in result.output


def test_mistakes_in_the_configuration_are_told_together_and_by_key(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('[store]\npartitions = "many"\n[receiver]\nprot = 1\n', encoding="utf-8")

    result = CliRunner().invoke(app, ["--config", str(file), "endpoint", "list"])

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error: 2 mistakes" in result.stderr
    assert "store.partitions" in result.stderr
    assert 'did you mean "port"' in result.stderr


def test_a_store_that_is_away_is_named_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(f'[store]\nurl = "{NOWHERE}"\n', encoding="utf-8")

    result = CliRunner().invoke(app, ["endpoint", "list", "--config", str(file)])

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"the store at {NOWHERE} does not answer: check that it runs" in result.stderr
    assert "cannot be reached" not in result.stderr


def test_an_embedded_store_that_is_not_running_is_started_by_up(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(f'[store]\ndata_dir = "{tmp_path}"\n', encoding="utf-8")

    result = CliRunner().invoke(app, ["consent", "get", "15558937009", "--config", str(file)])

    assert result.exit_code == 1
    assert "start it with `consent-relay up`" in result.stderr


async def test_a_full_store_is_read_and_what_would_write_says_so(tmp_path: Path, store: Store, store_url: str) -> None:
    cli = CommandLine(tmp_path, store_url)
    await asyncio.to_thread(cli.run, "account", "add", "acme")
    async with out_of_memory(store):
        assert "acme" in await asyncio.to_thread(cli.run, "account", "list")
        told = await asyncio.to_thread(cli.run, "account", "add", "other", exit_code=1)

    assert "is full and takes nothing new: raise its maxmemory" in told


def test_a_store_of_many_nodes_none_of_which_answers_is_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('[store]\nurl = "redis+cluster://127.0.0.1:9"\n', encoding="utf-8")

    result = CliRunner().invoke(app, ["account", "list", "--config", str(file)])

    assert result.exit_code == 1
    assert "error: the store at redis+cluster://127.0.0.1:9 does not answer" in result.stderr


@pytest.fixture
def web_server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("scheme", "told"),
    [
        ("redis", "is none: what answers there is no Redis or Valkey: check the port in store.url"),
        ("rediss", "cannot be reached: does that port speak TLS? If not, write redis in place of rediss"),
    ],
)
def test_what_answers_and_is_no_store_is_told_with_the_remedy(
    tmp_path: Path, web_server: str, scheme: str, told: str
) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(f'[store]\nurl = "{scheme}://{web_server}"\n', encoding="utf-8")

    for words in (["account", "list"], ["doctor"]):
        result = CliRunner().invoke(app, [*words, "--config", str(file)])

        assert result.exit_code == 1
        assert f"the store at {scheme}://{web_server} {told}" in result.output


def test_a_store_that_is_silent_in_tls_may_not_speak_it() -> None:
    why = "the store did not answer within 5 s"

    assert "does that port speak TLS?" in unreachable(sections.Store(url="rediss+sentinel://one/relay"), why)
    assert "check that it runs" in unreachable(sections.Store(url="redis://one"), why)


def test_the_exit_codes_of_the_help_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")
    shown = CliRunner().invoke(app, ["--help"]).stdout.partition("Exit codes")[2]

    assert re.findall(r"^ *(\d+) ", shown, re.MULTILINE) == re.findall(r"^\| (\d+) \|", page, re.MULTILINE)
