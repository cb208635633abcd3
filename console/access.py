"""What has a command to work with? The settings, a desk, a screen, and the configuration's file."""

from collections.abc import Collection
from pathlib import Path

import typer

from config.environment import Environment
from config.settings import DEFAULT_FILE, Settings, load
from console.desk import Desk
from console.invocation import invocation_of
from console.terminal import Screen


def settings_of(ctx: typer.Context, *, providers: Collection[str] | None = None) -> Settings:
    return load(invocation_of(ctx).config, providers=providers)


def desk_of(ctx: typer.Context, *, providers: Collection[str] | None = None) -> Desk:
    return Desk.of(settings_of(ctx, providers=providers))


def screen_of(ctx: typer.Context) -> Screen:
    return Screen(as_json=invocation_of(ctx).as_json)


def file_of(ctx: typer.Context) -> Path | None:
    """The file that `load` reads: the same choice, for those who have to name it."""
    named = invocation_of(ctx).config or Environment.read().config
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None
