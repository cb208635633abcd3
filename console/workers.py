"""How do several workers do the work of one process? A parent starts them, keeps them running, and speaks for them all.

To everybody else it is that one process: it has the internal port, the service manager hears it, and it is who is told
to stop. Workers share the public port, or the leases in the store, and know nothing of each other.
docs/adr/0020-workers.md
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from config.embedded_socket import LONGEST_PATH
from config.logging import Verbosity, configure
from config.metrics import exposition
from config.notify import our_manager, telling
from config.probes import internal_port
from config.process import Worker
from config.sections import Log
from config.steering import steered
from consent.errors import Misconfigured
from console.child import Child
from console.rollcall import URL, Rollcall, Standing
from console.supervisor import Supervisor
from console.waiting import wait_ready

WorkersOption = Annotated[
    int,
    typer.Option("--workers", min=1, max=256, help="So many processes, under one parent: for a machine of many cores."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    module: str
    """What each worker runs, and is called after."""
    workers: int
    host: str
    port: int
    """The internal one, which is the parent's."""
    stop_timeout: float
    file: Path | None
    """The configuration's."""


def run_crew(crew: Crew, log: Log) -> None:
    verbosity = configure(log, crew.module)
    with _private_folder() as folder:
        asyncio.run(_run(crew, _workers(crew, folder), verbosity))


async def _run(crew: Crew, workers: Sequence[Worker], verbosity: Verbosity) -> None:
    manager = our_manager()
    rollcall = Rollcall(workers)
    children = {worker.number: _child(crew, worker) for worker in workers}
    supervisor = Supervisor([*children.values()], together=True)
    standing = Standing(rollcall, workers=crew.workers, deaths=lambda: supervisor.deaths)
    counted = exposition(rollcall.merging, standing, refresh=rollcall.count, process=None)
    failure: Misconfigured | None = None
    async with (
        telling(manager, rollcall.incomplete, supervisor.stopping),
        internal_port(crew.host, crew.port, rollcall.unready, counted),
        asyncio.TaskGroup() as tasks,
    ):
        watching = [
            tasks.create_task(
                rollcall.watch(worker, hangs=partial(supervisor.abort, children[worker.number].name)),
            )
            for worker in workers
        ]
        try:
            with steered(verbosity, supervisor.pass_on):
                await supervisor.run()
        except Misconfigured as exc:  # raised inside the group, it would come out wrapped
            failure = exc
        for task in watching:
            task.cancel()
    if failure is not None:
        raise failure


def _child(crew: Crew, worker: Worker) -> Child:
    return Child(
        name=f"{crew.module}-{worker.number}",
        # -P: a directory called "config" where we happen to be started shall not be taken for ours.
        command=[sys.executable, "-P", "-m", crew.module, str(worker.number), str(worker.socket)],
        env={**os.environ, "CONSENT_RELAY_CONFIG": str(crew.file)} if crew.file else None,
        ready=partial(wait_ready, URL, socket=worker.socket),
        stop_timeout=crew.stop_timeout,
        heeds_log_signals=True,
    )


def _workers(crew: Crew, folder: Path) -> list[Worker]:
    workers = [Worker(number=number, socket=folder / f"{number}.sock") for number in range(1, crew.workers + 1)]
    if len(os.fsencode(workers[-1].socket)) > LONGEST_PATH:
        raise Misconfigured(f"{folder}: too long for the sockets of workers; set TMPDIR to a shorter directory")
    return workers


@contextmanager
def _private_folder() -> Iterator[Path]:
    """For nobody else, mode 0700; gone with us, unless we are killed."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="consent-relay-", ignore_cleanup_errors=True)
    except OSError as exc:
        raise Misconfigured(f"no directory for the sockets of workers ({exc.strerror}): set TMPDIR to one") from exc
    with folder as name:
        yield Path(name)
