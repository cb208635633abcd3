"""`consent-relay consent import` and `export`: lists of opt-outs and opt-ins, in and out."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, TextIO

import typer
from rich.text import Text

from config.clock import system_clock
from config.masking import without_numbers
from consent.errors import Misconfigured
from consent.model import CampaignId, Status
from console import exports, imports
from console.access import desk_of, screen_of
from console.desk import Desk
from console.imports import STDIN, Import, Order, Summary
from console.invocation import examples
from console.lookup import account_meant, accounts_meant, campaign_meant
from console.progress import shown
from console.rolls import BadLine, Format
from console.terminal import Screen, clean
from console.wording import counted

FormatOption = Annotated[
    Literal["csv", "ndjson"] | None,
    typer.Option("--format", help="Otherwise told by the file's name or its first bytes."),
]
StatusOption = Annotated[Literal["opted_out", "opted_in"] | None, typer.Option(help="Of lines that name none.")]


IMPORT_EXAMPLES = examples(
    "consent-relay consent import optouts.csv --account acme --campaign 1116 --status opted_out",
    "consent-relay consent import export.ndjson --errors bad-lines.txt",
    "gunzip -c list.csv.gz | consent-relay consent import - --account acme --campaign 1116",
)
EXPORT_EXAMPLES = examples(
    "consent-relay consent export -o everything.csv",
    "consent-relay consent export --account acme --campaign 1116 --status opted_out > optouts.csv",
)
BAD_LINES = 3
"""The exit code of an import that skipped some."""


def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV or NDJSON; - for standard input.")],
    account: Annotated[
        str | None, typer.Option(help="Whose numbers they are; only lines of this account count.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Of lines that name none.")] = None,
    status: StatusOption = None,
    file_format: FormatOption = None,
    errors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every bad line's number and reason.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Do not go on where a killed import stopped.")] = False,
) -> None:
    """Put a list of opt-outs and opt-ins into the ledger.

    Columns, in any order: msisdn (or number, phone, mobile), campaign, status, date, actor. A file of bare numbers
    needs none. The newer decides, line by line; nobody who is opted out is opted in by a list. What is known already
    changes nothing, so a list may be imported twice. Bad lines are told and skipped: then the exit code is 3. Endpoints
    are notified as of any other change (docs/import-export.md).
    """
    order = Order(
        file=file,
        account=account,
        campaign=campaign,
        status=Status(status) if status else None,
        format=file_format,
        errors=errors,
        from_start=restart,
    )
    screen, run = screen_of(ctx), _Running()
    try:
        with _source(file) as source:
            summary = asyncio.run(_imported(desk_of(ctx), order, source, run, screen))
    except KeyboardInterrupt:
        screen.aside(Text(run.how_to_go_on(order)))
        raise typer.Exit(130) from None
    for bad in run.bad:
        screen.aside(Text.assemble((f"line {bad.line}: ", "bold"), clean(bad.reason)))
    if summary.bad > len(run.bad):
        screen.aside(Text(f"and {summary.bad - len(run.bad):,} more bad lines; --errors FILE writes all of them"))
    screen.show(summary, told_of(summary))
    raise typer.Exit(BAD_LINES if summary.bad else 0)


def export(
    ctx: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    status: Annotated[Literal["opted_out", "opted_in"] | None, typer.Option(help="Only this status.")] = None,
    file_format: FormatOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Otherwise standard output.")
    ] = None,
) -> None:
    """Write all that is known of opt-outs and opt-ins, in no order, as `consent import` reads it.

    Every number as it was at one moment, the whole not: what changes meanwhile is there as before or as after.
    """
    named: Format = file_format or ("ndjson" if output and output.suffix in {".ndjson", ".jsonl"} else "csv")
    statuses = frozenset([Status(status)]) if status else frozenset(exports.EXPORTED)
    with exports.destination(output) as out:
        counts = asyncio.run(_exported(desk_of(ctx), account, campaign, statuses, out, named))
    screen = screen_of(ctx)
    by_status = ", ".join(f"{counts[each]:,} {each}" for each in exports.EXPORTED if each in statuses)
    screen.aside(Text(f"{by_status}: written{f' to {clean(str(output))}' if output else ''}."))
    if pending := counts[Status.PENDING]:
        screen.aside(Text(f"{pending:,} more have been asked and have not answered (pending): not written."))


@dataclass
class _Running:
    """What is known of an import however it ends."""

    work: Import | None = None

    @property
    def bad(self) -> Sequence[BadLine]:
        return self.work.worst if self.work else ()

    def how_to_go_on(self, order: Order) -> str:
        if self.work is None or self.work.place is None:
            return "Stopped before anything was recorded."
        if order.file == STDIN:
            return "Stopped. Pipe the same list in again: what is recorded changes nothing a second time."
        return f"Stopped; recorded up to line {self.work.place.line - 1:,}. The same command goes on from there."


@contextmanager
def _source(file: str) -> Iterator[BinaryIO]:
    if file == STDIN:
        yield sys.stdin.buffer
        return
    try:
        opened = Path(file).open("rb", buffering=0)  # noqa: SIM115 - what goes wrong while it is read is no such error
    except OSError as wrong:
        raise Misconfigured(f"{file} cannot be read: {wrong.strerror}; name a CSV or NDJSON file") from wrong
    with opened:
        yield opened


async def _imported(desk: Desk, order: Order, source: BinaryIO, run: _Running, screen: Screen) -> Summary:
    async with desk.writing() as store:
        with shown("importing", imports.size_of(source)) as show:
            run.work = Import(store, desk.registry(store), order, show, warn=lambda doubt: screen.aside(Text(doubt)))
            summary = await run.work.run(source, now=system_clock())
        what = without_numbers(order.name)
        await desk.note(store, "consent.imported", what, read=summary.read, changed=summary.changed, bad=summary.bad)
        return summary


async def _exported(
    desk: Desk,
    account: str | None,
    campaign: str | None,
    statuses: frozenset[Status],
    out: TextIO,
    named: Format,
) -> Counter[Status]:
    async with desk.reading() as store:
        directory = await desk.registry(store).directory()
        accounts = [each.id for each in accounts_meant(directory, account)]
        campaigns = None
        if campaign is not None:
            campaigns = frozenset({CampaignId(campaign)})
            if not any(directory.campaign(each, CampaignId(campaign)) for each in accounts):
                campaign_meant(directory, account_meant(directory, account).id, campaign)
        wanted = exports.Wanted(accounts=accounts, campaigns=campaigns, statuses=statuses)
        with shown("exporting", None) as show:
            return await exports.export(store, wanted, out, format=named, show=show)


def told_of(summary: Summary) -> Text:
    parts = [
        f"{counted(summary.read, 'line')} in {summary.seconds:,.1f} s, {summary.per_second:,}/s",
        f"  {summary.changed:,} changed",
        f"  {summary.confirmed:,} confirmed: known, and the list is newer",
        f"  {summary.unchanged:,} known already",
        f"  {summary.older:,} older than what is known",
        f"  {summary.kept_out:,} opted in by the list, and kept opted out",
        f"  {summary.bad:,} bad",
    ]
    if summary.resumed_at_line:
        parts.insert(0, f"went on at line {summary.resumed_at_line:,}")
    return Text("\n".join(parts))
