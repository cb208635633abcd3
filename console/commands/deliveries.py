"""`consent-relay deliveries`: who has been told, who has not, and why."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated

import typer
from rich.text import Text

from config.clock import system_clock
from consent.model import EventId
from console import attempts, deadletters, deliveries, hastening
from console.access import desk_of, screen_of
from console.attempts import Wanted
from console.commands.replay import REPLAY_EXAMPLES, replay
from console.deliveries import AttemptLine, Retried
from console.deliverylines import DeliveryLine
from console.desk import Desk
from console.eventlines import told
from console.invocation import examples, family
from console.moments import for_people
from console.progress import shown
from console.terminal import Column, Listing, Screen, clean
from console.wording import counted

app = family("Who has been told, who has not, and why.")

EventArgument = Annotated[str, typer.Argument(metavar="EVENT_ID", help="evt_…, from `events tail` or a webhook-id.")]
EndpointOption = Annotated[str | None, typer.Option(help="Only this endpoint.")]
_STYLES = {"dead": "red", "delivered": "green", "in_flight": "cyan", "not_known": "dim", "not_sent": "dim"}
_MEANINGS = {
    "hastened": "attempted within ten seconds, or when the rest of its endpoint is over",
    "revived": "attempted within ten seconds",
    "held": "attempted once its endpoint, which is disabled, is enabled: `consent-relay endpoint enable NAME`",
    "in_flight": "being attempted already",
    "behind": "waiting for an earlier one to the same number: retry that one",
    "unknown": "nothing is owed: delivered, purged, or never meant for it",
    "forgotten": "no longer in the log (store.retention): nothing left to send",
}


@app.command("list")
def list_(
    ctx: typer.Context,
    endpoint: EndpointOption = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    limit: Annotated[int, typer.Option("-n", min=1, help="At most so many.")] = 100,
) -> None:
    """List what has not been delivered: waiting, under way, or given up."""
    screen = screen_of(ctx)
    lines = asyncio.run(deliveries.listed(desk_of(ctx), endpoint, only_dead=dead, limit=limit))
    nothing = f"given up{f' at {endpoint}' if endpoint else ''}" if dead else f"owed to {endpoint or 'anybody'}"
    screen.show(lines, table(lines, when_empty=f"Nothing {'was' if dead else 'is'} {nothing}."))
    if len(lines) == limit:
        screen.aside(Text(f"The first {limit}; -n shows more.", style="dim"))


@app.command(
    epilog=examples(
        "consent-relay deliveries tail -f",
        "consent-relay deliveries tail -f --endpoint acme/crm --failed",
        "consent-relay deliveries tail -f --json | jq .error",
    )
)
def tail(
    ctx: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    number: Annotated[int, typer.Option("-n", min=0, max=1000, help="How many to begin with.")] = 20,
    endpoint: EndpointOption = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only attempts that failed.")] = False,
) -> None:
    """Show the last attempts, newest last. With --json, one object a line."""
    asyncio.run(_tail(desk_of(ctx), screen_of(ctx), Wanted(endpoint, failed), number=number, follow=follow))


@app.command()
def show(ctx: typer.Context, event: EventArgument) -> None:
    """The whole story of one event: what it was, who is to be told, and every attempt."""
    story = asyncio.run(deliveries.story(desk_of(ctx), EventId(event)))
    screen_of(ctx).show(
        story,
        told(story.event),
        table(story.deliveries, when_empty="Its account has no endpoint."),
        attempts_table(story.attempts),
    )


@app.command(
    epilog=examples(
        "consent-relay deliveries retry evt_3_1732230000123_0",
        "consent-relay deliveries retry --waiting --endpoint acme/crm    it is mended",
        "consent-relay deliveries retry --dead --endpoint acme/crm",
    )
)
def retry(
    ctx: typer.Context,
    event: Annotated[str | None, typer.Argument(metavar="EVENT_ID", help="The event to send again.")] = None,
    endpoint: EndpointOption = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that this endpoint was given up on.")] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="All that waits for its next attempt at this endpoint.")
    ] = False,
) -> None:
    """Send what is waiting or was given up now, without waiting for its time."""
    desk, screen = desk_of(ctx), screen_of(ctx)
    if event and not dead and not waiting:
        retried = asyncio.run(deliveries.retry(desk, EventId(event), endpoint))
        screen.show(retried, results(retried))
    elif endpoint and not event and dead != waiting:
        with shown("retrying", None) as progress:
            retrying = (
                deliveries.retry_dead(desk, endpoint, show=progress)
                if dead
                else hastening.retry_waiting(desk, endpoint, now=system_clock(), show=progress)
            )
            retried = asyncio.run(retrying)
        screen.show(
            retried,
            summary(retried, when_empty="Nothing was given up." if dead else "Nothing waits for a later attempt."),
        )
    else:
        raise typer.BadParameter("name an event, or say --waiting --endpoint NAME, or --dead --endpoint NAME")


@app.command(
    epilog=examples(
        'consent-relay deliveries discard evt_3_1732230000123_0 --endpoint acme/crm --reason "no such customer there"',
        'consent-relay deliveries discard --dead --endpoint acme/crm --reason "brought up to date by an export"',
    )
)
def discard(
    ctx: typer.Context,
    endpoint: Annotated[str, typer.Option(help="Whose it is.")],
    reason: Annotated[str, typer.Option(help="Why. It is on the record.")],
    event: Annotated[str | None, typer.Argument(metavar="EVENT_ID", help="Only this one.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that this endpoint was given up on.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take what was given up off the list: the endpoint will not hear of it.

    For what it has learned in another way, or need not know. What still waits for an attempt is left alone.
    """
    if dead == bool(event):
        raise typer.BadParameter("name an event, or say --dead for all that the endpoint was given up on")
    desk, screen = desk_of(ctx), screen_of(ctx)
    there = asyncio.run(deadletters.given_up(desk, endpoint))
    if dead and not there.discarded:
        screen.show(there, f"Nothing was given up at {there.endpoint}.")
        return
    if not yes:
        what = event or counted(there.discarded, "event")
        typer.confirm(f"{there.endpoint} will never be told of {what}. Discard?", abort=True, err=True)
    done = asyncio.run(deadletters.discard(desk, endpoint, EventId(event) if event else None, reason=reason))
    screen.show(done, f"{done.discarded:,} discarded: {done.endpoint} will not be told")


app.command(epilog=REPLAY_EXAMPLES)(replay)


async def _tail(desk: Desk, screen: Screen, wanted: Wanted, *, number: int, follow: bool) -> None:
    is_empty = True
    async with aclosing(attempts.tail(desk, wanted, number=number, follow=follow)) as lines:
        async for line in lines:
            is_empty = False
            screen.line(line, told_of_attempt(line))
    if is_empty:
        what = "failed " if wanted.only_failed else ""
        whose = f" at {wanted.endpoint}" if wanted.endpoint else ""
        screen.aside(Text(f"No {what}attempt{whose} is among the last that are kept.", style="dim"))


def told_of_attempt(line: AttemptLine) -> Text:
    is_done = line.outcome == "done"
    answer = f"HTTP {line.status}" if line.status is not None else line.error
    return Text.assemble(
        (for_people(line.at), "dim"),
        "  ",
        (f"{'delivered' if is_done else line.outcome:<9}", "green" if is_done else "bold red"),
        f"  {clean(line.endpoint)}  {clean(answer)} in {line.ms} ms, attempt {line.number}",
        (f"  {line.event_id}", "dim"),
    )


def table(lines: Sequence[DeliveryLine], *, when_empty: str) -> Listing:
    return Listing(
        (
            Column("endpoint"),
            Column("event"),
            Column("number"),
            Column("state"),
            Column("attempts", is_number=True),
            Column("due"),
            Column("reason", folds=True),
        ),
        [
            (
                line.endpoint,
                line.event_id,
                line.msisdn,
                Text(line.state, style=_STYLES.get(line.state, "")),
                str(line.attempts),
                for_people(line.due_at),
                line.reason or ("replayed" if line.replay else ""),
            )
            for line in lines
        ],
        when_empty=when_empty,
    )


def attempts_table(lines: Sequence[AttemptLine]) -> Listing:
    return Listing(
        (
            Column("endpoint"),
            Column("at"),
            Column("attempt", is_number=True),
            Column("outcome"),
            Column("status", is_number=True),
            Column("ms", is_number=True),
            Column("timings", folds=True),
            Column("error", folds=True),
            Column("response", folds=True),
        ),
        [
            (
                line.endpoint,
                for_people(line.at),
                str(line.number),
                Text(line.outcome, style="green" if line.outcome == "done" else "red"),
                "" if line.status is None else str(line.status),
                str(line.ms),
                spent(line),
                line.error,
                line.response,
            )
            for line in lines
        ],
        when_empty="No attempt is on record.",
    )


def spent(line: AttemptLine) -> str:
    """Where the time went, as far as an answer began."""
    if line.first_byte_ms is None:
        return ""
    phases = {"dns": line.dns_ms, "connect": line.connect_ms, "tls": line.tls_ms, "first byte": line.first_byte_ms}
    told = ", ".join(f"{phase} {ms:g}" for phase, ms in phases.items() if ms is not None)
    return told if line.dns_ms is not None else f"{told} (kept connection)"


def results(retried: Sequence[Retried]) -> Listing:
    return Listing(
        (Column("endpoint"), Column("event"), Column("result"), Column("that is", folds=True)),
        [(each.endpoint, each.event_id, each.result, _MEANINGS.get(each.result, "")) for each in retried],
        when_empty="No endpoint is owed this event.",
    )


def summary(retried: Sequence[Retried], *, when_empty: str) -> Listing:
    counts = Counter(each.result for each in retried)
    return Listing(
        (Column("result"), Column("count", is_number=True), Column("that is", folds=True)),
        [(result, str(count), _MEANINGS.get(result, "")) for result, count in counts.items()],
        when_empty=when_empty,
    )
