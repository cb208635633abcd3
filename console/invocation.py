"""What was asked for besides the command itself? The options that every command takes, before it or behind it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    config: Path | None = None
    as_json: bool = False


def invocation_of(ctx: typer.Context) -> Invocation:
    return ctx.obj if isinstance(ctx.obj, Invocation) else Invocation()


def _note_config(ctx: typer.Context, value: Path | None) -> None:
    if value is not None:
        ctx.obj = replace(invocation_of(ctx), config=value)


def _note_json(ctx: typer.Context, *, value: bool) -> None:
    if value:
        ctx.obj = replace(invocation_of(ctx), as_json=True)


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="PATH",
        help="The configuration file. Otherwise CONSENT_RELAY_CONFIG names it, or ./consent-relay.toml is used.",
        callback=_note_config,
        expose_value=False,
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print JSON, for programs.", callback=_note_json, expose_value=False),
]


def single() -> typer.Typer:
    """For a word that is a command."""
    return typer.Typer(add_completion=False, rich_markup_mode="rich")


def family(about: str) -> typer.Typer:
    """For a word that has commands below it, be it only one."""
    app = typer.Typer(help=about, add_completion=False, rich_markup_mode="rich", no_args_is_help=True)
    app.callback()(_nothing)
    return app


def examples(*lines: str) -> str:
    """The end of a help text."""
    return listing("Examples", *lines)


def listing(title: str, *lines: str) -> str:
    return "\n".join([f"[bold]{title}[/bold]", *(f"  {line}" for line in lines)])


def completed(command: Any) -> Any:
    """The same command, and those below it, with the options. Any: typer brings its own click, and hides it."""
    command.help = _reflowed(command.help or "")
    below = getattr(command, "commands", None)
    if below is None:
        command.params.extend(_options())
    else:
        for each in below.values():
            completed(each)
    return command


def _reflowed(text: str) -> str:
    """Where a docstring breaks its lines is no matter of the reader's terminal."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _options() -> list[Any]:
    app = single()
    app.command()(_taking_options)
    return [param for param in typer.main.get_command(app).params if param.name in {"config", "as_json"}]


def _taking_options(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Its signature is all that is wanted of it."""


def _nothing() -> None:
    """A callback keeps typer from taking a family's only command for the family."""
