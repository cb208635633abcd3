"""`consent-relay endpoint`: the URLs of the systems that want to know."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Annotated

import typer

from config.clock import system_clock
from config.durations import milliseconds
from consent.model import BodyFormat, Millis
from console import endpointcare, endpoints, typed
from console.access import desk_of, screen_of
from console.commands.account import show_removed
from console.credentials import new_signing_secret
from console.endpointlines import picture, table, told_of_added, told_of_rotated, told_of_trial, unheard_of
from console.invocation import examples, family
from console.lookup import endpoint_id
from console.outlet import unless_shown
from console.terminal import clean
from console.wording import counted

app = family("The URLs of your systems that want to know.")

Name = Annotated[
    str, typer.Argument(metavar="ACCOUNT/NAME", help="The endpoint. NAME alone will do where it tells enough.")
]


@app.command(
    epilog=examples(
        "consent-relay endpoint add acme/crm https://crm.example.com/hooks/consent",
        "consent-relay endpoint add acme/old https://old.example.com/postback --format wxml --changes-only",
        'consent-relay endpoint add acme/erp https://erp.example.com/in --header "X-Api-Key: $KEY" --ed25519',
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
        bool,
        typer.Option("--changes-only/--no-changes-only", help="Whether to say nothing when a STOP changes nothing."),
    ] = False,
    rate: Annotated[str, typer.Option(help='At most so many requests a second: "50/s".', show_default="no limit")] = "",
    max_in_flight: Annotated[int, typer.Option(help="At most so many requests at once.")] = 16,
    secret: Annotated[
        str, typer.Option(help="The signing secret, whsec_… or whsk_…", show_default="a new one, printed once")
    ] = "",
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help="Sign by a key pair: prints the public key to verify with, not a secret.")
    ] = False,
    header: Annotated[
        list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="Send this header along. Repeat for more.")
    ] = None,
    client_certificate: Annotated[
        str, typer.Option(metavar="PATH", help="PEM file to show in TLS, on the dispatchers' machines.")
    ] = "",
    client_key: Annotated[
        str, typer.Option(metavar="PATH", help="Its private key, where the certificate's file does not hold it.")
    ] = "",
    proxy: Annotated[str, typer.Option(metavar="URL", help="Reach it through this HTTP proxy.")] = "",
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Change the one that exists. What is not said stays, and what it is owed."),
    ] = False,
) -> None:
    """Tell a system about STOPs and STARTs. Prints the secret to verify our signatures with.

    Requests are signed as Standard Webhooks describes (standardwebhooks.com), where libraries that verify are listed.
    """
    if ed25519 and (secret or replace):
        raise typer.BadParameter("ed25519: makes a new key, so not with --secret; with --replace, use rotate-secret")
    desk = desk_of(ctx)
    directory = asyncio.run(desk.directory())
    endpoint = endpoint_id(directory, name)
    table = {
        "url": url,
        "secret": secret,
        "format": body_format,
        "events": events,
        "campaigns": campaign,
        "changes_only": changes_only,
        "rate": rate,
        "max_in_flight": max_in_flight,
        "headers": headers_typed(header or ()),
        "client_certificate": client_certificate,
        "client_key": client_key,
        "proxy": proxy,
    }
    if replace and endpoint in directory.endpoints:
        said = typed.only_said(ctx, table, {"format": "body_format", "campaigns": "campaign", "headers": "header"})
        added = typed.told_as_typed(lambda: asyncio.run(endpointcare.add_again(desk, endpoint, said)))
    else:
        account, _, own = endpoint.partition("/")
        new = typed.endpoint({"account": account, "id": own, **table})
        made = new_signing_secret(secrets.token_bytes, is_ed25519=ed25519)
        added = asyncio.run(endpointcare.add(desk, new, new_secret=made, hint="change it with --replace"))
    with unless_shown(unheard_of(added, done="was registered")):
        screen_of(ctx).show(added, told_of_added(added))


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the endpoints and how they are doing.

    Owed counts numbers with something under way or waiting; dead counts notifications that were given up.
    """
    lines = asyncio.run(endpoints.survey(desk_of(ctx), now=system_clock()))
    screen_of(ctx).show(lines, table(lines))


@app.command()
def show(ctx: typer.Context, name: Name) -> None:
    """Show all there is to one endpoint, but for its secrets: what it wants, and how it can know that it was us."""
    line = asyncio.run(endpoints.one(desk_of(ctx), name, now=system_clock()))
    screen_of(ctx).show(line, picture(line))


@app.command(
    "rotate-secret",
    epilog=examples(
        "consent-relay endpoint rotate-secret acme/crm               both sign for a day",
        "consent-relay endpoint rotate-secret acme/crm --grace 0s    the old one leaked",
        "consent-relay endpoint rotate-secret acme/crm --ed25519     from a shared secret to a key pair",
    ),
)
def rotate_secret(
    ctx: typer.Context,
    name: Name,
    grace: Annotated[str, typer.Option(help="How long the old secrets sign beside the new one.")] = "24h",
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help="Sign by a key pair: prints the public key to verify with, not a secret.")
    ] = False,
) -> None:
    """Sign with a new secret, and with the old ones until the grace ends.

    Whoever verifies may change over at any time in between. No process has to be restarted.
    """
    made = new_signing_secret(secrets.token_bytes, is_ed25519=ed25519)
    wait, now = _span(grace), system_clock()
    rotated = asyncio.run(endpointcare.rotate(desk_of(ctx), name, made, now=now, grace=wait))
    with unless_shown(unheard_of(rotated, done="signs with a new secret")):
        screen_of(ctx).show(rotated, told_of_rotated(rotated))


@app.command()
def rm(
    ctx: typer.Context, name: Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Remove an endpoint, and forget what it is still owed."""
    desk = desk_of(ctx)
    line = asyncio.run(endpoints.one(desk, name, now=system_clock()))
    if not yes:
        typer.confirm(
            f"Remove {line.endpoint}? It is owed something for {counted(line.owed, 'number')}; {line.dead:,} are dead.",
            abort=True,
            err=True,
        )
    show_removed(screen_of(ctx), asyncio.run(endpointcare.remove(desk, line.endpoint)))


@app.command()
def enable(ctx: typer.Context, name: Name) -> None:
    """Send to an endpoint again: it is mended.

    One that was disabled hears of all that was held for it, one that is failing or resting gets no more rest. What
    waits for its next attempt is attempted now, opt-outs first.
    """
    line = asyncio.run(endpointcare.enable(desk_of(ctx), name, now=system_clock()))
    screen_of(ctx).show(line, f"{line.endpoint} enabled: what it is owed goes out within seconds, opt-outs first")


@app.command()
def disable(
    ctx: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for whoever finds it disabled.")] = "by hand",
) -> None:
    """Stop sending to an endpoint. Its notifications are kept for it."""
    line = asyncio.run(endpointcare.disable(desk_of(ctx), name, reason=reason, now=system_clock()))
    screen_of(ctx).show(line, f"{line.endpoint} disabled ({clean(line.disabled)}): what it is owed is kept")


@app.command()
def test(ctx: typer.Context, name: Name) -> None:
    """Send one signed test event right now, and show what came back.

    The event's type is endpoint.test. A wxml endpoint gets the opt-out of 15555550100, a number that nobody has.
    """
    trial = asyncio.run(endpointcare.test(desk_of(ctx), name, now=system_clock()))
    screen_of(ctx).show(trial, told_of_trial(trial))
    if trial.result == "failed":
        raise typer.Exit(1)


def headers_typed(headers: Sequence[str]) -> dict[str, str]:
    """As one writes them for HTTP: `X-Api-Key: abc`."""
    parted = [header.partition(":") for header in headers]
    if not all(colon for _, colon, _ in parted):
        raise typer.BadParameter("header: expected 'NAME: VALUE'")
    named = {name.strip(): value.strip() for name, _, value in parted}
    if len(named) < len(parted):
        raise typer.BadParameter("header: expected every header once")
    return named


def _span(grace: str) -> Millis:
    try:
        return milliseconds(grace)
    except ValueError as exc:
        raise typer.BadParameter('grace: expected a duration, as in "24h" or "0s"') from exc
