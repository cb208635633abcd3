"""`consent-relay dispatcher`: one process that notifies endpoints."""

import typer

from console.access import settings_of
from console.addresses import ensure_dispatcher_free
from console.invocation import single
from dispatcher.__main__ import run

app = single()


@app.command()
def dispatcher(ctx: typer.Context) -> None:
    """Run a dispatcher alone: it notifies your endpoints.

    Several may run beside each other, on one store. The store has to be running.
    """
    settings = settings_of(ctx)
    ensure_dispatcher_free(settings)
    run(settings)
