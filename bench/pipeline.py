"""Webhook in, signed POST out: how fast, how late, and is every single one there?

    python -m bench.pipeline [--webhooks 10000] [--seconds 10]

First a burst, for the rate; then half of that rate, for the latency from webhook received to notification at the sink.
Receiver and dispatcher share one core; the load, the store and the sink the other. The sink verifies every signature.
"""

import argparse
import asyncio
import os
import sys
import time
from typing import Any

from bench import arrivals, load, table
from bench.installation import ENDPOINT_SECRET, OTHER_CORE, add_endpoint, process, relay, store
from bench.webhooks import nexmo_posts


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {OTHER_CORE % (os.cpu_count() or 1)})
    sink = [sys.executable, "-m", "bench.sink", str(options.port), ENDPOINT_SECRET]
    with store() as (folder, url), process(sink, core=OTHER_CORE):
        asyncio.run(add_endpoint(url, f"http://127.0.0.1:{options.port}/hook", max_in_flight=64))
        with relay(folder, url, options.port + 1, log=options.log, with_dispatcher=True):
            print(f"{load.machine()}; fsync, log level {options.log}, 64 deliveries in flight")
            rate = burst(options)
            steady(options, rate / 2)


def burst(options: argparse.Namespace) -> float:
    began = time.perf_counter()
    posted = load.run(options.port + 1, nexmo_posts(options.webhooks, 1), connections=64)
    arrivals.wait_for(options.port, options.webhooks)
    rate = float(options.webhooks / (time.perf_counter() - began))
    verify(arrivals.report(options.port), posted, options.webhooks)
    print(f"burst   {options.webhooks} webhooks: taken at {posted.rate:.0f}/s, delivered at {rate:.0f}/s")
    return rate


def steady(options: argparse.Namespace, rate: float) -> None:
    arrivals.forget(options.port)
    count = int(rate * options.seconds)
    posted = load.run(options.port + 1, nexmo_posts(count, 2), connections=64, rate=rate)
    arrivals.wait_for(options.port, count)
    report = arrivals.report(options.port)
    verify(report, posted, count)
    took = sorted(report["took"])
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(f"steady  {count} webhooks at {rate:.0f}/s: p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {took[-1]:.0f} ms")
    table.note(
        table.Row(
            bench="pipeline",
            what=f"webhook in, notification out: p50 {p50:.0f} ms, p99 {p99:.0f} ms",
            of="at half of the rate of a burst",
            rate=rate,
        )
    )


def verify(report: dict[str, Any], posted: load.Result, count: int) -> None:
    ids = report["ids"]
    if posted.statuses != {200: count} or len(set(ids)) != count:
        raise SystemExit(f"sent {count}, answered {posted.statuses}, {len(set(ids))} of them at the sink")
    print(f"        every one of {count} is there, signature verified; {len(ids) - count} came twice")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--webhooks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--log", choices=["debug", "info", "warning"], default="info")
    parser.add_argument("--port", type=int, default=18750)
    return parser.parse_args()


if __name__ == "__main__":
    main()
