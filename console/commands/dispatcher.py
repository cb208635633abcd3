"""`consent-relay dispatcher`: one process that notifies endpoints."""

import typer

from console.access import file_of, settings_of
from console.addresses import dispatcher_listeners, ensure_free
from console.invocation import single
from console.workers import Crew, WorkersOption, run_crew
from dispatcher.__main__ import run

app = single()


@app.command()
def dispatcher(ctx: typer.Context, workers: WorkersOption = 1) -> None:
    """Run a dispatcher alone: it notifies your endpoints.

    Several may run beside each other, on one store. The store has to be running. With --workers, several on this
    machine are one: one service, one internal port, one set of metrics.
    """
    settings = settings_of(ctx)
    ensure_free(dispatcher_listeners(settings))
    if workers == 1:
        run(settings)
        return
    where = settings.dispatcher
    run_crew(
        Crew(
            module="dispatcher",
            workers=workers,
            host=where.host,
            port=where.port,
            stop_timeout=where.timeout / 1000 + 5,
            file=file_of(ctx),
        ),
        settings.log,
    )
