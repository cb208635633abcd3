"""`consent-relay account`: who owns campaigns, sources and endpoints."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from consent.model import SignatureMethod
from console import registering, typed
from console.access import desk_of, screen_of
from console.invocation import examples, family
from console.registering import Removed
from console.registrylines import AccountLine, account_told, accounts_told
from console.terminal import Column, Listing, Screen

app = family("Who owns campaigns, sources and endpoints.")


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the accounts, without their secrets."""
    lines = accounts_told(asyncio.run(desk_of(ctx).directory()))
    screen_of(ctx).show(lines, table(lines))


@app.command(
    epilog=examples(
        "consent-relay account add acme",
        'consent-relay account add acme --api-key abcd1234 --api-secret "$SECRET"',
    )
)
def add(
    ctx: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ID", help="Its id.")],
    api_key: Annotated[str, typer.Option(help="What its systems call our APIs with.")] = "",
    api_secret: Annotated[str, typer.Option(help="The secret that belongs to the key.")] = "",
    signature_secret: Annotated[str, typer.Option(help="For `sig`, where its systems sign their calls.")] = "",
    signature_method: Annotated[SignatureMethod, typer.Option(help="How they sign.")] = "md5hash",
) -> None:
    """Register an account."""
    new = typed.account(
        {
            "id": account,
            "api_key": api_key,
            "api_secret": api_secret,
            "signature_secret": signature_secret,
            "signature_method": signature_method,
        }
    )
    desk = desk_of(ctx)
    hint = "change it in the configuration file, then `consent-relay apply`, or by the admin API"
    asyncio.run(registering.add(desk, new, hint=hint))
    line = account_told(new, asyncio.run(desk.directory()))
    screen_of(ctx).show(line, f"account {new.id} registered")


@app.command()
def rm(ctx: typer.Context, account: Annotated[str, typer.Argument(metavar="ID", help="Its id.")]) -> None:
    """Remove an account that has no campaigns, sources and endpoints any more."""
    show_removed(screen_of(ctx), asyncio.run(registering.remove_account(desk_of(ctx), account)))


def show_removed(screen: Screen, removed: Removed) -> None:
    screen.show(removed, f"{removed.removed} removed")
    if removed.still_declared:
        screen.aside(Text("The configuration file still declares it: `apply` and `up` bring it back.", style="yellow"))


def table(lines: Sequence[AccountLine]) -> Listing:
    return Listing(
        (
            Column("account"),
            Column("campaigns", is_number=True),
            Column("sources", is_number=True),
            Column("endpoints", is_number=True),
            Column("API key"),
            Column("signs by"),
        ),
        [
            (
                line.account,
                str(line.campaigns),
                str(line.sources),
                str(line.endpoints),
                "yes" if line.has_api_key else "no",
                line.signature_method or "-",
            )
            for line in lines
        ],
        when_empty="No account yet: consent-relay account add ID, or declare [[accounts]] in the configuration file.",
    )
