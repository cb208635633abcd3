"""`consent-relay endpoint`: the URLs of the systems that want to know."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from config.settings import Settings
from consent.model import BodyFormat, UnixMs
from console import endpoints, typed
from console.access import directory_of, screen_of, settings_of
from console.credentials import new_signing_secret
from console.endpoints import Added, Health
from console.invocation import examples, family
from console.lookup import endpoint_id, endpoint_meant
from console.terminal import Column, Listing, clean
from console.trial import Trial, attempted

app = family("The URLs of your systems that want to know.")

Name = Annotated[
    str, typer.Argument(metavar="ACCOUNT/NAME", help="The endpoint. NAME alone will do where it tells enough.")
]


@app.command(
    epilog=examples(
        "consent-relay endpoint add acme/crm https://crm.example.com/hooks/consent",
        "consent-relay endpoint add acme/old https://old.example.com/postback --format wxml --changes-only",
    )
)
def add(  # noqa: PLR0913, PLR0917 - an argument for each option
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="ACCOUNT/NAME", help="Whose it is, and what to call it. Where there is one account, NAME will do."
        ),
    ],
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to POST.")],
    events: Annotated[
        list[str] | None,
        typer.Option(help="Which events: consent.*, message.received, … Repeat for more.", show_default="consent.*"),
    ] = None,
    campaign: Annotated[
        list[str] | None, typer.Option(help="Only this campaign. Repeat for more.", show_default="all")
    ] = None,
    body_format: Annotated[BodyFormat, typer.Option("--format", help="How the body is written.")] = "json",
    changes_only: Annotated[
        bool, typer.Option("--changes-only", help="Say nothing when a STOP changes nothing.")
    ] = False,
    max_in_flight: Annotated[int, typer.Option(help="At most so many requests at once.")] = 16,
    secret: Annotated[
        str, typer.Option(help="The signing secret, whsec_…", show_default="a new one, printed once")
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Change the one that exists. It keeps its secret and what it is owed.")
    ] = False,
) -> None:
    """Tell a system about STOPs and STARTs. Prints the secret to verify our signatures with.

    Requests are signed as Standard Webhooks describes (standardwebhooks.com), where libraries that verify are listed.
    """
    settings = settings_of(ctx)
    account, _, own = endpoint_id(asyncio.run(directory_of(settings)), name).partition("/")
    new = typed.endpoint(
        {
            "account": account,
            "id": own,
            "url": url,
            "secret": secret,
            "format": body_format,
            "events": events,
            "campaigns": campaign,
            "changes_only": changes_only,
            "max_in_flight": max_in_flight,
        }
    )
    made = new_signing_secret(secrets.token_bytes)
    added = asyncio.run(endpoints.add(settings, new, new_secret=made, may_replace=replace))
    screen_of(ctx).show(added, told_of_added(added))


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the endpoints and how they are doing.

    Owed counts numbers with something under way or waiting; dead counts notifications that were given up.
    """
    healths = asyncio.run(endpoints.survey(settings_of(ctx)))
    screen_of(ctx).show(healths, table(healths))


@app.command()
def rm(
    ctx: typer.Context, name: Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Remove an endpoint, and forget what it is still owed."""
    settings = settings_of(ctx)
    health, _ = asyncio.run(endpoints.one(settings, name))
    if not yes:
        typer.confirm(
            f"Remove {health.endpoint}? It is owed notifications for {health.owed} numbers, {health.dead} are dead.",
            abort=True,
            err=True,
        )
    asyncio.run(endpoints.remove(settings, health.endpoint))
    screen = screen_of(ctx)
    screen.show(health, f"{health.endpoint} removed")
    if _is_declared(settings, health.endpoint):
        screen.aside(Text("The configuration file still declares it: `apply` and `up` bring it back.", style="yellow"))


@app.command()
def enable(ctx: typer.Context, name: Name) -> None:
    """Send to an endpoint again, what was held for it first."""
    health = asyncio.run(endpoints.enable(settings_of(ctx), name))
    screen_of(ctx).show(health, f"{health.endpoint} enabled: what it is owed ({health.owed}) goes out within seconds")


@app.command()
def disable(
    ctx: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for whoever finds it disabled.")] = "by hand",
) -> None:
    """Stop sending to an endpoint. Its notifications are kept for it."""
    health = asyncio.run(endpoints.disable(settings_of(ctx), name, reason=reason))
    screen_of(ctx).show(health, f"{health.endpoint} disabled ({clean(health.disabled)}): what it is owed is kept")


@app.command()
def test(ctx: typer.Context, name: Name) -> None:
    """Send one signed test event right now, and show what came back.

    The event's type is endpoint.test. A wxml endpoint gets the opt-out of 15555550100, a number that nobody has.
    """
    settings = settings_of(ctx)
    directory = asyncio.run(directory_of(settings))
    nonce, now = secrets.token_hex(8), UnixMs(time.time_ns() // 1_000_000)
    trial = asyncio.run(attempted(endpoint_meant(directory, name), directory, settings, nonce=nonce, now=now))
    screen_of(ctx).show(trial, told_of_trial(trial))
    if trial.result == "failed":
        raise typer.Exit(1)


def table(healths: Sequence[Health]) -> Listing:
    return Listing(
        (
            Column("endpoint"),
            Column("state", folds=True),
            Column("owed", is_number=True),
            Column("in flight", is_number=True),
            Column("dead", is_number=True),
            Column("format"),
            Column("events", folds=True),
            Column("url", folds=True),
        ),
        [
            (
                health.endpoint,
                Text(f"disabled: {clean(health.disabled)}", style="red")
                if health.disabled
                else Text("enabled", style="green"),
                str(health.owed),
                str(health.in_flight),
                Text(str(health.dead), style="red" if health.dead else ""),
                health.format,
                ", ".join(health.events),
                health.url,
            )
            for health in healths
        ],
        when_empty="No endpoint yet: consent-relay endpoint add ACCOUNT/NAME https://…",
    )


def told_of_added(added: Added) -> Text:
    lines = [Text.assemble(added.endpoint, (f"  {added.url}", "dim"))]
    if added.secret:
        lines += [Text.assemble(("secret  ", "dim"), added.secret, ("   shown this once: keep it", "dim"))]
    if added.warning:
        lines += [Text(added.warning, style="yellow")]
    return Text("\n").join([*lines, Text(f"Try it: consent-relay endpoint test {added.endpoint}", style="dim")])


def told_of_trial(trial: Trial) -> Text:
    outcome = f"HTTP {trial.status}" if trial.status is not None else trial.error
    lines = [
        Text.assemble(
            (trial.result, "bold green" if trial.result == "delivered" else "bold red"),
            f"  {outcome} in {trial.ms} ms",
            (f"  {trial.endpoint}  webhook-id {trial.webhook_id}", "dim"),
        )
    ]
    if trial.remedy:
        lines += [Text(trial.remedy)]
    if trial.response:
        lines += [Text(f"it said: {clean(trial.response[:200])}", style="dim")]
    return Text("\n").join(lines)


def _is_declared(settings: Settings, endpoint: str) -> bool:
    return any(f"{table.account}/{table.id}" == endpoint for table in settings.endpoints)
