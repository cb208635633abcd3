"""`consent-relay source`: the webhook URLs."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.text import Text

from config.durations import spelled
from config.settings import Settings
from consent.directory import Directory
from consent.errors import Misconfigured
from consent.model import SignatureMethod, Source
from console import demo, typed
from console.access import directory_of, registry_in, screen_of, settings_of, writing
from console.addresses import public_url
from console.credentials import new_token
from console.invocation import examples, family
from console.lookup import account_meant, accounts_meant, source_name, sources_of
from console.terminal import clean
from receiver.codecs import CODECS

app = family("The webhook URLs to paste into your providers' dashboards.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    source: str
    provider: str
    url: str
    """Who knows it may post to it."""
    signed: str | None
    """By which method a webhook has to be signed; None: it need not be."""
    tolerance: str


@app.command("list")
def list_(
    ctx: typer.Context, account: Annotated[str | None, typer.Option(help="Only those of this account.")] = None
) -> None:
    """List the sources with their full webhook URLs.

    A URL is a credential: whoever knows one may post to it. Set receiver.public_url, or they point to this machine.
    """
    settings = settings_of(ctx)
    lines = survey(asyncio.run(directory_of(settings)), account, public_url(settings))
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
        str, typer.Option(help="The provider's signature secret: unsigned webhooks are then refused.")
    ] = "",
    signature_method: Annotated[SignatureMethod, typer.Option(help="How the provider signs.")] = "md5hash",
    tolerance: Annotated[str, typer.Option(help="How old a signed webhook may be.")] = "24h",
) -> None:
    """Make a webhook URL for a provider, and print it."""
    settings = settings_of(ctx)
    owner = account_meant(asyncio.run(directory_of(settings)), account).id
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
    asyncio.run(added(settings, new))
    line = as_line(new, public_url(settings))
    screen_of(ctx).show(line, Text(line.url))


async def added(settings: Settings, new: Source) -> None:
    async with writing(settings) as store:
        registry = registry_in(store, settings)
        if (await registry.directory()).source(new.account, new.id):
            raise Misconfigured(
                f"source {source_name(new)} exists already: `consent-relay source list` has its URL; "
                "for a second one, choose another --id"
            )
        await registry.put(new)


def survey(directory: Directory, account: str | None, url: str) -> list[SourceLine]:
    owners = {owner.id for owner in accounts_meant(directory, account)}
    return [as_line(source, url) for source in sources_of(directory) if source.account in owners]


def as_line(source: Source, url: str) -> SourceLine:
    return SourceLine(
        source=source_name(source),
        provider=source.provider,
        url=demo.webhook_url(url, source),
        signed=source.signature_method if source.signature_secret else None,
        tolerance=spelled(source.tolerance),
    )


def picture(lines: Sequence[SourceLine]) -> Text:
    """Two lines each, for a URL that a narrow table breaks in two cannot be copied."""
    if not lines:
        return Text("No source yet: consent-relay source add nexmo --account …", style="dim")
    return Text("\n").join(
        Text.assemble(
            (clean(line.source), "bold"),
            (f"  {line.provider}, {f'signed by {line.signed}' if line.signed else 'unsigned'}\n", "dim"),
            f"  {line.url}",
        )
        for line in lines
    )
