"""Can every command that a page shows be typed?"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from console.cli import COMMANDS, app, loaded
from tests.docs import command_reference
from tests.docs.pages import ROOT, blocks, inline_codes, pages

_CALL = re.compile(r"(?:^|(?<=[\s/=]))consent-relay (?=(?P<words>[^|;&#]*))")
_SPOKEN_TO_SOMETHING_ELSE = re.compile(
    r"^\s*(sudo )?(docker|helm|kubectl|systemctl|useradd|journalctl|install|user|pip|.*pip) "
)
_ANYWHERE = {"--config", "-c", "--json", "--help", "-h", "--version", "--install-completion", "--show-completion"}
_TAKES_A_VALUE = {"--config", "-c"}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_exists(page: Path) -> None:
    assert [f"{where}: {wrong}" for where, words in calls(page) if (wrong := wrong_with(words))] == []


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["doctor"], ""),
        (["--config", "a.toml", "deliveries", "list", "--dead"], ""),
        (["deliveries", "frobnicate"], "deliveries has no frobnicate"),
        (["endpoint", "list", "--colour"], "endpoint list has no --colour"),
        (["frobnicate"], "there is no frobnicate"),
    ],
)
def test_what_cannot_be_typed_is_found(words: list[str], wrong: str) -> None:
    assert wrong_with(words) == wrong


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    command = loaded(name)

    for words in ([name], *([name, below] for below in getattr(command, "commands", {}))):
        result = CliRunner().invoke(app, [*words, "--help"])
        assert result.exit_code == 0, (words, result.output)
        assert "Usage" in result.output


def test_the_reference_says_what_help_says() -> None:
    assert command_reference.PAGE.read_text("utf-8") == command_reference.page(), (
        "write it anew: python -m tests.docs.command_reference"
    )


def calls(page: Path) -> Iterator[tuple[str, list[str]]]:
    for block in (*blocks(page), *inline_codes(page)):
        for line in block.text.replace("\\\n", " ").splitlines():
            if words := words_of(line):
                yield str(block), words


def words_of(line: str) -> list[str]:
    """What is typed behind the last `consent-relay` of a line; nothing where that names something else."""
    *_, last = [None, *_CALL.finditer(line)]
    if last is None:
        return []
    words = split(last["words"])
    named = next((word for word in without_options(words)), "")
    if not re.fullmatch(r"[a-z][a-z-]*", named):
        return []
    if named not in COMMANDS and _SPOKEN_TO_SOMETHING_ELSE.match(line):
        return []
    return words


def split(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # half of a quotation, which ends on the next line
        return text.split()


def without_options(words: list[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word in _TAKES_A_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            yield word


def wrong_with(words: list[str]) -> str:
    """ "" for what can be typed."""
    name, *behind = list(without_options(words))
    if name not in COMMANDS:
        return f"there is no {name}"
    command: Any = loaded(name)
    path = [name]
    while (below := getattr(command, "commands", None)) and behind and re.fullmatch(r"[a-z][a-z-]*", behind[0]):
        if behind[0] not in below:
            return f"{' '.join(path)} has no {behind[0]}"
        command = below[behind[0]]
        path.append(behind.pop(0))
    known = _ANYWHERE | {option for param in command.params for option in param.opts}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    return f"{' '.join(path)} has no {', '.join(sorted(used - known))}" if used - known else ""
