"""How many deliveries a second, against a bare aiohttp client loop on the same core, to the same sink, in the same run?

    python -m bench.dispatch [--deliveries 10000] [--rounds 3] [--in-flight 64] [--endpoints 1] [--tls]

A delivery is routed, claimed, signed, posted and durably settled, in order per number; the bare loop posts. The events
are in the log before the dispatcher starts. Every id is looked for at the sink afterwards, every signature verified.
With several endpoints each of them is told of every event, at the same sink.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench import arrivals, cpu, load, table
from bench.changes import apply_all, texted
from bench.clients import certified
from bench.installation import (
    ENDPOINT_SECRET,
    OTHER_CORE,
    SERVER_CORE,
    add_endpoint,
    dispatcher,
    process,
    state_of,
    store,
)
from consent.ledger import Store


@dataclass(frozen=True, slots=True)
class Round:
    bare: float
    rate: float
    cpu: float
    """Seconds for 1,000, as the next one."""
    store_cpu: float
    memory_mb: float


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {OTHER_CORE % (os.cpu_count() or 1)})
    sink = [sys.executable, "-m", "bench.sink", str(options.port), ENDPOINT_SECRET]
    with store() as (folder, url):
        if options.tls:
            os.environ["SSL_CERT_FILE"] = str(certified(folder))  # trusted by whoever is started from now on
            sink += [str(options.port + 9), str(folder / "server.pem")]
        with process(sink, core=OTHER_CORE):
            target = target_of(options)
            for n in range(options.endpoints):
                asyncio.run(add_endpoint(url, target, max_in_flight=options.in_flight, name=f"sink{n}"))
            way = "TLS" if options.tls else "plain HTTP"
            print(
                f"{load.machine()}; fsync, log level {options.log}, {options.in_flight} in flight by {way}, "
                f"endpoints: {options.endpoints}"
            )
            rounds = [measured(options, folder, url, run, target=target) for run in range(options.rounds)]
    row = table.Row(
        bench="dispatch",
        what=f"{options.in_flight} in flight by {way}, endpoints: {options.endpoints}",
        ratio=statistics.median(one.rate / one.bare for one in rounds),
        of="the rate of a loop of aiohttp's client that only posts",
        rate=statistics.median(one.rate for one in rounds),
        cpu=statistics.median(one.cpu for one in rounds),
        store_cpu=statistics.median(one.store_cpu for one in rounds),
        memory_mb=max(one.memory_mb for one in rounds),
    )
    table.note(row)
    print(f"median ratio {row.ratio:.2f}")


def target_of(options: argparse.Namespace) -> str:
    scheme, port = ("https", options.port + 9) if options.tls else ("http", options.port)
    return f"{scheme}://127.0.0.1:{port}/hook"


def measured(options: argparse.Namespace, folder: Path, url: str, run: int, *, target: str) -> Round:
    bare = bare_rate(options, target)
    arrivals.forget(options.port)
    asyncio.run(fill(url, options.deliveries // options.endpoints, run))
    its_store = asyncio.run(state_of(url)).pid
    with dispatcher(folder, url, options.port + 1, log=options.log) as relay:
        meter = cpu.Meter(relay=relay.pid, store=its_store)
        # It began before we knew that it was ready; and what it needed to start is no part of a delivery.
        count = options.deliveries - arrivals.counted(options.port)
        rate = drained(options)
        used = {name: seconds / count * 1000 for name, seconds in meter.lap().items()}
        one = Round(bare, rate, used["relay"], used["store"], cpu.memory_mb(relay.pid))
    print(
        f"  bare {one.bare:7.0f}/s   ours {one.rate:7.0f}/s   ratio {one.rate / one.bare:.2f}"
        f"   CPU each: {one.cpu * 1000:.0f} µs ours, {one.store_cpu * 1000:.0f} µs the store's",
        flush=True,
    )
    return one


def bare_rate(options: argparse.Namespace, target: str) -> float:
    command = [sys.executable, "-m", "bench.bare_client", target, str(options.deliveries), str(options.in_flight)]
    with_core = ["taskset", "-c", str(SERVER_CORE), *command]
    return float(subprocess.run(with_core, check=True, capture_output=True).stdout)


async def fill(url: str, count: int, run: int) -> None:
    """So many opt-outs and opt-ins, each of a number of its own."""
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        await apply_all(opened, (texted(run, n) for n in range(count)))


def drained(options: argparse.Namespace) -> float:
    """Deliveries a second between the first and the last arrival."""
    arrivals.wait_for(options.port, options.deliveries)
    report = arrivals.report(options.port)
    told = Counter(report["ids"])  # an id is the event's, and every endpoint's
    if len(told) * options.endpoints != options.deliveries or set(told.values()) != {options.endpoints}:
        raise SystemExit(f"{len(report['ids'])} of {options.deliveries} are at the sink")
    return arrivals.rate(report["arrived"])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--endpoints", type=int, default=1, help="a divisor of the deliveries")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--log", choices=["debug", "info", "warning"], default="warning")
    parser.add_argument("--port", type=int, default=18770)
    return parser.parse_args()


if __name__ == "__main__":
    main()
