"""Which processes make a whole installation, and what happens before the first webhook? Store, registry, the rest."""

import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from config import console_token
from config.secret_keys import ensure_key
from config.settings import Settings
from consent.model import Source
from console import applying, demo, embedded
from console.addresses import local_url
from console.applying import Step
from console.child import Child
from console.desk import Desk
from console.lookup import sources_of
from console.waiting import wait_ready


@dataclass(slots=True)
class Beginning:
    """What the preparations found out, for the announcement."""

    sample: demo.Demo | None = None
    steps: tuple[Step, ...] = ()
    sources: Sequence[Source] = field(default=(), repr=False)
    console_token: str | None = field(default=None, repr=False)
    """That of the console, if it was made just now: it is shown this once."""


async def children(settings: Settings, file: Path | None, beginning: Beginning) -> list[Child]:
    """In the order of their start. `beginning` is filled in before the receiver starts."""
    environment = {**os.environ, "CONSENT_RELAY_CONFIG": str(file)} if file else None
    receiver, dispatcher, console = settings.receiver, settings.dispatcher, settings.console
    return [
        *([await _store(settings)] if settings.store.is_embedded else []),
        Child(
            name="receiver",
            command=_module("receiver"),
            env=environment,
            heeds_log_signals=True,
            prelude=partial(prepare, settings, beginning, may_demonstrate=file is None),
            ready=partial(wait_ready, local_url(receiver.internal_host, receiver.internal_port)),
        ),
        Child(
            name="dispatcher",
            command=_module("dispatcher"),
            env=environment,
            heeds_log_signals=True,
            ready=partial(wait_ready, local_url(dispatcher.host, dispatcher.port)),
            stop_timeout=dispatcher.timeout / 1000 + 5,
        ),
        Child(
            name="console",
            command=_module("console"),
            env=environment,
            heeds_log_signals=True,
            ready=partial(wait_ready, local_url(console.host, console.port)),
            stop_timeout=15,
        ),
    ]


async def _store(settings: Settings) -> Child:
    """With a key for its secrets, before anybody writes any."""
    child = await embedded.prepared(settings.store)
    ensure_key(settings.store)
    return child


async def prepare(settings: Settings, beginning: Beginning, *, may_demonstrate: bool) -> None:
    """Apply what is declared; where nothing is, and nobody was ever registered, make something to play with."""
    desk = Desk.of(settings)
    async with desk.writing() as store:
        registry = desk.registry(store)
        directory = await registry.directory()
        if may_demonstrate and settings.declares_nothing and directory.version == 0:
            beginning.sample = demo.registry(secrets.token_bytes(demo.RANDOM_BYTES))
            for row in beginning.sample.rows:
                await registry.put(row)
        planned = applying.plan(settings, directory, secrets.token_bytes)
        beginning.steps = await applying.carry_out(planned, registry)
        await applying.note(beginning.steps, desk.acting_as("up"), store)
        beginning.sources = sources_of(await registry.directory())
    beginning.console_token = console_token.ensure_token(settings)


def _module(name: str) -> list[str]:
    """-P: a directory called "config" where we happen to be started shall not be taken for ours."""
    return [sys.executable, "-P", "-m", name]
