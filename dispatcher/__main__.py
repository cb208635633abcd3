"""`consent-relay dispatcher`, or `python -m dispatcher`: builds every object, then runs until told to stop."""

import asyncio
import sys
from functools import partial

from config import process
from config.probes import stopping
from config.process import Worker, worker_in
from config.settings import Settings, load
from config.tracing import opened
from consent.errors import Misconfigured
from consent.ledger import Store
from dispatcher.app import Dispatcher
from dispatcher.send import Sender


async def serve(settings: Settings, worker: Worker | None = None) -> None:
    stop = stopping(asyncio.get_running_loop())
    where, sending = settings.store, settings.dispatcher
    async with (
        Store.open(where.effective_url, partitions=where.partitions, durability=where.durability) as store,
        Sender(timeout=sending.timeout, egress_allow=sending.egress_allow, proxy=sending.proxy) as sender,
        opened(settings.tracing, process="dispatcher") as traces,
    ):
        await Dispatcher(settings, store, sender, traces, worker).serve(stop)


def run(settings: Settings, worker: Worker | None = None) -> None:
    process.run("dispatcher", partial(serve, worker=worker), settings, worker)


if __name__ == "__main__":
    try:
        run(load(), worker_in(sys.argv[1:]))
    except Misconfigured as exc:
        sys.exit(str(exc))
