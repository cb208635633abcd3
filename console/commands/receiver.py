"""`consent-relay receiver`: one process that takes webhooks."""

import typer

from console.access import settings_of
from console.addresses import ensure_receiver_free
from console.invocation import single
from receiver.__main__ import run
from receiver.codecs import CODECS

app = single()


@app.command()
def receiver(ctx: typer.Context) -> None:
    """Run a receiver alone: it takes the providers' webhooks.

    Several may run beside each other, on one store. The store has to be running.
    """
    settings = settings_of(ctx, providers=CODECS)
    ensure_receiver_free(settings)
    run(settings)
