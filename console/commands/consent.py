"""`consent-relay consent`: what is known of a number, and how it came to be."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from config.clock import system_clock
from config.settings import Settings
from consent.ledger import Ledger
from consent.model import Campaign, ConsentState, Event, Msisdn, Status, UnixMs
from consent.numbers import recipient
from console.access import reading, registry_in, screen_of, settings_of
from console.commands import lists
from console.eventlines import line_of, told
from console.invocation import examples, family
from console.lookup import accounts_meant, campaign_meant
from console.moments import for_people, moment
from console.terminal import Column, Listing, clean

app = family("May this number be texted, and why? State and history.")

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="With its country code: 15558937009, +1 555 893 7009.")]
AccountOption = Annotated[str | None, typer.Option(help="Only for this account.")]
_STYLES = {"opted_out": "bold red", "opted_in": "bold green", "pending": "yellow", "unknown": "dim"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    account: str
    campaign: str
    title: str
    status: str
    actor: str | None
    via: str | None
    source: str | None
    since: datetime | None
    keyword: str
    rule: str
    sequence: int | None


@app.command(
    epilog=examples(
        "consent-relay consent get 15558937009",
        'consent-relay consent get "+1 555 893 7009" --account acme --campaign 1116 --json',
    )
)
def get(
    ctx: typer.Context,
    number: Number,
    account: AccountOption = None,
    campaign: Annotated[str | None, typer.Option(help="Only in this campaign.")] = None,
) -> None:
    """What is known of a number now, campaign by campaign."""
    msisdn = recipient(number).msisdn
    standings = asyncio.run(looked_up(settings_of(ctx), msisdn, account, campaign))
    screen_of(ctx).show(standings, table(standings))


@app.command()
def history(
    ctx: typer.Context,
    number: Number,
    account: AccountOption = None,
    limit: Annotated[int, typer.Option("-n", min=1, help="At most so many.")] = 100,
) -> None:
    """What happened to a number, newest last.

    Dim is what came too late to decide anything. Goes back as far as the log is kept (store.retention).
    """
    msisdn = recipient(number).msisdn
    lines = [
        line_of(event, mask_numbers=False)
        for event in asyncio.run(happened(settings_of(ctx), msisdn, account, limit=limit))
    ]
    empty = Text(f"Nothing is on the record about {clean(msisdn)}.", style="dim")
    screen_of(ctx).show(lines, Text("\n").join(map(told, lines)) if lines else empty)


app.command("import", epilog=lists.IMPORT_EXAMPLES)(lists.import_)
app.command(epilog=lists.EXPORT_EXAMPLES)(lists.export)


async def looked_up(settings: Settings, msisdn: Msisdn, account: str | None, campaign: str | None) -> list[Standing]:
    async with reading(settings) as store:
        directory, ledger, now = await registry_in(store, settings).directory(), Ledger(store), system_clock()
        found = []
        for owner in accounts_meant(directory, account):
            campaigns = (
                directory.campaigns_of(owner.id)
                if campaign is None
                else (campaign_meant(directory, owner.id, campaign),)
            )
            states = await ledger.states(owner.id, [each.id for each in campaigns], msisdn)
            found += [standing(each, state, now) for each, state in zip(campaigns, states, strict=True)]
    return sorted(found, key=lambda each: (each.status == Status.UNKNOWN, each.account, each.campaign))


async def happened(settings: Settings, msisdn: Msisdn, account: str | None, *, limit: int) -> list[Event]:
    async with reading(settings) as store:
        directory, ledger = await registry_in(store, settings).directory(), Ledger(store)
        events: list[Event] = []
        for owner in accounts_meant(directory, account):
            events += await ledger.history(owner.id, msisdn, limit=limit)
    return sorted(events, key=lambda event: event.sequence)[-limit:]


def standing(campaign: Campaign, state: ConsentState | None, now: UnixMs) -> Standing:
    status = state.status_at(now) if state else Status.UNKNOWN
    return Standing(
        account=campaign.account,
        campaign=campaign.id,
        title=campaign.title,
        status=status,
        actor=state.actor if state else None,
        via=state.origin.via if state else None,
        source=state.origin.source if state else None,
        since=_since(state, status) if state else None,
        keyword=state.origin.keyword if state else "",
        rule=state.origin.rule if state else "",
        sequence=state.sequence if state else None,
    )


def table(standings: Sequence[Standing]) -> Listing:
    return Listing(
        (
            Column("account"),
            Column("campaign"),
            Column("title", folds=True),
            Column("status"),
            Column("since"),
            Column("who", folds=True),
            Column("by", folds=True),
        ),
        [
            (
                each.account,
                each.campaign,
                each.title,
                Text(each.status, style=_STYLES[each.status]),
                for_people(each.since),
                f"{each.actor} via {each.via}, {each.source}" if each.actor else "",
                f"{each.keyword} ({each.rule})" if each.rule else each.keyword,
            )
            for each in standings
        ],
        when_empty="There is no campaign yet: consent-relay campaign list",
    )


def _since(state: ConsentState, status: Status) -> datetime:
    instants = {Status.OPTED_OUT: state.opted_out_at, Status.OPTED_IN: state.opted_in_at}
    return moment(instants.get(status) or state.decides_at)
