"""`consent-relay receiver`, or `python -m receiver`: builds every object, then runs until told to stop."""

import asyncio
import sys

from config import process
from config.probes import stopping
from config.settings import Settings, load
from config.tracing import opened
from consent.errors import Misconfigured
from consent.ledger import Store
from receiver.app import Receiver
from receiver.codecs import CODECS


async def serve(settings: Settings) -> None:
    stop = stopping(asyncio.get_running_loop())
    where = settings.store
    async with (
        Store.open(where.effective_url, partitions=where.partitions, durability=where.durability) as store,
        opened(settings.tracing, process="receiver") as traces,
    ):
        await Receiver(settings, store, traces).serve(stop)


def run(settings: Settings) -> None:
    process.run(serve, settings)


if __name__ == "__main__":
    try:
        run(load(providers=CODECS))
    except Misconfigured as exc:
        sys.exit(str(exc))
