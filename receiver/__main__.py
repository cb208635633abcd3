"""`consent-relay receiver`, or `python -m receiver`: builds every object, then runs until told to stop."""

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
from receiver.app import Receiver
from receiver.codecs import CODECS


async def serve(settings: Settings, worker: Worker | None = None) -> None:
    stop = stopping(asyncio.get_running_loop())
    where = settings.store
    async with (
        Store.open(where.effective_url, partitions=where.partitions, durability=where.durability) as store,
        opened(settings.tracing, process="receiver") as traces,
    ):
        await Receiver(settings, store, traces, worker).serve(stop)


def run(settings: Settings, worker: Worker | None = None) -> None:
    process.run("receiver", partial(serve, worker=worker), settings, worker)


if __name__ == "__main__":
    try:
        run(load(providers=CODECS), worker_in(sys.argv[1:]))
    except Misconfigured as exc:
        sys.exit(str(exc))
