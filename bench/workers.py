"""How many webhooks a second do two workers take, against one?

    python -m bench.workers [--workers 2] [--requests 8000] [--rounds 5] [--connections 64]

`consent-relay receiver` alone and `consent-relay receiver --workers N`, both running, on one store, taking turns round
by round. Nothing is pinned to a core: receivers, store and load generator share all that the machine has, and what is
left for a second worker is what this measures. So the microseconds of CPU for each request stand below the rates, and
how busy all cores were: where they are all busy with one worker already, a second one can only wait for them.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import cpu, load, table
from bench.installation import keep_file, recorded, state_of, store, wait_ready
from bench.webhooks import WORKLOADS

_CORES = os.cpu_count() or 1
_PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Side:
    result: load.Result
    cpu: Mapping[str, float]
    """Seconds of each."""

    def micros(self, name: str) -> float:
        return self.cpu[name] / len(self.result.latencies_ms) * 1e6

    @property
    def busy(self) -> float:
        """Which share of all cores was used by what is measured here."""
        return sum(self.cpu.values()) / (self.result.seconds * _CORES)


@dataclass(frozen=True, slots=True)
class Round:
    one: Side
    many: Side


class Comparison:
    def __init__(self, options: argparse.Namespace, url: str, *, one: int, many: int) -> None:
        self._options = options
        self._url = url
        server = asyncio.run(state_of(url)).pid
        # Downwards: a POSTBACK's time is that many seconds before now, and the same one twice would be a duplicate.
        self._runs = itertools.count(40_000, -1)
        self._meter = cpu.Meter(one=one, many=many, store=server, load=os.getpid())

    def round(self, workload: str, connections: int) -> Round:
        first, second = (WORKLOADS[workload](self._options.requests, next(self._runs)) for _ in ("one", "many"))
        known = asyncio.run(recorded(self._url))
        sides = Round(
            self._side(self._options.port, first, connections, "one"),
            self._side(self._options.port + 3, second, connections, "many"),
        )
        kept = asyncio.run(recorded(self._url)) - known
        answered = [side.result.statuses for side in (sides.one, sides.many)]
        if answered != [{200: len(first)}, {200: len(second)}] or kept != len(first) + len(second):
            raise SystemExit(f"{workload}: sent 2 x {len(first)}, answered {answered}, recorded {kept}")
        return sides

    def _side(self, port: int, requests: list[bytes], connections: int, name: str) -> Side:
        self._meter.lap()
        result = load.run(port, requests, connections=connections)
        lap = self._meter.lap()
        return Side(result, {"receiver": lap[name], "store": lap["store"], "load": lap["load"]})


@contextmanager
def receiver(folder: Path, url: str, port: int, *, workers: int) -> Iterator[subprocess.Popen[bytes]]:
    config = folder / f"{port}.toml"
    config.write_text(
        f'[store]\nurl = "{url}"\n[receiver]\nport = {port}\ninternal_port = {port + 1}\n'
        '[log]\nlevel = "warning"\nformat = "json"\n'
    )
    start = "from console.cli import main; main()"
    command = [sys.executable, "-c", start, "--config", str(config), "receiver", "--workers", str(workers)]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_ready(port + 1)
        wait_complete(port + 1, workers)
        yield started
    finally:
        started.terminate()
        started.wait(_PATIENCE_S)


def wait_complete(port: int, workers: int) -> None:
    """A parent is ready with its first worker."""
    complete = f'consent_relay_workers{{state="ready"}} {float(workers)}'
    deadline = time.monotonic() + _PATIENCE_S
    while workers > 1:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as metrics:
            if complete in metrics.read().decode():
                return
        if time.monotonic() > deadline:
            raise SystemExit(f"{workers} workers did not become ready")
        time.sleep(0.1)


def main() -> None:
    options = arguments()
    print(f"{load.machine()}; durability fsync, log level warning; medians of {options.rounds}")
    print(f"{'workload':<10}{'conns':>6}{'one/s':>9}{f'{options.workers}/s':>9}{'ratio':>7}{'p99 ms':>8}{'p99 one':>9}")
    with (
        store() as (folder, url),
        receiver(folder, url, options.port, workers=1) as one,
        receiver(folder, url, options.port + 3, workers=options.workers) as many,
    ):
        asyncio.run(keep_file(url))
        unpin(asyncio.run(state_of(url)).pid)
        comparison = Comparison(options, url, one=one.pid, many=many.pid)
        print(
            f"memory: one {cpu.memory_mb(one.pid):.0f} MB, {options.workers} workers {cpu.memory_mb(many.pid):.0f} MB"
        )
        for workload in WORKLOADS:
            for connections in options.connections:
                compare(comparison, options, workload, connections)


def unpin(pid: int) -> None:
    """The store of bench.installation is on one core, threads and all."""
    for task in (Path("/proc") / str(pid) / "task").iterdir():
        os.sched_setaffinity(int(task.name), range(_CORES))


def compare(comparison: Comparison, options: argparse.Namespace, workload: str, connections: int) -> None:
    rounds = [comparison.round(workload, connections) for _ in range(options.rounds)]
    ratio = median(rounds, lambda r: r.many.result.rate / r.one.result.rate)
    rate = median(rounds, lambda r: r.many.result.rate)
    table.note(
        table.Row(
            bench="workers",
            what=f"{workload}, {connections} connections, {options.workers} workers",
            ratio=ratio,
            of="the rate of one worker",
            rate=rate,
            cpu=median(rounds, lambda r: r.many.micros("receiver")) / 1000,
            store_cpu=median(rounds, lambda r: r.many.micros("store")) / 1000,
        )
    )
    print(
        f"{workload:<10}{connections:>6}{median(rounds, lambda r: r.one.result.rate):>9.0f}{rate:>9.0f}{ratio:>7.2f}"
        f"{median(rounds, lambda r: r.many.result.percentile(0.99)):>8.1f}"
        f"{median(rounds, lambda r: r.one.result.percentile(0.99)):>9.1f}"
    )
    for name, sides in (("one", [r.one for r in rounds]), (str(options.workers), [r.many for r in rounds])):
        told = ", ".join(
            f"{part} {statistics.median(s.micros(part) for s in sides):.0f}" for part in ("receiver", "store", "load")
        )
        busy = statistics.median(s.busy for s in sides)
        print(f"          {name}: CPU µs each: {told}; {busy:.0%} of {_CORES} cores", flush=True)


def median(rounds: Iterable[Round], figure: Callable[[Round], float]) -> float:
    return statistics.median(map(figure, rounds))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--requests", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[64])
    parser.add_argument("--port", type=int, default=18760)
    return parser.parse_args()


if __name__ == "__main__":
    main()
