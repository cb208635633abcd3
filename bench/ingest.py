"""How many webhooks a second, against a bare aiohttp handler on the same core in the same run?

    python -m bench.ingest [--requests 10000] [--rounds 5] [--durability fsync] [--log warning]

The bare handler logs nothing, so neither do we unless asked: `--log info` adds what a line for every webhook costs.
The two take turns, round by round, so that a ratio compares neighbours on a machine whose speed drifts. Every accepted
webhook is looked for in the log afterwards: a rate that lost one is no rate.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time

from bench import load
from bench.installation import OTHER_CORE, SERVER_CORE, process, recorded, relay, store, wait_ready
from bench.webhooks import WORKLOADS


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {OTHER_CORE % (os.cpu_count() or 1)})
    print(f"{load.machine()}; durability {options.durability}, log level {options.log}; medians of {options.rounds}")
    print(
        f"{'workload':<10}{'conns':>6}{'bare/s':>9}{'ours/s':>9}{'ratio':>7}{'p50 ms':>8}{'p99 ms':>8}{'bare p99':>9}"
    )
    bare = [sys.executable, "-m", "bench.bare", str(options.port)]
    with (
        store() as (folder, url),
        process(bare, core=SERVER_CORE),
        relay(folder, url, options.port + 1, durability=options.durability, log=options.log),
    ):
        wait_ready(options.port)
        for workload in WORKLOADS:
            for connections in options.connections:
                compare(options, url, workload, connections)


def compare(options: argparse.Namespace, url: str, workload: str, connections: int) -> None:
    rounds = []
    first = int(time.time()) % 50_000
    for run in range(first, first + options.rounds):
        requests = WORKLOADS[workload](options.requests, run)
        before = asyncio.run(recorded(url))
        bare = load.run(options.port, requests, connections=connections)
        ours = load.run(options.port + 1, requests, connections=connections)
        kept = asyncio.run(recorded(url)) - before
        if ours.statuses != {200: len(requests)} or kept != len(requests):
            raise SystemExit(f"{workload}: sent {len(requests)}, answered {ours.statuses}, recorded {kept}")
        rounds.append((bare, ours))
    print(
        f"{workload:<10}{connections:>6}"
        f"{statistics.median(bare.rate for bare, _ in rounds):>9.0f}"
        f"{statistics.median(ours.rate for _, ours in rounds):>9.0f}"
        f"{statistics.median(ours.rate / bare.rate for bare, ours in rounds):>7.2f}"
        f"{statistics.median(ours.percentile(0.5) for _, ours in rounds):>8.1f}"
        f"{statistics.median(ours.percentile(0.99) for _, ours in rounds):>8.1f}"
        f"{statistics.median(bare.percentile(0.99) for bare, _ in rounds):>9.1f}",
        flush=True,
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--durability", choices=["memory", "fsync"], default="fsync")
    parser.add_argument("--log", choices=["debug", "info", "warning"], default="warning")
    parser.add_argument("--port", type=int, default=18700)
    return parser.parse_args()


if __name__ == "__main__":
    main()
