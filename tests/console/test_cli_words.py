"""Every word is explained, failures end in one line, and nothing is waited for that is not needed."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from console.cli import COMMANDS, app, loaded

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


def test_an_embedded_store_that_is_not_running_is_started_by_up(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(f'[store]\ndata_dir = "{tmp_path}"\n', encoding="utf-8")

    result = CliRunner().invoke(app, ["consent", "get", "15558937009", "--config", str(file)])

    assert result.exit_code == 1
    assert "start it with `consent-relay up`" in result.stderr


def test_a_store_of_many_nodes_none_of_which_answers_is_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('[store]\nurl = "redis+cluster://127.0.0.1:9"\n', encoding="utf-8")

    result = CliRunner().invoke(app, ["account", "list", "--config", str(file)])

    assert result.exit_code == 1
    assert "error: the store at redis+cluster://127.0.0.1:9 does not answer" in result.stderr
