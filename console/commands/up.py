"""`consent-relay up`: everything in one terminal."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

import typer
from rich.text import Text

from config import console_token
from config.logging import Verbosity, configure
from config.notify import our_manager, telling
from config.settings import Settings
from config.steering import steered
from consent.model import Source
from console import demo
from console.access import file_of, screen_of, settings_of
from console.addresses import all_listeners, console_url, ensure_free, public_url
from console.applying import Step
from console.commands.apply import secrets_shown_once, unheard_of, warnings
from console.household import Beginning, children
from console.invocation import examples, single
from console.lookup import source_name
from console.outlet import unless_shown
from console.supervisor import Supervisor
from console.terminal import Screen
from receiver.codecs import CODECS

app = single()


@app.command(
    epilog=examples(
        "consent-relay up                                       everything in ./var, on port 8080",
        "CONSENT_RELAY_RECEIVER__PORT=9000 consent-relay up     every setting has such a variable",
        "consent-relay up --config /etc/consent-relay.toml",
    )
)
def up(ctx: typer.Context) -> None:
    """Start everything in this terminal: the store, the receiver, the dispatcher and the console.

    Each is started again should it die, and all are stopped in order by Ctrl-C or SIGTERM. What the configuration file
    declares is applied first; without a file, a demo account is made on the first start.
    """
    settings = settings_of(ctx, providers=CODECS)
    verbosity = configure(settings.log, "up")
    ensure_free(all_listeners(settings))
    asyncio.run(run(settings, file_of(ctx), screen_of(ctx), verbosity))


async def run(settings: Settings, file: Path | None, screen: Screen, verbosity: Verbosity) -> None:
    beginning = Beginning()

    def announce() -> None:
        url = public_url(settings)
        console = {"console": console_url(settings), "console_token": beginning.console_token}
        told = Text("\n").join([as_text(beginning, url), console_told(beginning, settings)])
        with unless_shown(unheard_of(beginning.steps)):
            screen.show({**as_value(beginning, url), **console}, told)

    manager = our_manager()
    supervisor = Supervisor(await children(settings, file, beginning), when_running=announce)
    async with telling(manager, lambda: None if supervisor.running.is_set() else "starting", supervisor.stopping):
        with steered(verbosity, supervisor.pass_on):
            await supervisor.run()


def as_value(beginning: Beginning, url: str) -> dict[str, object]:
    return {
        "is_demo": beginning.sample is not None,
        "webhooks": [
            {"source": source_name(source), "provider": source.provider, "url": demo.webhook_url(url, source)}
            for source in beginning.sources
        ],
        "applied": beginning.steps,
    }


def as_text(beginning: Beginning, url: str) -> Text:
    if beginning.sample is not None:
        return demo.welcome(beginning.sample, url, program=program_here())
    return Text("\n").join([Text(), *_changes(beginning.steps), *webhooks(beginning.sources, url), Text()])


def program_here() -> str:
    """A virtual environment that nobody activated is on no PATH: what is printed there could not be pasted."""
    beside = Path(sys.executable).with_name("consent-relay")
    return "consent-relay" if which("consent-relay") or not beside.exists() else os.path.relpath(beside)


def console_told(beginning: Beginning, settings: Settings) -> Text:
    """With its token on the first start; later, with where that is kept."""
    text = Text.assemble(("Console", "bold"), f"       {console_url(settings)}")
    if beginning.console_token:
        text.append("\nConsole token ", style="bold").append(f"{beginning.console_token}")
        text.append("   shown this once: log in with it", style="dim")
    elif not settings.console.token:
        text.append(f"   its token is in {os.path.relpath(console_token.file_of(settings))}", style="dim")
    return text.append("\n")


def webhooks(sources: Sequence[Source], url: str) -> list[Text]:
    if not sources:
        return [Text("No webhook URL yet: consent-relay source add nexmo --account …", style="yellow")]
    widest = max(len(source_name(source)) for source in sources)
    return [
        Text("Webhook URLs", style="bold"),
        *(
            Text.assemble((f"  {source_name(source):<{widest}}  ", "dim"), demo.webhook_url(url, source))
            for source in sources
        ),
    ]


def _changes(steps: Sequence[Step]) -> list[Text]:
    counts = {word: sum(step.done == word for step in steps) for word in ("added", "changed", "unchanged")}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    applied = [Text(f"Applied the configuration: {told}", style="dim")] if told else []
    return [*applied, *secrets_shown_once(steps), *warnings(steps)]
