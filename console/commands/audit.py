"""`consent-relay audit`: who changed what, and when."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.text import Text

from consent.errors import Refused
from consent.ledger.audit import Detail
from console import audits
from console.access import desk_of, screen_of
from console.audits import AuditLine
from console.invocation import examples, family
from console.moments import for_people
from console.terminal import Column, Listing, clean

app = family("Who changed what, and when.")


@app.command("list", epilog=examples("consent-relay audit list -n 20", "consent-relay audit list --json | jq .[].who"))
def list_(
    ctx: typer.Context,
    number: Annotated[int, typer.Option("-n", min=1, max=10_000, help="At most so many.")] = 100,
    after: Annotated[str, typer.Option(metavar="CURSOR", help="Only what is older than this entry.")] = "",
) -> None:
    """List the changes of operators, newest first: by command, admin API and dashboard."""
    try:
        lines, following = asyncio.run(audits.paged(desk_of(ctx), after=after, limit=number))
    except Refused as wrong:  # in the words of the API
        raise typer.BadParameter(
            f"--after {clean(after)}: expected what the last line of an earlier list says, or the id of an entry "
            "(`consent-relay audit list --json | jq -r .[].id`)"
        ) from wrong
    screen = screen_of(ctx)
    screen.show(lines, table(lines))
    if following:
        screen.aside(Text(f"Older ones: --after {following}", style="dim"))


def table(lines: Sequence[AuditLine]) -> Listing:
    return Listing(
        (Column("when"), Column("who"), Column("what"), Column("on"), Column("details", folds=True)),
        [(for_people(line.at), line.who, line.what, line.on, told(line.details)) for line in lines],
        when_empty="Nothing was changed by anybody yet.",
    )


def told(details: Mapping[str, Detail]) -> str:
    words = {name: " ".join(detail) if isinstance(detail, list) else detail for name, detail in details.items()}
    return ", ".join(f"{name} {word}" for name, word in words.items() if word)
