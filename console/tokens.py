"""Which tokens open the console, and what are they good for? Made and revoked; each shown once."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from consent.ledger.tokens import Token, Tokens
from consent.model import UnixMs
from console.desk import Desk
from console.moments import moment
from console.refusals import NoSuch, Taken, Unfit
from console.server.scopes import Scope

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLine:
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str
    used_on: datetime | None
    """The day, in UTC; None: not yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    name: str
    scopes: tuple[str, ...]
    token: str = field(repr=False)
    """Shown this once."""


async def listed(desk: Desk) -> list[TokenLine]:
    async with desk.reading() as store:
        return [_line(token) for token in await Tokens(store).list()]


async def create(desk: Desk, name: str, scopes: Sequence[str], *, now: UnixMs) -> Made:
    if not _NAME.fullmatch(name):
        raise Unfit("name: expected letters, digits, '.', '_' and '-', at most 64 of them")
    wanted = _scopes(scopes)
    async with desk.writing() as store:
        made = await Tokens(store).create(name, wanted, by=desk.who, now=now, random=secrets.token_bytes)
        if made is None:
            raise Taken(f"token {name} exists already: choose another name, or revoke it first")
        await desk.note(store, "token.created", name, scopes=list(wanted))
    return Made(name=name, scopes=wanted, token=made[1])


async def revoke(desk: Desk, name: str) -> TokenLine:
    """As it was. Its log-ins end with it."""
    async with desk.writing() as store:
        was = next((token for token in await Tokens(store).list() if token.name == name), None)
        if was is None or not await Tokens(store).revoke(name):
            raise NoSuch(f"there is no token {name}")
        await desk.note(store, "token.revoked", name)
    return _line(was)


def _scopes(named: Sequence[str]) -> tuple[str, ...]:
    unknown = sorted(set(named) - set(Scope))
    if unknown or not named:
        raise Unfit(f"scopes: expected some of {', '.join(Scope)}{f', got {unknown[0]}' if unknown else ''}")
    return tuple(scope.value for scope in Scope if scope in named)


def _line(token: Token) -> TokenLine:
    return TokenLine(
        name=token.name,
        scopes=tuple(sorted(token.scopes)),
        created_at=moment(token.created_at),
        created_by=token.created_by,
        used_on=moment(token.used_on) if token.used_on else None,
    )
