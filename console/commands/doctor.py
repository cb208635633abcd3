"""`consent-relay doctor`: what is wrong here, if anything?"""

import asyncio
from collections.abc import Sequence

import typer
from rich.text import Text

from config.settings import Settings
from console import checkup, examination, unwell
from console.access import file_of, screen_of
from console.checkup import Finding
from console.invocation import invocation_of, single
from console.terminal import clean

app = single()

_MARKS = {"ok": ("ok     ", "green"), "warning": ("warning", "yellow"), "bad": ("BAD    ", "bold red")}


@app.command()
def doctor(ctx: typer.Context) -> None:
    """Check this installation, and say what is wrong.

    Looks at the configuration, the store and what it promises, the registry, the endpoints, and the processes. Changes
    nothing. Exits with 1 when something is bad.
    """
    settings, findings = examination.configuration(invocation_of(ctx).config, file_of(ctx))
    if settings is not None:
        findings += asyncio.run(examined(settings))
    screen_of(ctx).show(findings, picture(findings))
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(1)


async def examined(settings: Settings) -> list[Finding]:
    return [
        *examination.machine(settings),
        *[finding async for finding in examination.store(settings)],
        *await unwell.found(settings),
        *await examination.processes(settings),
        *checkup.of_settings(settings),
    ]


def picture(findings: Sequence[Finding]) -> Text:
    widest = max(len(finding.subject) for finding in findings)
    return Text("\n").join(
        Text.assemble(_MARKS[finding.level], f"  {finding.subject:<{widest}}  ", clean(finding.text))
        for finding in findings
    )
