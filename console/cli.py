"""What can be typed after `consent-relay`? The table of words, and how a failure ends.

A word's module is imported when the word is used: `--help` and completion on Tab do not wait for what they do not need.
"""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from consent.errors import ConsentError
from console import outlet
from console.invocation import ConfigOption, JsonOption, completed, examples, listing
from console.outlet import Unwritten

COMMANDS = {
    "up": "Start everything in this terminal: the store, the receiver, the dispatcher and the console.",
    "receiver": "Run a receiver alone: it takes the providers' webhooks.",
    "dispatcher": "Run a dispatcher alone: it notifies your endpoints.",
    "console": "Run the console alone: the dashboard and the admin API.",
    "apply": "Put what the configuration file declares into the registry.",
    "account": "Who owns campaigns, sources and endpoints.",
    "campaign": "What people subscribe to, and stop.",
    "source": "The webhook URLs to paste into your providers' dashboards.",
    "endpoint": "The URLs of your systems that want to know.",
    "consent": "May this number be texted, and why? State and history.",
    "events": "Watch what happens.",
    "deliveries": "Who has been told, who has not, and why.",
    "simulate": "Send a webhook as a provider would, to see it all work.",
    "secrets": "How the store keeps tokens and secrets: encrypted, under which key.",
    "token": "Who may log in to the console, and call the admin API.",
    "audit": "Who changed what, and when.",
    "doctor": "Check this installation, and say what is wrong.",
}
"""Each word is a module of console/commands/."""


class Commands(TyperGroup):
    # Any: typer brings its own click, and hides it.
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name=name, help=sentence) for name, sentence in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, loaded(name) if name and stand_in else None, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # as pydantic begins, which typer asks
            raise
        except ConsentError as error:
            from console.terminal import complain  # noqa: PLC0415 - as below

            complain(str(error))
            raise typer.Exit(1) from error


def loaded(name: str) -> Any:
    """The command behind a word of the table."""
    command = typer.main.get_command(import_module(f"console.commands.{name}").app)
    command.name = name
    return completed(command)


app = typer.Typer(
    cls=Commands,
    name="consent-relay",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "consent-relay up                          start here: needs no configuration",
        "consent-relay simulate stop 15558937009   somebody answers STOP",
        "consent-relay events tail -f              watch it happen",
    )
    + "\n\n"
    + listing(
        "Exit codes",
        "0     done",
        "1     refused, or failed: stderr says why; also a failed `endpoint test`, a bad finding of `doctor`",
        "2     wrong usage: an unknown word, an option that is missing or not fit",
        "3     done, but an import had bad lines",
        "130   stopped by Ctrl-C; what runs until then (`up`, …) ends with 0",
        "141   nobody reads on: `… | head -1`",
    ),
)


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - 30 ms that --help need not spend

        typer.echo(f"consent-relay {version('consent-relay')}")
        raise typer.Exit


@app.callback()
def _root(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True, expose_value=False
        ),
    ] = False,
) -> None:
    """Takes SMS opt-outs and opt-ins from messaging providers, keeps the consent ledger, and tells every system of
    yours: durably, signed, in order.
    """


def main() -> None:
    outlet.install()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except Unwritten as unwritten:
        if unwritten.is_quiet:
            outlet.end_as_by_sigpipe()
        from console.terminal import complain  # noqa: PLC0415 - as above

        complain(str(unwritten))
        raise
