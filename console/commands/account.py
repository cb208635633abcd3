"""`consent-relay account`: who owns campaigns, sources and endpoints."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import typer

from consent.directory import Directory
from console.access import directory_of, screen_of, settings_of
from console.invocation import family
from console.terminal import Column, Listing

app = family("Who owns campaigns, sources and endpoints. Accounts are declared in the configuration file.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    account: str
    campaigns: int
    sources: int
    endpoints: int
    has_api_key: bool
    signature_method: str | None
    """None: requests of this account are not signed."""


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the accounts, without their secrets."""
    lines = survey(asyncio.run(directory_of(settings_of(ctx))))
    screen_of(ctx).show(lines, table(lines))


def survey(directory: Directory) -> list[AccountLine]:
    return [
        AccountLine(
            account=account.id,
            campaigns=len(directory.campaigns_of(account.id)),
            sources=sum(source.account == account.id for source in directory.sources_by_token.values()),
            endpoints=len(directory.endpoints_of(account.id)),
            has_api_key=bool(account.api_key),
            signature_method=account.signature_method if account.signature_secret else None,
        )
        for account in sorted(directory.accounts.values(), key=lambda account: account.id)
    ]


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
        when_empty="No account yet: declare [[accounts]] in the configuration file, then `consent-relay apply`.",
    )
