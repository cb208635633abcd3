"""`consent-relay secrets`: under which key does the store keep tokens and secrets?"""

import asyncio
import secrets
from base64 import b64encode
from dataclasses import dataclass

import typer
from rich.text import Text

from config.secret_keys import seals_of
from consent.errors import Misconfigured, StoreUnavailable
from consent.ledger import Store
from consent.ledger.sealing import KEY_BYTES
from console.access import desk_of, screen_of
from console.desk import Desk
from console.invocation import family
from console.wording import counted

app = family("How the store keeps tokens and secrets: encrypted, under which key.")

_PASSES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reencrypted:
    key: str
    """Its name; the key itself is never shown."""
    rows: int
    """So many were changed."""
    left: int
    """Changed by somebody else all the time, or by a process that has another key."""
    rewriting: bool
    """The store writes its files anew, without what was plain."""


@app.command("new-key")
def new_key(ctx: typer.Context) -> None:
    """Print a new key, for store.secret_key. It is kept nowhere: whoever loses it loses the secrets."""
    made = b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    screen_of(ctx).show({"key": made}, Text(made))


@app.command()
def reencrypt(ctx: typer.Context) -> None:
    """Encrypt all tokens and secrets in the store under the newest key.

    After store.secret_key was set or changed. The former key belongs into store.old_secret_keys until this is done.
    Every process must have the new key already.
    """
    done = asyncio.run(reencrypted(desk_of(ctx)))
    screen_of(ctx).show(done, told(done))
    if done.left:
        raise typer.Exit(1)


async def reencrypted(desk: Desk) -> Reencrypted:
    newest = seals_of(desk.settings.store).newest
    if newest is None and desk.settings.store.is_embedded:
        raise Misconfigured("the embedded store has no key yet: `consent-relay up` makes one as it starts the store")
    if newest is None:
        raise Misconfigured(
            "store.secret_key: there is no key to encrypt with; set it to what `consent-relay secrets new-key` prints"
        )
    async with desk.writing() as store:
        registry = desk.registry(store)
        rows = 0
        for _ in range(_PASSES):
            changed = await registry.reseal()
            rows += changed
            if not changed:
                break
        kept = await registry.sealing()
        await desk.note(store, "secrets.reencrypted", newest.id, rows=rows)
        return Reencrypted(
            key=newest.id, rows=rows, left=kept.plain + kept.older, rewriting=bool(rows) and await _rewriting(store)
        )


def told(done: Reencrypted) -> Text:
    lines = [Text(f"{counted(done.rows, 'row')} encrypted under the key {done.key}")]
    if done.left:
        lines += [
            Text(
                f"not {counted(done.left, 'row')}: a process with another key writes there",
                style="yellow",
            )
        ]
    if done.rows:
        lines += [
            Text("The store rewrites its files: what was plain is gone from them in a moment.", style="dim")
            if done.rewriting
            else Text(
                "Have the store rewrite its files (BGREWRITEAOF): what was plain is still in them.", style="yellow"
            )
        ]
    return Text("\n").join(lines)


async def _rewriting(store: Store) -> bool:
    """Managed servers forbid it; one that is rewriting already may have begun too early."""
    try:
        await store.redis.bgrewriteaof()
    except StoreUnavailable:
        return False
    return True
