"""Does a dispatcher slow down when very much is owed: a million queued deliveries against a thousand, in the same run?

    python -m bench.drain [--queued 1000000] [--few 1000] [--measured 10000] [--rounds 5]

Two stores, one with few deliveries queued, one with many; the events are recorded and routed before any dispatcher
runs: opt-outs, each of a number of its own. In each round a dispatcher is started at the one and at the other.
Compared are the rates of the first `--few` arrivals, so both dispatchers are equally new, and the CPU time of
dispatcher and store for each delivery; the rate of the first `--measured` of many stands beside them. The ratio should
be 0.9 or more.

Bytes for each queued delivery are the growth of the store's `used_memory` (without its clients and what is on its way
to the file) while the events, recorded before, are routed: so the events themselves are not in it.
"""

import argparse
import asyncio
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import arrivals, cpu, load, table
from bench.changes import apply_all, texted
from bench.installation import (
    ENDPOINT_SECRET,
    OTHER_CORE,
    add_endpoint,
    dispatcher,
    keep_file,
    process,
    state_of,
    store,
)
from consent.ledger import Backlog, Queue, Registry, Store
from consent.model import EndpointId, Millis
from dispatcher.routing import route

ENDPOINT = EndpointId("acme/sink")
_NO_WAIT = Millis(1)


@dataclass(slots=True)
class Queued:
    """A store, and so many deliveries in it."""

    folder: Path
    url: str
    count: int
    recorded: int = 0

    async def fill_up(self) -> float:
        """Until there are so many again. Returns the bytes for each that was added."""
        async with Store.open(self.url, partitions=16, durability="fsync") as opened:
            missing = self.count - (await Backlog(opened).depth(ENDPOINT)).owed
            await apply_all(opened, (texted(0, 2 * n) for n in range(self.recorded, self.recorded + missing)))
            self.recorded += missing
            before = (await state_of(self.url)).memory
            await routed(opened)
            if (owed := (await Backlog(opened).depth(ENDPOINT)).owed) != self.count:
                raise SystemExit(f"{owed} are queued, {self.count} should be")
        return ((await state_of(self.url)).memory - before) / missing


@dataclass(frozen=True, slots=True)
class Drained:
    first: float
    """A second, over as many as the few are."""
    longer: float
    cpu: float
    """Seconds for 1,000, of the dispatcher; of the store, the next one."""
    store_cpu: float


async def routed(opened: Store) -> None:
    """All that is in the log, as a dispatcher would, but with nobody to deliver it."""
    queue, directory = Queue(opened), await Registry(opened).directory()
    endpoints = list(directory.endpoints.values())
    cursors = await queue.cursors()
    while stretches := await queue.unrouted(cursors, block=_NO_WAIT):
        for stretch in stretches:
            deliveries = [delivery for event in stretch.events for delivery in route(event, endpoints)]
            cursors[stretch.partition] = (await queue.fan_out(stretch, deliveries)).after


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {OTHER_CORE % (os.cpu_count() or 1)})
    sink = [sys.executable, "-m", "bench.sink", str(options.port), ENDPOINT_SECRET]
    print(f"{load.machine()}; fsync, {options.in_flight} in flight; {options.few} and {options.queued} queued")
    with ExitStack() as stack:
        stack.enter_context(process(sink, core=OTHER_CORE))
        few, many = (stack.enter_context(backlog(count, options)) for count in (options.few, options.queued))
        rounds, sizes = [], []
        for turn in range(options.rounds):
            sizes.append(asyncio.run(many.fill_up()))
            asyncio.run(few.fill_up())
            rounds.append(both(few, many, options, many_first=turn % 2 == 1))
            print("   ".join(map(line, ("few", "many"), rounds[-1])), flush=True)
    tell(rounds, sizes[0], options)


@contextmanager
def backlog(count: int, options: argparse.Namespace) -> Iterator[Queued]:
    with store() as (folder, url):
        asyncio.run(keep_file(url))
        asyncio.run(add_endpoint(url, f"http://127.0.0.1:{options.port}/hook", max_in_flight=options.in_flight))
        yield Queued(folder, url, count)


def both(few: Queued, many: Queued, options: argparse.Namespace, *, many_first: bool) -> tuple[Drained, Drained]:
    if many_first:
        of_many = drain(many, options.measured, options)
        return drain(few, options.few, options), of_many
    return drain(few, options.few, options), drain(many, options.measured, options)


def drain(queued: Queued, count: int, options: argparse.Namespace) -> Drained:
    arrivals.forget(options.port)
    its_store = asyncio.run(state_of(queued.url)).pid
    with dispatcher(queued.folder, queued.url, options.port + 1, log="warning") as relay:
        meter = cpu.Meter(relay=relay.pid, store=its_store)
        before = arrivals.counted(options.port)
        arrivals.wait_for(options.port, count)
        used, came = meter.lap(), arrivals.counted(options.port) - before
    report = arrivals.report(options.port)
    if len(set(report["ids"])) != len(report["ids"]):
        raise SystemExit(f"{len(report['ids']) - len(set(report['ids']))} came twice")
    arrived = sorted(report["arrived"])
    return Drained(
        arrivals.rate(arrived[: options.few]),
        arrivals.rate(arrived[:count]),
        *(used[name] / max(came, 1) * 1000 for name in ("relay", "store")),
    )


def line(name: str, one: Drained) -> str:
    longer = f", {one.longer:.0f}/s for longer" if name == "many" else ""
    return (
        f"  {name} {one.first:.0f}/s{longer}"
        f" (CPU each: {one.cpu * 1000:.0f} µs, {one.store_cpu * 1000:.0f} µs the store's)"
    )


def tell(rounds: list[tuple[Drained, Drained]], bytes_each: float, options: argparse.Namespace) -> None:
    ratio = statistics.median(many.first / few.first for few, many in rounds)
    longer = statistics.median(many.longer / few.first for few, many in rounds)
    in_cpu = statistics.median((few.cpu + few.store_cpu) / (many.cpu + many.store_cpu) for few, many in rounds)
    table.note(
        table.Row(
            bench="drain",
            what=f"{options.queued:,} queued deliveries",
            ratio=ratio,
            of=f"the rate with {options.few:,} queued; in CPU time {in_cpu:.2f}",
            rate=statistics.median(many.first for _, many in rounds),
            cpu=statistics.median(many.cpu for _, many in rounds),
            store_cpu=statistics.median(many.store_cpu for _, many in rounds),
            bytes_each=bytes_each,
        )
    )
    print(
        f"median ratio {ratio:.2f} (the first {options.few}), {longer:.2f} (the first {options.measured} of many), "
        f"{in_cpu:.2f} in CPU time; {bytes_each:.0f} bytes in the store for each queued delivery"
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queued", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--measured", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--port", type=int, default=18970)
    return parser.parse_args()


if __name__ == "__main__":
    main()
