"""Does a healthy endpoint notice the bad ones beside it?

    python -m bench.isolation [--rounds 3] [--seconds 15] [--rate 100]

Opt-outs are recorded at an even pace, each of a number of its own. First one healthy endpoint is told of them, alone;
then beside one that hangs, one that takes a second, and one that answers 500, all of which are told of the same. What
is measured is the time from the record to the healthy endpoint, by one clock; the ratio of the two p99 is the answer,
the median of some rounds, for one stall of the machine makes a p99. The first second is left out: all connect then.
"""

import argparse
import asyncio
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

from bench import arrivals, load, table
from bench.changes import texted
from bench.installation import ENDPOINT_SECRET, OTHER_CORE, add_endpoint, dispatcher, process, store
from consent.ledger import Ledger, Registry, Store
from consent.model import Endpoint, EndpointId

WARM_UP_MS = 1000

_BAD = """\
import asyncio, sys
from aiohttp import web

async def hang(request):
    await asyncio.sleep(3600)

async def drag(request):
    await asyncio.sleep(1)
    return web.Response()

async def fail(request):
    return web.Response(status=500)

app = web.Application()
app.add_routes([web.post("/hang", hang), web.post("/drag", drag), web.post("/fail", fail)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, shutdown_timeout=0.1)
"""


def main() -> None:
    options = arguments()
    print(f"{load.machine()}; {options.rate} opt-outs/s for {options.seconds} s")
    ratio = statistics.median(ratio_of_a_round(options) for _ in range(options.rounds))
    print(f"median p99 ratio {ratio:.2f}")
    table.note(
        table.Row(
            bench="isolation",
            what="a healthy endpoint beside bad ones",
            ratio=ratio,
            of="its p99 alone",
            rate=options.rate,
        )
    )


def ratio_of_a_round(options: argparse.Namespace) -> float:
    alone, beside = measured(options, bad=False), measured(options, bad=True)
    ratio = beside[1] / alone[1]
    print(f"  alone          p50 {alone[0]:6.1f} ms   p99 {alone[1]:6.1f} ms")
    print(f"  beside bad     p50 {beside[0]:6.1f} ms   p99 {beside[1]:6.1f} ms   p99 ratio {ratio:.2f}", flush=True)
    return ratio


def measured(options: argparse.Namespace, *, bad: bool) -> tuple[float, float]:
    """p50 and p99, in ms, at the healthy endpoint."""
    port = options.port
    sink = [sys.executable, "-m", "bench.sink", str(port), ENDPOINT_SECRET]
    others = [sys.executable, "-c", _BAD, str(port + 4)]
    with store() as (folder, url), process(sink, core=OTHER_CORE), process(others, core=OTHER_CORE):
        asyncio.run(add_endpoint(url, f"http://127.0.0.1:{port}/hook", max_in_flight=16))
        if bad:
            asyncio.run(add_bad(url, f"http://127.0.0.1:{port + 4}"))
        with dispatcher(Path(folder), url, port + 1, log="error"):
            recorded = asyncio.run(paced(url, options.rate, options.seconds))
            arrivals.wait_for(port, len(recorded))
        report = arrivals.report(port)
    arrived = dict(zip(report["ids"], report["arrived"], strict=True))
    begun = min(recorded.values()) + WARM_UP_MS
    took = sorted(arrived[name] - at for name, at in recorded.items() if at >= begun)
    return took[len(took) // 2], took[len(took) * 99 // 100]


async def add_bad(url: str, target: str) -> None:
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        registry = Registry(opened)
        kept = (await registry.directory()).endpoints[EndpointId("acme/sink")]
        for name in ("hang", "drag", "fail"):
            bad: Endpoint = replace(kept, id=EndpointId(f"acme/{name}"), url=f"{target}/{name}")
            await registry.put(bad)


async def paced(url: str, rate: int, seconds: int) -> dict[str, float]:
    """When each event was recorded, in ms of the sink's clock."""
    recorded: dict[str, float] = {}
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        ledger = Ledger(opened)

        async def record(n: int) -> None:
            at = time.time() * 1000
            for name in getattr(await ledger.apply(texted(0, 2 * n)), "events", ()):
                recorded[name] = at

        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for n in range(rate * seconds):
                await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
                tasks.create_task(record(n))
    return recorded


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--port", type=int, default=18870)
    return parser.parse_args()


if __name__ == "__main__":
    main()
