"""What does the last page of a million opted-out numbers cost, against the first one, in the same run?

    python -m bench.optouts [--numbers 1000000] [--rounds 300] [--size 100]

The pages take turns. Once as the ledger reads them, once as a client gets them over HTTP, on one connection that stays.
The numbers are put into the store as `apply` would have left them; the first one really went through it. The receiver
has core 0; the client, the ledger's reader and the store share core 1.
"""

import argparse
import asyncio
import http.client
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator

from bench import load, table
from bench.changes import CAMPAIGN, apply_all, decided
from bench.installation import ACME, OTHER_CORE, relay, store
from consent.ledger import OptOuts, Registry, Store
from consent.ledger.keys import Keys, consent_field
from consent.model import Account, Msisdn, Status, UnixMs

SINCE = 1_764_000_000
QUERY = "/sc/us/alert/opt-in/query/json?api_key=bench-key&api_secret=bench-secret"
_CHUNK = 50_000


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {OTHER_CORE % (os.cpu_count() or 1)})
    pages = [0, max(options.numbers // options.size - 1, 1)]
    print(f"{load.machine()}; {options.numbers} numbers, pages of {options.size}; medians of {options.rounds}")
    with store() as (folder, url):
        asyncio.run(fill(url, options.numbers))
        columns = (*(f"page {page} ms" for page in pages), "p99", "p99", "ratio")
        print(f"{'':<8}" + "".join(f"{name:>14}" for name in columns), flush=True)
        tell("ledger", asyncio.run(read(url, pages, options)))
        with relay(folder, url, options.port, log="warning"):
            tell("HTTP", ask(pages, options))


async def fill(url: str, count: int) -> None:
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        await Registry(opened).put(Account(id=ACME, api_key="bench-key", api_secret="bench-secret"))
        state = await a_state(opened)
        began = time.monotonic()
        for first in range(1, count, _CHUNK):
            pipe = opened.redis.pipeline(transaction=False)
            for keys, members in by_partition(opened, range(first, min(first + _CHUNK, count))):
                pipe.zadd(keys.optout(ACME, CAMPAIGN), {number(n): SINCE + n // 10 for n in members})
                for bucket, fields in by_bucket(keys, members).items():
                    pipe.hset(bucket, mapping=dict.fromkeys(fields, state))
            await pipe.execute()
        print(f"filled in {time.monotonic() - began:.0f} s")


async def a_state(opened: Store) -> bytes:
    """Of a number that opted in and then out."""
    who = number(0)
    answers = ((SINCE - 9, Status.OPTED_IN), (SINCE - 8, Status.OPTED_OUT))
    await apply_all(opened, (decided(who, status, UnixMs(at * 1000)) for at, status in answers))
    return bytes(await opened.redis.hget(opened.keys_of(who).consent(ACME, who), consent_field(who, CAMPAIGN)))


def number(n: int) -> Msisdn:
    return Msisdn(f"1650{n:07}")


def by_partition(opened: Store, numbers: range) -> Iterator[tuple[Keys, list[int]]]:
    found: defaultdict[Keys, list[int]] = defaultdict(list)
    for n in numbers:
        found[opened.keys_of(number(n))].append(n)
    yield from found.items()


def by_bucket(keys: Keys, members: list[int]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for n in members:
        found[keys.consent(ACME, number(n))].append(consent_field(number(n), CAMPAIGN))
    return found


async def read(url: str, pages: list[int], options: argparse.Namespace) -> list[list[float]]:
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        optouts = OptOuts(opened)

        async def one(page: int) -> int:
            found = await optouts.page(ACME, (CAMPAIGN,), page=page, size=options.size)
            return len(found.rows) if found.total == options.numbers else -1

        return await timed(one, pages, options)


def ask(pages: list[int], options: argparse.Namespace) -> list[list[float]]:
    connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=10)

    async def one(page: int) -> int:
        connection.request("GET", f"{QUERY}&page={page}&page-size={options.size}")
        body = json.loads(connection.getresponse().read())
        return len(body["opt-in-list"]) if body["opt-in-count"] == str(options.numbers) else -1

    return asyncio.run(timed(one, pages, options))


async def timed(
    one: Callable[[int], Awaitable[int]], pages: list[int], options: argparse.Namespace
) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in pages]
    for _ in range(options.rounds + 10):
        for taken, page in zip(times, pages, strict=True):
            began = time.perf_counter()
            count = await one(page)
            taken.append((time.perf_counter() - began) * 1000)
            if count != options.size:
                raise SystemExit(f"page {page}: {count} numbers, {options.size} expected")
    return [taken[10:] for taken in times]


def tell(name: str, times: list[list[float]]) -> None:
    medians = [statistics.median(taken) for taken in times]
    worst = [sorted(taken)[int(len(taken) * 0.99)] for taken in times]
    ratio = medians[1] / medians[0]
    table.note(table.Row(bench="optouts", what=f"the last page, {name}", ratio=ratio, of="the time of the first page"))
    columns = (*(f"{ms:.2f}" for ms in (*medians, *worst)), f"{ratio:.2f}")
    print(f"{name:<8}" + "".join(f"{text:>14}" for text in columns), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--port", type=int, default=18740)
    return parser.parse_args()


if __name__ == "__main__":
    main()
