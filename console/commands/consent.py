"""`consent-relay consent`: what is known of a number, and how it came to be."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

import typer
from rich.text import Text

from config.clock import system_clock
from consent.model import Status
from consent.numbers import other_way, recipient
from console import decisions, optouts
from console.access import desk_of, screen_of
from console.commands import lists
from console.eventlines import line_of, told
from console.invocation import examples, family
from console.moments import for_people
from console.numbering import doubt_about, international, oddity
from console.optouts import Listed
from console.refusals import SelfStopped
from console.standings import Standing, happened, looked_up
from console.terminal import Column, Listing, Screen, clean

app = family("May this number be texted, and why? State and history.")

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="With its country code: 15558937009, +1 555 893 7009.")]
AccountOption = Annotated[str | None, typer.Option(help="Only for this account.")]
_MOST_LISTED = 10_000
_STYLES = {"opted_out": "bold red", "opted_in": "bold green", "pending": "yellow", "unknown": "dim"}


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
    standings = asyncio.run(looked_up(desk_of(ctx), msisdn, account, campaign, now=system_clock()))
    screen = screen_of(ctx)
    screen.show(standings, table(standings))
    if all(standing.sequence is None for standing in standings):
        _tell(screen, doubt_about(msisdn, done="looked up"))
    if other := other_way(msisdn):
        _tell(screen, f"the same line is also written {other}: look that up, too")


@app.command(
    "list",
    epilog=examples(
        "consent-relay consent list --campaign 1116",
        "consent-relay consent list --account acme -n 1000 --page 2 --json",
    ),
)
def list_(
    ctx: typer.Context,
    account: Annotated[str | None, typer.Option(help="Not needed where there is one account.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only of this campaign.")] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=_MOST_LISTED, help="At most so many on a page.")] = 100,
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
) -> None:
    """Who is opted out, in an order that stays, page by page.

    For all of them at once, and for who is opted in: `consent-relay consent export`.
    """
    found = asyncio.run(optouts.listed(desk_of(ctx), account, campaign, page=page - 1, size=limit))
    screen = screen_of(ctx)
    screen.show(found.lines, opted_out(found))
    if found.lines and found.total > len(found.lines):
        last = -(-found.total // limit)
        screen.aside(Text(f"{found.total:,} in all; this is page {page:,} of {last:,}.", style="dim"))


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
        for event in asyncio.run(happened(desk_of(ctx), msisdn, account, limit=limit))
    ]
    empty = Text(f"Nothing is on the record about {clean(msisdn)}.", style="dim")
    screen = screen_of(ctx)
    screen.show(lines, Text("\n").join(map(told, lines)) if lines else empty)
    if not lines:
        _tell(screen, doubt_about(msisdn, done="looked up"))


@app.command(
    "set",
    epilog=examples(
        'consent-relay consent set 15558937009 --campaign 1116 --status opted_out --reason "she called"',
        'consent-relay consent set 15558937009 --campaign 1116 --status opted_in --reason "her letter" --overrule',
    ),
)
def set_(
    ctx: typer.Context,
    number: Number,
    status: Annotated[Literal["opted_out", "opted_in"], typer.Option(help="What holds from now on.")],
    reason: Annotated[str, typer.Option(help="Why. It is on the record, and endpoints are told.")],
    account: Annotated[str | None, typer.Option(help="Not needed where there is one account.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Not needed where there is one campaign.")] = None,
    overrule: Annotated[
        bool, typer.Option("--overrule", help="Opt her in again though she stopped herself: she asked for it.")
    ] = False,
) -> None:
    """Decide for a number, by hand: she called, or wrote a letter. Endpoints are told as of any other change."""
    wish = decisions.Wish(
        number=number, account=account, campaign=campaign, status=Status(status), reason=reason, overrules=overrule
    )
    try:
        decided = asyncio.run(decisions.decide(desk_of(ctx), wish, now=system_clock()))
    except SelfStopped as error:  # in the words of the API
        raise SelfStopped(f"{error}, with --overrule") from None
    screen, msisdn = screen_of(ctx), recipient(number).msisdn
    told_so = Text.assemble(
        (f"{clean(international(msisdn))}  ", "bold"),
        (decided.status, _STYLES[decided.status]),
        f"  {decided.account}/{decided.campaign}",
        "" if decided.changed else "  as before; it is on the record once more",
        (f"  {decided.event_id}", "dim"),
    )
    screen.show(decided, told_so)
    is_new = decided.previous == Status.UNKNOWN
    _tell(screen, doubt_about(msisdn, done="recorded") if is_new else oddity(msisdn, done="recorded"))


app.command("import", epilog=lists.IMPORT_EXAMPLES)(lists.import_)
app.command(epilog=lists.EXPORT_EXAMPLES)(lists.export)


def _tell(screen: Screen, doubt: str | None) -> None:
    if doubt:
        screen.aside(Text(clean(doubt), style="yellow"))


def opted_out(found: Listed) -> Listing:
    return Listing(
        (Column("number"), Column("account"), Column("campaign"), Column("opted out"), Column("opted in before")),
        [
            (line.msisdn, line.account, line.campaign, for_people(line.opted_out_at), for_people(line.opted_in_at))
            for line in found.lines
        ],
        when_empty=f"Of {found.total:,} none is on this page." if found.total else "Nobody is opted out.",
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
