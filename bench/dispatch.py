"""How many deliveries a second, against a bare aiohttp client loop on the same core, to the same sink, in the same run?

    python -m bench.dispatch [--deliveries 10000] [--rounds 3] [--in-flight 64]

A delivery is routed, claimed, signed, posted and durably settled, in order per number; the bare loop posts. The events
are in the log before the dispatcher starts. Every id is looked for at the sink afterwards, every signature verified.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from itertools import islice
from pathlib import Path

from bench import load
from bench.installation import (
    ACME,
    ENDPOINT_SECRET,
    OTHER_CORE,
    SERVER_CORE,
    add_endpoint,
    dispatcher,
    process,
    store,
    store_cpu_seconds,
)
from consent.ledger import Ledger, Store
from consent.model import Actor, CampaignId, Change, EventType, Msisdn, Origin, SourceId, Status, UnixMs, Via

_AT_ONCE = 512


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {OTHER_CORE % (os.cpu_count() or 1)})
    sink = [sys.executable, "-m", "bench.sink", str(options.port), ENDPOINT_SECRET]
    target = f"http://127.0.0.1:{options.port}/hook"
    with store() as (folder, url), process(sink, core=OTHER_CORE):
        asyncio.run(add_endpoint(url, target, max_in_flight=options.in_flight))
        print(f"{load.machine()}; fsync, log level {options.log}, {options.in_flight} in flight")
        rounds = []
        for run in range(options.rounds):
            bare = bare_rate(options, target)
            forget(options.port)
            asyncio.run(fill(url, options.deliveries, run))
            spent = asyncio.run(store_cpu_seconds(url))
            with dispatcher(folder, url, options.port + 1, log=options.log) as relay:
                ours, cpu = drained(options, relay.pid, cpu_seconds(relay.pid))
            store_cpu = (asyncio.run(store_cpu_seconds(url)) - spent) / options.deliveries * 1e6
            rounds.append((bare, ours))
            print(
                f"  bare {bare:7.0f}/s   ours {ours:7.0f}/s   ratio {ours / bare:.2f}"
                f"   CPU each: {cpu:.0f} µs ours, {store_cpu:.0f} µs the store's"
            )
    ratio = statistics.median(ours / bare for bare, ours in rounds)
    print(f"median ratio {ratio:.2f}")


def bare_rate(options: argparse.Namespace, target: str) -> float:
    command = [sys.executable, "-m", "bench.bare_client", target, str(options.deliveries), str(options.in_flight)]
    with_core = ["taskset", "-c", str(SERVER_CORE), *command]
    return float(subprocess.run(with_core, check=True, capture_output=True).stdout)


async def fill(url: str, count: int, run: int) -> None:
    """So many opt-outs and opt-ins, each of a number of its own."""
    numbers = iter(range(count))
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        ledger = Ledger(opened)
        while batch := list(islice(numbers, _AT_ONCE)):
            await asyncio.gather(*(ledger.apply(change(run, n)) for n in batch))


def change(run: int, n: int) -> Change:
    now = UnixMs(time.time_ns() // 1_000_000)
    is_stop = n % 2 == 0
    return Change(
        account=ACME,
        msisdn=Msisdn(f"1{run % 9 + 2}{n:09}"),
        type=EventType.OPTED_OUT if is_stop else EventType.OPTED_IN,
        campaigns=(CampaignId("1116"),),
        origin=Origin(actor=Actor.RECIPIENT, via=Via.MO, source=SourceId("nexmo"), provider="nexmo", keyword="STOP"),
        occurred_at=now,
        decides_at=now,
        received_at=now,
        identities=(f"bench-{run}-{n}",),
        status=Status.OPTED_OUT if is_stop else Status.OPTED_IN,
    )


def drained(options: argparse.Namespace, pid: int, spent: float) -> tuple[float, float]:
    """Deliveries a second between the first and the last arrival, and microseconds of the dispatcher's core each."""
    deadline = time.monotonic() + 120
    while int(ask(options.port, "/count")) < options.deliveries:
        if time.monotonic() > deadline:
            raise SystemExit("not all of them arrived within two minutes")
        time.sleep(0.05)
    cpu = cpu_seconds(pid) - spent
    report = json.loads(ask(options.port, "/report"))
    if len(set(report["ids"])) != options.deliveries:
        raise SystemExit(f"{len(set(report['ids']))} of {options.deliveries} are at the sink")
    seconds = (max(report["arrived"]) - min(report["arrived"])) / 1000
    return options.deliveries / seconds, cpu / options.deliveries * 1e6


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return bytes(answer.read())


def forget(port: int) -> None:
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/report", method="DELETE")).read()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--log", choices=["debug", "info", "warning"], default="warning")
    parser.add_argument("--port", type=int, default=18770)
    return parser.parse_args()


if __name__ == "__main__":
    main()
