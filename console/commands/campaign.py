"""`consent-relay campaign`: what people subscribe to, and stop."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from consent.directory import Directory
from consent.model import Campaign, CampaignId
from console import registering, typed
from console.access import desk_of, screen_of
from console.commands.account import show_removed
from console.invocation import examples, family
from console.lookup import account_meant, accounts_meant
from console.terminal import Column, Listing, clean

app = family("What people subscribe to, and stop.")


@app.command("list")
def list_(
    ctx: typer.Context, account: Annotated[str | None, typer.Option(help="Only those of this account.")] = None
) -> None:
    """List the campaigns."""
    campaigns = listed(asyncio.run(desk_of(ctx).directory()), account)
    screen_of(ctx).show(campaigns, table(campaigns))


@app.command(
    epilog=examples(
        'consent-relay campaign add 1116 --account acme --title "Deals" --short-code 123456',
        'consent-relay campaign add 1117 --title "News" --short-code 123456 --keyword NEWS',
        "consent-relay campaign add 1118 --short-code +18005551212 --pool +18005551213 --pool +18005551214",
    )
)
def add(  # noqa: PLR0913, PLR0917 - an argument for each option
    ctx: typer.Context,
    campaign: Annotated[str, typer.Argument(metavar="ID", help="Its id, as your provider knows it.")],
    account: Annotated[str | None, typer.Option(help="Whose it is. Not needed where there is one account.")] = None,
    title: Annotated[str, typer.Option(help="Its name.")] = "",
    brand: Annotated[str, typer.Option(help="The brand that texts.")] = "",
    short_code: Annotated[str, typer.Option(help="The number that people text to.")] = "",
    pool: Annotated[
        list[str] | None,
        typer.Option(help="A further number that people text to, as of a Messaging Service. Repeat it for more."),
    ] = None,
    keyword: Annotated[
        list[str] | None,
        typer.Option(help="STOP KEYWORD stops this campaign alone. Repeat the option for more than one."),
    ] = None,
    requires_opt_in: Annotated[
        bool,
        typer.Option("--requires-opt-in/--no-requires-opt-in", help="Whether a number never seen may not be texted."),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change it if it is there already. What is not said stays as it is.")
    ] = False,
) -> None:
    """Register a campaign.

    One that a webhook named before anybody registered it is there already, by its id alone: adding it fills it in.
    """
    desk = desk_of(ctx)
    directory = asyncio.run(desk.directory())
    owner = account_meant(directory, account).id
    table = {
        "title": title,
        "brand": brand,
        "short_code": short_code,
        "pool": pool,
        "keywords": keyword,
        "requires_opt_in": requires_opt_in,
    }
    if replace and directory.campaign(owner, CampaignId(campaign)):
        said = typed.only_said(ctx, table, {"keywords": "keyword"})
        new = typed.told_as_typed(lambda: asyncio.run(registering.change_campaign(desk, owner, campaign, said)))
    else:
        new = typed.campaign({"account": owner, "id": campaign, **table})
        asyncio.run(registering.add(desk, new, hint="change it with --replace"))
    screen_of(ctx).show(new, f"campaign {new.account}/{new.id} registered")


@app.command()
def rm(
    ctx: typer.Context,
    campaign: Annotated[str, typer.Argument(metavar="ID", help="Its id.")],
    account: Annotated[str | None, typer.Option(help="Whose it is. Not needed where there is one account.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a campaign. What is known of its numbers stays, and counts again when the campaign comes back."""
    desk = desk_of(ctx)
    directory = asyncio.run(desk.directory())
    owner = account_meant(directory, account).id
    found = registering.campaign_of(directory, owner, campaign)
    if not yes:
        named = f" ({clean(found.title)})" if found.title else ""
        typer.confirm(
            f"Remove {owner}/{found.id}{named}? Its short code and keywords no longer name it; its numbers are kept.",
            abort=True,
            err=True,
        )
    show_removed(screen_of(ctx), asyncio.run(registering.remove_campaign(desk, owner, found.id)))


def listed(directory: Directory, account: str | None) -> list[Campaign]:
    return [c for owner in accounts_meant(directory, account) for c in directory.campaigns_of(owner.id)]


def table(campaigns: Sequence[Campaign]) -> Listing:
    return Listing(
        (
            Column("account"),
            Column("campaign"),
            Column("title", folds=True),
            Column("brand", folds=True),
            Column("short code", folds=any(campaign.pool for campaign in campaigns)),
            Column("keywords", folds=True),
            Column("never seen"),
            Column("from"),
        ),
        [
            (
                campaign.account,
                campaign.id,
                campaign.title,
                campaign.brand,
                ", ".join(filter(None, (campaign.short_code, *campaign.pool))),
                ", ".join(campaign.keywords),
                "ask first" if campaign.requires_opt_in else "may text",
                "a webhook" if campaign.discovered else "you",
            )
            for campaign in campaigns
        ],
        when_empty="No campaign yet: consent-relay campaign add ID --account … --short-code …",
    )
