"""What would docs/commands.md say today? Every command with its arguments and options, as `--help` has them.

python -m tests.docs.command_reference      write the page anew
"""

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Any, Literal, get_args, get_origin

from console.cli import COMMANDS, loaded
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "commands.md"
_PLACEHOLDERS = {int: "N", Path: "PATH"}
_OF_ALL = {"--config", "--json", "--help"}
_HEAD = """# Commands

Every command that there is, as `consent-relay COMMAND --help` tells it; `tests/docs/test_commands.py` sees to it that
this page does, too. All of them take, before the command or behind it:

* `--config PATH`, `-c`: the configuration file. Otherwise `CONSENT_RELAY_CONFIG` names it, or `./consent-relay.toml` is
  used.
* `--json`: JSON, for programs.
* `--help`, `-h`: what this page says of it, in the terminal.

`consent-relay --install-completion` completes commands and options on Tab. What a command ends with is told in
[operating.md](operating.md#exit-codes).
"""


def page() -> str:
    return "\n".join([_HEAD, *(line for name in COMMANDS for line in _told(f"consent-relay {name}", loaded(name)))])


def _told(words: str, command: Any) -> Iterator[str]:
    below = getattr(command, "commands", None)
    if below is not None:
        yield from (f"## {words.removeprefix('consent-relay ')}", "", command.help, "")
        for name, each in below.items():
            yield from _one(f"{words} {name}", each, depth=3)
    else:
        yield from _one(words, command, depth=2)


def _one(words: str, command: Any, *, depth: int) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and not _OF_ALL & set(each.opts)]
    usage = " ".join([words, *(_placed(each) for each in arguments)])
    yield from (f"{'#' * depth} {words.removeprefix('consent-relay ')}", "", f"    {usage}", "")
    for paragraph in command.help.split("\n\n"):
        yield from (_folded(paragraph), "")
    if told := [_folded(f"* {_named(each)}{_sentence(each)}", indent="  ") for each in (*arguments, *options)]:
        yield from (*told, "")


def _folded(text: str, *, indent: str = "") -> str:
    return fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _placed(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name}]"


def _named(each: Any) -> str:
    if each.param_type_name == "argument":
        return f"`{each.metavar or each.name.upper()}`"
    value = "" if each.is_flag else f" {_value(each)}"
    return ", ".join(f"`{option}{value}`" for option in (*each.opts, *each.secondary_opts))


def _value(option: Any) -> str:
    annotation = option.type_descriptor.annotation
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    return option.metavar or _PLACEHOLDERS.get(annotation, "TEXT")


def _sentence(each: Any) -> str:
    is_said = each.default not in {None, False} and not callable(each.default) and each.default not in {(), ""}
    default = f" Otherwise `{each.default}`." if each.param_type_name == "option" and is_said else ""
    needed = " Required." if each.param_type_name == "option" and each.required else ""
    return f": {each.help}{default}{needed}" if each.help else f"{default}{needed}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
