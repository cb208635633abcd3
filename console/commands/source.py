"""`consent-relay source`: the webhook URLs."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from consent.model import SignatureMethod
from console import checkup, registering, typed
from console.access import desk_of, screen_of
from console.addresses import public_url
from console.commands.account import show_removed
from console.credentials import new_token
from console.invocation import examples, family
from console.lookup import account_meant, source_name, source_named
from console.providers import futile
from console.registrylines import SourceLine, source_told, sources_told
from console.terminal import clean
from receiver.codecs import CODECS

app = family("The webhook URLs to paste into your providers' dashboards.")


@app.command("list")
def list_(
    ctx: typer.Context, account: Annotated[str | None, typer.Option(help="Only those of this account.")] = None
) -> None:
    """List the sources with their full webhook URLs.

    A URL is a credential: whoever knows one may post to it. Set receiver.public_url, or they point to this machine.
    """
    desk = desk_of(ctx)
    lines = sources_told(asyncio.run(desk.directory()), account, public_url(desk.settings))
    screen_of(ctx).show(lines, picture(lines))


@app.command(
    epilog=examples(
        "consent-relay source add nexmo --account acme",
        'consent-relay source add nexmo --id nexmo-uk --signature-secret "$SECRET" --signature-method sha256',
    )
)
def add(
    ctx: typer.Context,
    provider: Annotated[
        str,
        typer.Argument(
            metavar="PROVIDER", help=f"Who will post: {' or '.join(CODECS)}.", autocompletion=lambda: list(CODECS)
        ),
    ],
    account: Annotated[str | None, typer.Option(help="For whom. Not needed where there is one account.")] = None,
    source: Annotated[str | None, typer.Option("--id", help="Its name. Otherwise that of the provider.")] = None,
    signature_secret: Annotated[
        str, typer.Option(help="The provider's (skycore has none): unsigned webhooks are then refused.")
    ] = "",
    signature_method: Annotated[SignatureMethod, typer.Option(help="How nexmo signs.")] = "md5hash",
    tolerance: Annotated[str, typer.Option(help="How old a signed webhook may be.")] = "24h",
) -> None:
    """Make a webhook URL for a provider, and print it."""
    desk = desk_of(ctx)
    owner = account_meant(asyncio.run(desk.directory()), account).id
    new = typed.source(
        {
            "account": owner,
            "id": source or provider,
            "provider": provider,
            "token": new_token(secrets.token_bytes),
            "signature_secret": signature_secret,
            "signature_method": signature_method,
            "tolerance": tolerance,
        }
    )
    hint = "`consent-relay source list` has its URL; for a second one, choose another --id"
    asyncio.run(registering.add(desk, new, hint=hint))
    line = source_told(new, public_url(desk.settings))
    screen = screen_of(ctx)
    screen.show(line, Text(line.url))
    if told := futile(new):
        screen.aside(Text(told, style="yellow"))
    webhooks = checkup.of_webhooks(desk.settings)
    if webhooks.level != "ok":
        screen.aside(Text(webhooks.text, style="yellow"))


@app.command()
def rm(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ACCOUNT/ID", help="The source.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a source. Its URL answers 404 from then on: take it out of the provider's dashboard first."""
    desk = desk_of(ctx)
    source = source_named(asyncio.run(desk.directory()), name)
    if not yes:
        typer.confirm(
            f"Remove {source_name(source)}? Its URL answers 404 for good: what {source.provider} posts there is lost.",
            abort=True,
            err=True,
        )
    show_removed(screen_of(ctx), asyncio.run(registering.remove_source(desk, source.account, source.id)))


def picture(lines: Sequence[SourceLine]) -> Text:
    """Two lines each, for a URL that a narrow table breaks in two cannot be copied."""
    if not lines:
        return Text("No source yet: consent-relay source add nexmo --account …", style="dim")
    return Text("\n").join(
        Text.assemble(
            (clean(line.source), "bold"),
            (f"  {line.provider}, {f'verified by {line.signed}' if line.signed else 'unsigned'}\n", "dim"),
            f"  {line.url}",
        )
        for line in lines
    )
