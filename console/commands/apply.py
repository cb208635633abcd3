"""`consent-relay apply`: what the file declares, into the registry."""

import asyncio
import secrets
from collections.abc import Sequence

import typer
from rich.text import Text

from config.settings import Settings
from console import applying
from console.access import registry_in, screen_of, settings_of, writing
from console.applying import Step
from console.invocation import single
from console.terminal import Column, Listing
from receiver.codecs import CODECS

app = single()

_STYLES = {"added": "green", "changed": "yellow", "unchanged": "dim"}


@app.command()
def apply(ctx: typer.Context) -> None:
    """Put what the configuration file declares into the registry.

    Adds what is missing, changes what differs, and never removes anything. Running processes take it up within
    seconds. Tokens and secrets that the file leaves out are generated once, and stay.
    """
    screen = screen_of(ctx)
    steps = asyncio.run(applied(settings_of(ctx, providers=CODECS)))
    screen.show(steps, table(steps))
    for secret in secrets_shown_once(steps):
        screen.aside(secret)


async def applied(settings: Settings) -> tuple[Step, ...]:
    async with writing(settings) as store:
        registry = registry_in(store, settings)
        planned = applying.plan(settings, await registry.directory(), secrets.token_bytes)
        return await applying.carry_out(planned, registry)


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
