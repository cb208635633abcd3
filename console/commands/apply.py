"""`consent-relay apply`: what the file declares, into the registry."""

import asyncio
import secrets
from collections.abc import Sequence

import typer
from rich.text import Text

from console import applying
from console.access import desk_of, screen_of
from console.applying import Step
from console.desk import Desk
from console.invocation import single
from console.outlet import unless_shown
from console.terminal import Column, Listing, clean
from receiver.codecs import CODECS

app = single()

_STYLES = {"added": "green", "changed": "yellow", "unchanged": "dim"}


@app.command()
def apply(ctx: typer.Context) -> None:
    """Put what the configuration file declares into the registry.

    Adds what is missing, changes what differs, and never removes anything. Running processes take it up within
    seconds. Keys, tokens and secrets that the file leaves out stay as they are; "" clears an account's keys and a
    signature_secret. A token or signing secret that was never there is generated once.
    """
    screen = screen_of(ctx)
    steps = asyncio.run(applied(desk_of(ctx, providers=CODECS)))
    with unless_shown(unheard_of(steps)):
        screen.show(steps, table(steps))
    for secret in secrets_shown_once(steps):
        screen.aside(secret)
    for warning in warnings(steps):
        screen.aside(warning)


async def applied(desk: Desk) -> tuple[Step, ...]:
    async with desk.writing() as store:
        registry = desk.registry(store)
        planned = applying.plan(desk.settings, await registry.directory(), secrets.token_bytes)
        steps = await applying.carry_out(planned, registry)
        await applying.note(steps, desk, store)
        return steps


def table(steps: Sequence[Step]) -> Listing:
    return Listing(
        (Column("what"), Column("id"), Column("done"), Column("fields", folds=True)),
        [(step.kind, step.id, Text(step.done, style=_STYLES[step.done]), ", ".join(step.fields)) for step in steps],
        when_empty="The configuration declares no accounts, campaigns, sources or endpoints; nothing was changed.",
    )


def secrets_shown_once(steps: Sequence[Step]) -> list[Text]:
    return [
        Text.assemble((f"The signing secret of {step.id}, shown this once: ", "bold"), step.secret)
        for step in steps
        if step.secret
    ]


def unheard_of(steps: Sequence[Step]) -> str:
    made = [step.id for step in steps if step.secret]
    if not made:
        return ""
    return f"signing secrets were made and not shown: `consent-relay endpoint rotate-secret` for {', '.join(made)}"


def warnings(steps: Sequence[Step]) -> list[Text]:
    return [Text(clean(warning), style="yellow") for step in steps for warning in step.warnings]
