"""`consent-relay deliveries replay`: what an endpoint is told again."""

import asyncio
from typing import Annotated

import typer
from rich.text import Text

from config.clock import system_clock
from consent.errors import ConsentError
from consent.ledger import Mark
from consent.model import UnixMs
from console import ranges
from console.access import desk_of, screen_of
from console.invocation import examples, invocation_of
from console.moments import for_people, moment, written
from console.progress import shown
from console.ranges import FOREVER, Range
from console.refusals import Unfit
from console.replay import Order, Replay, Replaying
from console.wording import counted

REPLAY_EXAMPLES = examples(
    "consent-relay deliveries replay acme/crm --dead                     all that was given up",
    "consent-relay deliveries replay acme/crm --since 2h                 it lost what it had been told",
    "consent-relay deliveries replay acme/crm --since 2026-11-20 --until 2026-11-21T12:00Z --type 'consent.*'",
)


def replay(
    ctx: typer.Context,
    endpoint: Annotated[str, typer.Argument(metavar="ACCOUNT/NAME", help="Who is to be told again.")],
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help='Recorded since: an ISO 8601 instant, or "2h" for two hours ago.')
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Recorded before. Otherwise up to now.")] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help='Only such events: "consent.opted_out", "consent.*".'),
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what the endpoint was given up on.")] = False,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on where a replay stopped, which has told this.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not count and ask first.")] = False,
) -> None:
    """Send an endpoint again what the log has for it: oldest first, behind whatever waits for the same number.

    What it asks for today decides. Each request carries the webhook-id that it had, and `webhook-replay: true`.
    Without --yes the events are counted and you are asked; with --json and without --yes they are only counted.
    """
    if not (since or after or dead):
        raise typer.BadParameter("say since when: --since 2h, --since 2026-11-20T08:00Z; or --dead, or --after CURSOR")
    order = order_of(endpoint, Range(since, until, after), tuple(types or ()), now=system_clock(), only_dead=dead)
    desk, screen = desk_of(ctx), screen_of(ctx)
    planned: Replay | None = None
    if not yes:
        planned = asyncio.run(Replaying(order).count(desk))
        if invocation_of(ctx).as_json or not planned.found:
            screen.show(planned, told_of(planned))
            return
        screen.aside(told_of(planned))
        typer.confirm(f"{_caution(order)}Send them to {planned.endpoint} again?", abort=True, err=True)
    running = Replaying(order)
    try:
        showing = shown("replaying", planned.found if planned else None)
        done = asyncio.run(running.carry_out(desk, showing))
    except KeyboardInterrupt:
        screen.aside(Text(how_to_go_on(order, running)))
        raise typer.Exit(130) from None
    except ConsentError:
        if running.reached != order.after:
            screen.aside(Text(how_to_go_on(order, running)))
        raise
    screen.show(done, told_of(done))


def order_of(endpoint: str, asked: Range, types: tuple[str, ...], *, now: UnixMs, only_dead: bool) -> Order:
    try:
        return ranges.order_of(endpoint, asked, types, now=now, only_dead=only_dead)
    except Unfit as wrong:
        raise typer.BadParameter(f"--{wrong}") from wrong


def how_to_go_on(order: Order, running: Replaying) -> str:
    words = ["consent-relay deliveries replay", order.endpoint, f"--after {running.reached.word}"]
    if order.until != Mark.before(FOREVER):
        words.append(f"--until {written(moment(UnixMs(order.until.ms + 1)))}")
    words += [f"--type '{pattern}'" for pattern in order.types]
    words += ["--dead"] if order.only_dead else []
    return f"Stopped; {running.results['queued']:,} were queued, and go out. To go on: {' '.join(words)}"


def told_of(replay: Replay) -> Text:
    lines = [
        f"{counted(replay.found, 'event')} for {replay.endpoint}"
        if replay.dry_run
        else f"{replay.queued:,} of {counted(replay.found, 'event')} queued for {replay.endpoint}"
        + (": on their way within seconds" if replay.queued else "")
    ]
    if replay.waiting:
        lines.append(f"{replay.waiting:,} were waiting already")
    if replay.forgotten:
        lines.append(f"{replay.forgotten:,} are no longer in the log (store.retention): nothing left to send")
    if replay.log_begins:
        lines.append(f"The log begins at {for_people(replay.log_begins)}: what is older was removed (store.retention)")
    return Text("\n".join(lines))


def _caution(order: Order) -> str:
    if order.only_dead or order.types or order.until != Mark.before(FOREVER):
        return "Newer events may be left out: an endpoint that does not heed `sequence` will believe these. "
    return ""
