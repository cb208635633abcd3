"""What does "may I text this number?" cost, against a bare aiohttp handler that asks the store once, in the same run?

    python -m bench.check [--requests 10000] [--rounds 5] [--connections 16 64 256]

Both have core 0; the load and the store share core 1. The two take turns, round by round. `cost` is the time of one of
our answers by the time of one of the handler's: credentials, campaign, spelling of the number and the whole answer
included. Then ten thousand numbers a request, over one connection and over four: numbers a second.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import statistics
import sys
import time

from bench import load, table
from bench.changes import CAMPAIGN, apply_all, decided
from bench.installation import ACME, OTHER_CORE, SERVER_CORE, process, relay, store, wait_ready
from consent.ledger import Registry, Store
from consent.model import Account, Msisdn, Status, UnixMs

CREDENTIALS = base64.b64encode(b"bench-key:bench-secret").decode()
BULK = 10_000


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {OTHER_CORE % (os.cpu_count() or 1)})
    print(f"{load.machine()}; {options.numbers} numbers known; medians of {options.rounds}")
    with store() as (folder, url):
        asyncio.run(prepare(url, options.numbers))
        handler = [sys.executable, "-m", "bench.round_trip", str(options.port), url]
        with (
            process(handler, core=SERVER_CORE),
            relay(folder, url, options.port + 1, log=options.log),
        ):
            wait_ready(options.port)
            columns = (
                ("conns", 6),
                ("handler/s", 11),
                ("ours/s", 9),
                ("cost", 7),
                ("worst", 7),
                ("p99 ms", 8),
                ("its p99", 9),
            )
            print(f"{'single':<10}" + "".join(f"{name:>{width}}" for name, width in columns))
            for connections in options.connections:
                compare(options, connections)
            print(f"{'bulk':<10}{'conns':>6}{'numbers/s':>11}{'ms each':>9}")
            for connections in (1, 4):
                bulk(options, connections)


def compare(options: argparse.Namespace, connections: int) -> None:
    rounds = []
    for run in range(options.rounds):
        requests = singles(options.requests, options.numbers, seed=run)
        bare = load.run(options.port, requests, connections=connections)
        ours = load.run(options.port + 1, requests, connections=connections)
        if ours.statuses != {200: len(requests)} or bare.statuses != ours.statuses:
            raise SystemExit(f"sent {len(requests)}, answered {ours.statuses} and {bare.statuses}")
        rounds.append((bare, ours))
    costs = [bare.rate / ours.rate for bare, ours in rounds]
    rate = statistics.median(ours.rate for _, ours in rounds)
    table.note(
        table.Row(
            bench="check",
            what=f"single, {connections} connections",
            ratio=statistics.median(costs),
            of="the time of aiohttp + redis-py, one HGET",
            rate=rate,
        )
    )
    print(
        f"{'':<10}{connections:>6}"
        f"{statistics.median(bare.rate for bare, _ in rounds):>11.0f}"
        f"{rate:>9.0f}"
        f"{statistics.median(costs):>7.2f}{max(costs):>7.2f}"
        f"{statistics.median(ours.percentile(0.99) for _, ours in rounds):>8.1f}"
        f"{statistics.median(bare.percentile(0.99) for bare, _ in rounds):>9.1f}",
        flush=True,
    )


def bulk(options: argparse.Namespace, connections: int) -> None:
    rates = []
    for run in range(options.rounds):
        requests = bulks(4 * connections, options.numbers, seed=run)
        result = load.run(options.port + 1, requests, connections=connections)
        if result.statuses != {200: len(requests)}:
            raise SystemExit(f"sent {len(requests)}, answered {result.statuses}")
        rates.append(result.rate * BULK)
    median = statistics.median(rates)
    print(f"{'':<10}{connections:>6}{median:>11.0f}{connections * BULK / median * 1000:>9.0f}", flush=True)


def singles(count: int, known: int, *, seed: int) -> list[bytes]:
    """Every tenth number was never seen."""
    chosen = random.Random(seed)
    return [
        f"GET /v1/consent/{CAMPAIGN}/{number(chosen.randrange(known * 10 // 9))} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Basic {CREDENTIALS}\r\nAccept: */*\r\n\r\n".encode()
        for _ in range(count)
    ]


def bulks(count: int, known: int, *, seed: int) -> list[bytes]:
    chosen = random.Random(seed)
    requests = []
    for _ in range(count):
        numbers = [f"+{number(n)}" for n in chosen.sample(range(known * 10 // 9), BULK)]
        body = json.dumps({"campaign": CAMPAIGN, "msisdns": numbers}).encode()
        head = (
            f"POST /v1/consent/check HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {CREDENTIALS}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    return requests


def number(n: int) -> Msisdn:
    return Msisdn(f"1650{n:07}")


async def prepare(url: str, known: int) -> None:
    """The account may call, and its numbers have decided, a third of them against it."""
    async with Store.open(url, partitions=16, durability="memory") as opened:
        await Registry(opened).put(Account(id=ACME, api_key="bench-key", api_secret="bench-secret"))
        now = UnixMs(time.time_ns() // 1_000_000)
        answers = (Status.OPTED_OUT, Status.OPTED_IN, Status.OPTED_IN)
        await apply_all(opened, (decided(number(n), answers[n % 3], now) for n in range(known)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--numbers", type=int, default=100_000, help="how many have decided; bulk needs 10,000")
    parser.add_argument("--connections", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--log", choices=["debug", "info", "warning"], default="info")
    parser.add_argument("--port", type=int, default=18720)
    return parser.parse_args()


if __name__ == "__main__":
    main()
