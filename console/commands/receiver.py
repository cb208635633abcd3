"""`consent-relay receiver`: one process that takes webhooks."""

import typer

from consent.errors import Misconfigured
from console.access import file_of, settings_of
from console.addresses import ensure_free, receiver_listeners
from console.invocation import single
from console.workers import Crew, WorkersOption, run_crew
from receiver.__main__ import run
from receiver.codecs import CODECS

app = single()


@app.command()
def receiver(ctx: typer.Context, workers: WorkersOption = 1) -> None:
    """Run a receiver alone: it takes the providers' webhooks.

    Several may run beside each other, on one store. The store has to be running. With --workers, several on this
    machine are one: one service, one internal port, one set of metrics.
    """
    settings = settings_of(ctx, providers=CODECS)
    ensure_free(receiver_listeners(settings))
    if workers == 1:
        run(settings)
        return
    where = settings.receiver
    if where.port == 0:
        raise Misconfigured("receiver.port: 0 would give each worker a port of its own; name one that they share")
    run_crew(
        Crew(
            module="receiver",
            workers=workers,
            host=where.internal_host,
            port=where.internal_port,
            stop_timeout=10,
            file=file_of(ctx),
        ),
        settings.log,
    )
