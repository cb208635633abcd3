"""`consent-relay console`, or `python -m console`: builds every object, then runs until told to stop."""

import asyncio
import sys

from config import process
from config.probes import stopping
from config.settings import Settings, load
from consent.errors import Misconfigured
from consent.ledger import Store
from console.server.process import Console
from receiver.codecs import CODECS


async def serve(settings: Settings) -> None:
    stop = stopping(asyncio.get_running_loop())
    where = settings.store
    async with Store.open(where.effective_url, partitions=where.partitions, durability=where.durability) as store:
        await Console(settings, store).serve(stop)


def run(settings: Settings) -> None:
    process.run("console", serve, settings)


if __name__ == "__main__":
    try:
        run(load(providers=CODECS))
    except Misconfigured as exc:
        sys.exit(str(exc))
