"""`consent-relay simulate`: be the provider."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Annotated

import aiohttp
import typer
from rich.text import Text

from config.settings import Settings
from consent.directory import Directory
from consent.errors import Misconfigured
from consent.model import Msisdn, Source, UnixMs
from consent.numbers import recipient
from console import demo, simulation
from console.access import desk_of, screen_of
from console.addresses import local_url
from console.dialects import Webhook
from console.invocation import examples, family
from console.lookup import campaign_meant, source_meant, source_name, texted_source_meant
from console.simulation import Code

app = family("Send a webhook as a provider would, to see it all work. It is recorded like any other.")

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Who texts, with the country code: 15558937009.")]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="Through which source. Not needed where there is one.")
]
CampaignOption = Annotated[
    str | None, typer.Option("--campaign", help="Which campaign. Not needed where there is one.")
]
ToOption = Annotated[str | None, typer.Option("--to", help="The number texted to, instead of the campaign's.")]

_TIMEOUT = aiohttp.ClientTimeout(total=15)
_MEANINGS = {
    200: "the receiver has it on disk",
    400: "the receiver cannot read it",
    403: "the signature does not convince: compare the source's signature secret and method",
    404: "the receiver knows no such source: if it is new, try again in five seconds",
    413: "it is larger than receiver.max_body",
    503: "the store cannot keep it now, so the provider would send it again: `consent-relay doctor` says more",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    source: str
    url: str
    status: int
    meaning: str


@app.command(
    epilog=examples(
        "consent-relay simulate stop 15558937009",
        'consent-relay simulate stop 15558937009 --text "please stop texting me" --to 123456',
    )
)
def stop(
    ctx: typer.Context,
    number: Number,
    campaign: CampaignOption = None,
    to: ToOption = None,
    source: SourceOption = None,
    text: Annotated[str, typer.Option(help="What is written.")] = "STOP",
) -> None:
    """Somebody texts STOP, as the provider of the source would post it."""
    _texted(ctx, number, text, campaign=campaign, to=to, source=source)


@app.command()
def start(
    ctx: typer.Context,
    number: Number,
    campaign: CampaignOption = None,
    to: ToOption = None,
    source: SourceOption = None,
    text: Annotated[str, typer.Option(help="What is written.")] = "START",
) -> None:
    """Somebody texts START, as the provider of the source would post it."""
    _texted(ctx, number, text, campaign=campaign, to=to, source=source)


@app.command()
def postback(
    ctx: typer.Context,
    number: Number,
    campaign: CampaignOption = None,
    source: SourceOption = None,
    code: Annotated[Code, typer.Option(help="N302: she unsubscribed. N301: she subscribed.")] = "N302",
) -> None:
    """A Skycore POSTBACK: somebody unsubscribed, or subscribed, there."""
    desk = desk_of(ctx)
    directory = asyncio.run(desk.directory())
    chosen = source_meant(directory, source, provider="skycore")
    msisdn, told = recipient(number).msisdn, campaign_meant(directory, chosen.account, campaign)
    _send(ctx, desk.settings, chosen, simulation.notification(told, msisdn, code, now=_now()), msisdn)


def _texted(
    ctx: typer.Context, number: str, words: str, *, campaign: str | None, to: str | None, source: str | None
) -> None:
    desk = desk_of(ctx)
    directory = asyncio.run(desk.directory())
    chosen = texted_source_meant(directory, source)
    msisdn, texted = recipient(number).msisdn, to or short_code_of(directory, chosen, campaign)
    webhook = text_through(desk.settings, chosen, msisdn, texted, words, now=_now())
    _send(ctx, desk.settings, chosen, webhook, msisdn)


def text_through(settings: Settings, source: Source, msisdn: Msisdn, to: str, words: str, *, now: UnixMs) -> Webhook:
    public_url = settings.receiver.public_url
    url = demo.webhook_url(public_url, source) if public_url else ""
    return simulation.text(source, msisdn, to, words, url=url, now=now, random=secrets.token_bytes)


def short_code_of(directory: Directory, source: Source, campaign: str | None) -> str:
    meant = campaign_meant(directory, source.account, campaign)
    if not meant.short_code:
        raise Misconfigured(f"campaign {meant.account}/{meant.id} has no short code: say --to what is texted")
    return meant.short_code


async def posted(settings: Settings, source: Source, webhook: Webhook) -> Answer:
    url = demo.webhook_url(local_url(settings.receiver.host, settings.receiver.port), source)
    headers = {"Content-Type": webhook.content_type, **webhook.headers}
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.post(url, data=webhook.body, headers=headers) as response,
        ):
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise Misconfigured(
            f"the receiver does not answer on {settings.receiver.host} port {settings.receiver.port}: "
            "start it with `consent-relay up`"
        ) from exc
    meaning = _MEANINGS.get(status, "not an answer of ours: something else listens on receiver.port")
    return Answer(source=source_name(source), url=url, status=status, meaning=meaning)


def _send(ctx: typer.Context, settings: Settings, source: Source, webhook: Webhook, msisdn: Msisdn) -> None:
    answer = asyncio.run(posted(settings, source, webhook))
    is_taken = answer.status == 200
    told = Text.assemble(
        (str(answer.status), "bold green" if is_taken else "bold red"),
        f"  {answer.meaning}",
        (f"  through {answer.source}", "dim"),
    )
    screen = screen_of(ctx)
    screen.show(answer, told)
    if not is_taken:
        raise typer.Exit(1)
    screen.aside(Text(f"What came of it: consent-relay consent get {msisdn}", style="dim"))


def _now() -> UnixMs:
    return UnixMs(time.time_ns() // 1_000_000)
