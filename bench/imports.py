"""How many numbers a second does an import take, against a redis-py pipeline that writes the same and judges nothing?

    python -m bench.imports [--numbers 1000000] [--bare 200000]

Both write into a server of their own that fsyncs. Nobody is pinned to a core: the server's child that rewrites its file
runs where there is room, as it would. Ours is the real command: it reads the file, and every number is looked for
afterwards. Then the same file once more, which must change nothing; and once into an empty server, killed half-way and
started again, which must come to exactly the same.
"""

import argparse
import asyncio
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis

from bench import load, table
from bench.changes import CAMPAIGN
from bench.installation import ACME, recorded, store
from consent.ledger import Bulk, Store
from consent.ledger.keys import BOOKMARKS, Keys, consent_field, partition_of
from consent.model import Msisdn, Partition

PARTITIONS = 16
DATE_S = 1_704_164_645
STATE = bytes(24)
EVENT = (
    "consent.opted_out\x1f1116\x1fopted_out\x1funknown\x1fc\x1f1\x1f{}\x1facme\x1fi\x1f\x1f1704164645000\x1f1764000000000"
    "\x1fimport\x1fimport\x1fMANAGER\x1f\x1ffile:numbers.csv\x1f"
)


@dataclass
class Cost:
    seconds: float = 0.0
    client: float = 0.0
    """CPU seconds, as the next one."""
    server: float = 0.0

    def told(self, what: str, numbers: int) -> str:
        each = 1_000_000 / numbers
        return (
            f"{what:<10}{numbers:>10,}{numbers / self.seconds:>11,.0f}/s{self.seconds:>8.1f} s"
            f"{self.client * each:>9.1f} µs{self.server * each:>9.1f} µs"
        )


def main() -> None:
    options = arguments()
    print(f"{load.machine()}; fsync; CPU time for each number")
    print(f"{'':<10}{'numbers':>10}{'rate':>13}{'time':>10}{'client':>12}{'server':>12}")
    with tempfile.TemporaryDirectory(prefix="cr-list-") as name:
        file = Path(name) / "numbers.csv"
        file.write_text("msisdn,date\n" + "".join(map(line_of, range(options.numbers), msisdns(options.numbers))))
        bare = written_bare(options.bare)
        ours = imported(file, options.numbers)
        ratio = options.numbers / ours.seconds / (options.bare / bare.seconds)
        print(f"ratio to the bare pipeline: {ratio:.2f}")
        table.note(
            table.Row(
                bench="imports",
                what="a list of numbers",
                ratio=ratio,
                of="the rate of a redis-py pipeline that judges nothing",
                rate=options.numbers / ours.seconds,
                cpu=ours.client / options.numbers * 1000,
                store_cpu=ours.server / options.numbers * 1000,
            )
        )
        killed_and_resumed(file, options.numbers)


def written_bare(count: int) -> Cost:
    """One after another and in pipelines of a thousand, as one would write it."""
    keys = [Keys(Partition(partition)) for partition in range(PARTITIONS)]
    with store(core=None) as (_, url), Redis.from_url(url) as redis:
        with measured(redis) as cost:
            pipe = redis.pipeline(transaction=False)
            for number, msisdn in enumerate(msisdns(count), 1):
                own = keys[partition_of(msisdn, PARTITIONS)]
                pipe.hset(own.consent(ACME, msisdn), consent_field(msisdn, CAMPAIGN), STATE)
                pipe.zadd(own.optout(ACME, CAMPAIGN), {msisdn: DATE_S})
                pipe.xadd(own.log, {"event": EVENT.format(msisdn)})
                if number % 1000 == 0:
                    pipe.execute()
            pipe.execute()
        print(cost.told("bare", count), flush=True)
    return cost


def imported(file: Path, count: int) -> Cost:
    with store(core=None) as (folder, url), Redis.from_url(url) as redis:
        with measured(redis) as cost:
            first = finished(import_of(file, folder, url))
        print(cost.told("import", count), flush=True)
        with measured(redis) as again:
            second = finished(import_of(file, folder, url))
        print(again.told("again", count), flush=True)
        slowest = redis.info("commandstats")["cmdstat_fcall"]
        print(f"one call of the store: {slowest['usec_per_call'] / 1000:.1f} ms on average")
        ensure(first["changed"] == count and second["unchanged"] == count, f"imported {first}, again {second}")
        ensure_exact(url, count)
    return cost


def killed_and_resumed(file: Path, count: int) -> None:
    with store(core=None) as (folder, url), Redis.from_url(url) as redis:
        running = import_of(file, folder, url)
        while running.poll() is None and half_of(redis) < count / 2:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        summary = finished(import_of(file, folder, url))
        ensure_exact(url, count)
        print(
            f"killed half-way: went on at line {summary['resumed_at_line'] or 1:,}, {summary['seconds']:.1f} s more; "
            f"every number there once, with one event"
        )


def half_of(redis: Redis) -> int:
    marks = redis.hvals(BOOKMARKS)
    return int(json.loads(marks[0])["line"]) if marks else 0


def import_of(file: Path, folder: Path, url: str, *, status: str = "opted_out") -> "subprocess.Popen[bytes]":
    config = folder / "bench.toml"
    config.write_text(f'[store]\nurl = "{url}"\n')
    words = ["consent", "import", str(file), "--campaign", CAMPAIGN, "--status", status, "--json"]
    program = "from console.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *words, "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finished(running: "subprocess.Popen[bytes]") -> dict[str, Any]:
    told, said = running.communicate()
    ensure(running.returncode == 0, f"the import ended with {running.returncode}: {said.decode()[-2000:]}")
    summary: dict[str, Any] = json.loads(told)
    return summary


def ensure_exact(url: str, count: int) -> None:
    states, events = asyncio.run(kept(url)), asyncio.run(recorded(url))
    ensure(states == events == count, f"{count} numbers, {states} states, {events} events")


async def kept(url: str) -> int:
    async with Store.open(url, partitions=PARTITIONS, durability="fsync") as opened:
        return sum([len(page) async for page in Bulk(opened).listed([ACME])])


def ensure(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(otherwise)


@contextmanager
def measured(redis: Redis) -> Iterator[Cost]:
    cost = Cost()
    server, client, began = server_cpu(redis), client_cpu(), time.perf_counter()
    yield cost
    cost.seconds = time.perf_counter() - began
    cost.server, cost.client = server_cpu(redis) - server, client_cpu() - client


def server_cpu(redis: Redis) -> float:
    info = redis.info("cpu")
    return float(info["used_cpu_user"] + info["used_cpu_sys"])


def client_cpu() -> float:
    """Ours, and that of the imports that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def line_of(number: int, msisdn: Msisdn) -> str:
    """No two lines bear one date."""
    return f"{msisdn},{datetime.fromtimestamp(DATE_S + number * 7, UTC):%Y-%m-%d %H:%M:%S}\n"


def msisdns(count: int) -> Iterator[Msisdn]:
    """In no order, as lists are."""
    return (Msisdn(f"1555{number * 7_654_321 % 10_000_019:08}") for number in range(1, count + 1))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, default=1_000_000)
    parser.add_argument("--bare", type=int, default=200_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
