"""How many webhooks a second, against a bare aiohttp handler on the same core in the same run?

    python -m bench.ingest [--requests 10000] [--rounds 5] [--durability fsync] [--log warning] [--rate 3000]

The bare handler logs nothing, so neither do we unless asked: `--log info` adds what a line for every webhook costs.
The two take turns, round by round, so that a ratio compares neighbours on a machine whose speed drifts. Every accepted
webhook is looked for in the log afterwards: a rate that lost one is no rate.

Below the rates of each workload stands where the time went: microseconds of CPU for each request, of the handler, the
receiver, the store and the load generator. Where others use the machine too, that tells more than the clock does.

With a rate both get so many a second, and what is compared is how long an answer takes.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bench import cpu, load, table
from bench.installation import (
    OTHER_CORE,
    SERVER_CORE,
    StoreState,
    keep_file,
    process,
    recorded,
    relay,
    state_of,
    store,
    wait_ready,
)
from bench.webhooks import WORKLOADS


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two, in one round."""

    result: load.Result
    cpu: Mapping[str, float]
    """Seconds of each process."""

    def micros(self, *names: str) -> float:
        return sum(self.cpu[name] for name in names) / len(self.result.latencies_ms) * 1e6


@dataclass(frozen=True, slots=True)
class Round:
    bare: Side
    ours: Side
    bytes_each: float


class Comparison:
    """The bare handler on one port, ours on the next, and a store behind it."""

    def __init__(self, options: argparse.Namespace, url: str, *, bare: int, receiver: int) -> None:
        self._options = options
        self._url = url
        self._runs = itertools.count(1)
        self.receiver = receiver
        self._meter = cpu.Meter(bare=bare, receiver=receiver, store=self._state().pid, load=os.getpid())

    def round(self, workload: str, connections: int) -> Round:
        requests = WORKLOADS[workload](self._options.requests, next(self._runs))
        known, before = asyncio.run(recorded(self._url)), self._state()
        bare = self._side(self._options.port, requests, connections)
        ours = self._side(self._options.port + 1, requests, connections)
        kept, after = asyncio.run(recorded(self._url)) - known, self._state()
        if ours.result.statuses != {200: len(requests)} or kept != len(requests):
            raise SystemExit(f"{workload}: sent {len(requests)}, answered {ours.result.statuses}, recorded {kept}")
        return Round(bare, ours, (after.written - before.written) / len(requests))

    def _side(self, port: int, requests: list[bytes], connections: int) -> Side:
        self._meter.lap()
        result = load.run(port, requests, connections=connections, rate=self._options.rate)
        return Side(result, self._meter.lap())

    def _state(self) -> StoreState:
        return asyncio.run(state_of(self._url))


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
        process(bare, core=SERVER_CORE) as handler,
        relay(folder, url, options.port + 1, durability=options.durability, log=options.log) as receiver,
    ):
        wait_ready(options.port)
        asyncio.run(keep_file(url))
        comparison = Comparison(options, url, bare=handler.pid, receiver=receiver.pid)
        for workload in WORKLOADS:
            for connections in options.connections:
                compare(comparison, options, workload, connections)


def compare(comparison: Comparison, options: argparse.Namespace, workload: str, connections: int) -> None:
    rounds = [comparison.round(workload, connections) for _ in range(options.rounds)]
    row = table.Row(
        bench="ingest",
        what=f"{workload}, {connections} connections, {options.durability}",
        ratio=median(rounds, slower if options.rate else lambda one: one.ours.result.rate / one.bare.result.rate),
        of="the p99 of bare aiohttp at the same rate" if options.rate else "the rate of bare aiohttp",
        rate=median(rounds, lambda one: one.ours.result.rate),
        cpu=median(rounds, lambda one: one.ours.micros("receiver")) / 1000,
        store_cpu=median(rounds, lambda one: one.ours.micros("store")) / 1000,
        memory_mb=cpu.memory_mb(comparison.receiver),
        bytes_each=median(rounds, lambda one: one.bytes_each),
    )
    table.note(row)
    print(
        f"{workload:<10}{connections:>6}"
        f"{median(rounds, lambda one: one.bare.result.rate):>9.0f}{row.rate:>9.0f}{row.ratio:>7.2f}"
        f"{median(rounds, lambda one: one.ours.result.percentile(0.5)):>8.1f}"
        f"{median(rounds, lambda one: one.ours.result.percentile(0.99)):>8.1f}"
        f"{median(rounds, lambda one: one.bare.result.percentile(0.99)):>9.1f}"
    )
    used = {
        "handler": median(rounds, lambda one: one.bare.micros("bare")),
        "its load": median(rounds, lambda one: one.bare.micros("load")),
        "receiver": median(rounds, lambda one: one.ours.micros("receiver")),
        "store": median(rounds, lambda one: one.ours.micros("store")),
        "our load": median(rounds, lambda one: one.ours.micros("load")),
    }
    of_handler = median(rounds, lambda one: one.bare.micros("bare") / one.ours.micros("receiver"))
    told = ", ".join(f"{name} {micros:.0f}" for name, micros in used.items())
    print(
        f"          CPU µs each: {told}; handler by receiver {of_handler:.2f}"
        f"; {row.memory_mb:.0f} MB, {row.bytes_each:.0f} bytes in the file",
        flush=True,
    )


def slower(one: Round) -> float:
    return one.ours.result.percentile(0.99) / one.bare.result.percentile(0.99)


def median(rounds: Iterable[Round], figure: Callable[[Round], float]) -> float:
    return statistics.median(map(figure, rounds))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--durability", choices=["memory", "fsync"], default="fsync")
    parser.add_argument("--log", choices=["debug", "info", "warning"], default="warning")
    parser.add_argument("--rate", type=float, help="webhooks a second; otherwise as fast as they are answered")
    parser.add_argument("--port", type=int, default=18700)
    return parser.parse_args()


if __name__ == "__main__":
    main()
