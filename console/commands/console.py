"""`consent-relay console`: one process that serves the dashboard and the admin API."""

import typer

from console.__main__ import run
from console.access import settings_of
from console.addresses import console_listeners, ensure_free
from console.invocation import single
from receiver.codecs import CODECS

app = single()


@app.command()
def console(ctx: typer.Context) -> None:
    """Run the console alone: the dashboard and the admin API.

    The store has to be running. Its token is console.token; without one it is made at the first start, and kept in
    store.data_dir, in console.token.
    """
    settings = settings_of(ctx, providers=CODECS)
    ensure_free(console_listeners(settings))
    run(settings)
