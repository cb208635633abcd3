"""`consent-relay events`: watch what happens."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated

import typer
from rich.text import Text

from consent.ledger import Ledger
from consent.model import Event, EventType, Millis
from console import recent
from console.access import desk_of, screen_of
from console.cancellation import end_if_cancelled
from console.desk import Desk
from console.eventlines import line_of, told
from console.invocation import examples, family
from console.refusals import Unfit
from console.terminal import Screen

app = family("Watch what happens.")

_BLOCK_MS = Millis(500)
_OVERLAP = 200
"""How many of the newest events are read once more when following begins: more than come in between."""
_RARITY = 50
"""How many events are looked at for each one of a wanted type."""
_LONGEST_TAIL = 10_000


@app.command(
    epilog=examples(
        "consent-relay events tail -f",
        "consent-relay events tail -n 100 --type consent.opted_out",
        "consent-relay events tail -f --json | jq .event_id",
    )
)
def tail(
    ctx: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    number: Annotated[int, typer.Option("-n", min=0, max=_LONGEST_TAIL, help="How many to begin with.")] = 20,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only such events: consent.*, message.received, … Repeat for more."),
    ] = None,
) -> None:
    """Show the last events, newest last.

    Numbers are masked, and what people wrote is left out, unless log.mask_numbers = false. With --json, one object a
    line.
    """
    asyncio.run(_tail(desk_of(ctx), screen_of(ctx), wanted(types or ["*"]), number=number, follow=follow))


async def _tail(desk: Desk, screen: Screen, types: frozenset[EventType], *, number: int, follow: bool) -> None:
    found_number = 0
    async with desk.reading() as store:
        ledger = Ledger(store)
        async with aclosing(events(ledger, types, number=number, follow=follow)) as found:
            async for event in found:
                found_number += 1
                line = line_of(event, mask_numbers=desk.mask_numbers)
                screen.line(line, told(line))
        if found_number < number and not follow:
            looked_at = len(await ledger.newest(look_back := _look_back(types, number)))
            if told_so := why_so_few(found_number, looked_at=looked_at, is_all=looked_at < look_back):
                screen.aside(Text(told_so, style="dim"))


def why_so_few(found: int, *, looked_at: int, is_all: bool) -> str:
    if not looked_at:
        return "Nothing has happened yet. `consent-relay simulate stop NUMBER` makes something happen."
    if is_all:
        return "" if found else f"There is no such event among the {looked_at:,} that there are."
    told = f"These are {found:,}" if found else "There is none"
    return f"{told} among the last {looked_at:,} events: a larger -n looks further back."


async def events(ledger: Ledger, types: frozenset[EventType], *, number: int, follow: bool) -> AsyncGenerator[Event]:
    look_back = _look_back(types, number)
    recent = await ledger.newest(look_back)
    for event in [event for event in recent if event.type in types][-number:] if number else []:
        yield event
    if not follow:
        return
    known = {event.id for event in recent}
    is_first = True
    async for batch in ledger.follow(block=_BLOCK_MS):
        end_if_cancelled()
        # Following starts a moment after the look back: what came between is in neither.
        between = await ledger.newest(look_back) if is_first else []
        for event in {event.id: event for event in (*between, *batch)}.values():
            if event.id not in known and event.type in types:
                yield event
        known |= {event.id for event in between}
        is_first = False


def _look_back(types: frozenset[EventType], number: int) -> int:
    return max(_OVERLAP, number if len(types) == len(EventType) else number * _RARITY)


def wanted(patterns: Sequence[str]) -> frozenset[EventType]:
    try:
        return recent.wanted(patterns)
    except Unfit as wrong:
        raise typer.BadParameter(f"--{wrong}") from wrong
