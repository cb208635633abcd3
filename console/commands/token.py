"""`consent-relay token`: who may log in to the console, and call the admin API."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from config.clock import system_clock
from console import tokens
from console.access import desk_of, screen_of
from console.invocation import examples, family
from console.moments import for_people
from console.outlet import unless_shown
from console.server.scopes import Scope
from console.terminal import Column, Listing
from console.tokens import Made, TokenLine

app = family("Who may log in to the console, and call the admin API.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="What to call it: who uses it, and for what.")]


@app.command(
    epilog=examples(
        "consent-relay token create grafana --scope read",
        "consent-relay token create night-shift --scope read --scope operate --scope numbers",
    )
)
def create(
    ctx: typer.Context,
    name: Name,
    scope: Annotated[
        list[Scope],
        typer.Option(
            help="read: look. operate: disable, enable, test, retry, replay, decide for a number. admin: the registry "
            "and tokens. numbers: see whole numbers. Repeat for more."
        ),
    ],
) -> None:
    """Make a token, and print it. It is shown this once, and kept as a digest."""
    made = asyncio.run(tokens.create(desk_of(ctx), name, scope, now=system_clock()))
    with unless_shown(
        f"token {made.name} was made and not shown: `consent-relay token revoke {made.name}`, and create it again"
    ):
        screen_of(ctx).show(made, told_of(made))


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the tokens: what each is good for, and when it was used last. The first one, which `up` printed, is not
    among them."""
    lines = asyncio.run(tokens.listed(desk_of(ctx)))
    screen_of(ctx).show(lines, table(lines))


@app.command()
def revoke(ctx: typer.Context, name: Name) -> None:
    """Revoke a token. Its log-ins end with it."""
    line = asyncio.run(tokens.revoke(desk_of(ctx), name))
    screen_of(ctx).show(line, f"token {line.name} revoked")


def told_of(made: Made) -> Text:
    return Text.assemble(made.token, (f"   shown this once: keep it. It is good for {', '.join(made.scopes)}", "dim"))


def table(lines: Sequence[TokenLine]) -> Listing:
    return Listing(
        (Column("token"), Column("good for"), Column("made"), Column("by"), Column("used last on")),
        [
            (
                line.name,
                ", ".join(line.scopes),
                for_people(line.created_at),
                line.created_by,
                f"{line.used_on:%Y-%m-%d}" if line.used_on else "never",
            )
            for line in lines
        ],
        when_empty="No token yet but the first one: consent-relay token create NAME --scope read",
    )
