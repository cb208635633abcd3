"""How many bytes of the store does a known number take, an event, a delivery that waits?

    python -m bench.memory [--numbers 200000] [--deliveries 50000]

Everything is written the way the processes write it: numbers by the import, webhooks read by the codec, judged, and
applied, deliveries routed and fanned out, attempts claimed and settled; into a server of the bench's own that fsyncs.
A figure is what `used_memory` fell by when just that was removed, or rose by when it came. Then the table of
docs/capacity.md, which is computed from the figures (bench/memory_table.py) and not measured.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode

from bench import load
from bench.installation import ACME, store
from bench.memory_table import Bytes, told
from consent.directory import Directory
from consent.errors import StoreUnavailable
from consent.ledger import Bulk, Entry, Kind, Ledger, Queue, Registry, Store
from consent.model import (
    AttemptRecord,
    CampaignId,
    Change,
    Endpoint,
    EndpointId,
    Millis,
    Msisdn,
    SourceId,
    Status,
    UnixMs,
)
from consent.rules import rules
from dispatcher.routing import route
from receiver.codecs import nexmo
from receiver.inbound import Inbound
from receiver.judge import judge

T = TypeVar("T")

CAMPAIGN = CampaignId("1116")
SINK = EndpointId("acme/sink")
BUCKETS = 1024
A_DAY_MS = 86_400_000
SENTENCE = "Hi, could you tell me whether the shop in Main Street is open on Sunday afternoon? Thanks a lot, Ann."
"""What a `message.received` carries: 101 characters."""
_PAGE = 5_000
_UNDER_WAY = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    memory: int
    rss: int
    file: int


async def used(opened: Store) -> Used:
    info = await opened.redis.info()
    return Used(memory=int(info["used_memory"]), rss=int(info["used_memory_rss"]), file=int(info["aof_current_size"]))


def on_a_fresh_server(work: Callable[[Store], Awaitable[T]], *, partitions: int = 16) -> T:
    """One that has loaded the functions, and on which nothing else happens."""

    async def opened() -> T:
        async with Store.open(url, partitions=partitions, durability="fsync") as opened:
            await opened.redis.config_set("auto-aof-rewrite-percentage", 0)
            await enlist(opened, 1, Status.OPTED_OUT)
            return await work(opened)

    with store() as (_, url):
        return asyncio.run(opened())


async def of_numbers(opened: Store, count: int, status: Status, *, crowded: bool = False) -> tuple[float, float]:
    """A known number, without its event: `count` of them in the 1024 buckets of one partition. And what the
    process holds of the machine's memory beyond what is in use."""
    if crowded:
        await opened.redis.config_set("hash-max-listpack-entries", 1)
    before = await used(opened)
    await enlist(opened, count, status)
    full = await used(opened)
    await forget_events(opened)
    return ((await used(opened)).memory - before.memory) / count, full.rss - full.memory


async def of_webhooks(opened: Store, count: int, text: str, *, crowded: bool = False) -> tuple[float, float, float]:
    """The event of a webhook in the log, the trace that de-duplication keeps, and the bytes it adds to the file."""
    if crowded:
        await opened.redis.config_set("hash-max-listpack-entries", 1)
    await enlist(opened, count, Status.OPTED_OUT)
    await forget_events(opened)
    changes = await changes_of(opened, count, text)
    before = await used(opened)
    await in_turn(changes, Ledger(opened).apply)
    full = await used(opened)
    await forget_events(opened)
    lean = await used(opened)
    event, trace = full.memory - lean.memory, lean.memory - before.memory
    return event / count, trace / count, (full.file - before.file) / count


async def of_deliveries(opened: Store, count: int) -> tuple[float, float, float]:
    """An opt-out that waits for one endpoint; the same behind another of its number; one attempt in the attempt log."""
    endpoint = Endpoint(account=ACME, id=SINK, url="https://crm.example.com/hooks", secrets=("whsec_" + "A" * 32,))
    await in_turn(await changes_of(opened, count, "STOP"), Ledger(opened).apply)
    first = await growth(opened, routed(opened, endpoint))
    await in_turn(await changes_of(opened, count, "STOP", again=True), Ledger(opened).apply)
    second = await growth(opened, routed(opened, endpoint))
    attempt = await of_attempts(opened, min(20_000, count))
    return first / count, second / count, attempt


async def forget_events(opened: Store) -> None:
    for keys in opened.keys:
        await opened.redis.xtrim(keys.log, maxlen=0, approximate=False)


async def growth(opened: Store, work: Awaitable[object]) -> int:
    before = await used(opened)
    await work
    return (await used(opened)).memory - before.memory


async def of_attempts(opened: Store, count: int) -> float:
    """Retried once each, so that nothing but the record is new."""
    queue, made = Queue(opened), 0
    before = await used(opened)
    record = AttemptRecord(
        number=1, outcome="retry", status=503, took_ms=41, error="http_503", response="Service Unavailable. " * 10
    )
    while made < count:
        for keys in opened.keys:
            claimed = await queue.claim(keys.partition, {SINK: 256}, token="bench")
            await asyncio.gather(
                *(queue.settle(lease, "retry", record, wait=Millis(A_DAY_MS)) for lease in claimed.leases)
            )
            made += len(claimed.leases)
    return ((await used(opened)).memory - before.memory) / made


async def routed(opened: Store, endpoint: Endpoint) -> None:
    queue = Queue(opened)
    cursors = await queue.cursors()
    while stretches := await queue.unrouted(cursors, block=Millis(1)):
        for stretch in stretches:
            deliveries = [each for event in stretch.events for each in route(event, [endpoint])]
            await queue.fan_out(stretch, deliveries)
            cursors[stretch.partition] = stretch.after


async def enlist(opened: Store, count: int, status: Status) -> None:
    bulk, now = Bulk(opened), UnixMs(time.time_ns() // 1_000_000)
    kind = Kind(ACME, CAMPAIGN, status)
    for first in range(0, count, _PAGE):
        window = bulk.window()
        # Opted out a year ago: what comes by webhook is newer.
        at = UnixMs(now - 365 * A_DAY_MS)
        window.add([Entry(kind, Msisdn(msisdn), at, at) for msisdn in msisdns(first, min(count, first + _PAGE))])
        await insisting(partial(bulk.enlist, window, received_at=now, rule="file:numbers.csv"))


async def changes_of(opened: Store, count: int, text: str, *, again: bool = False) -> list[Change]:
    """As the receiver makes them of Nexmo's webhooks."""
    directory = await Registry(opened).directory()
    return [_change(directory, n, msisdn, text, again=again) for n, msisdn in enumerate(msisdns(0, count))]


def _change(directory: Directory, number: int, msisdn: str, text: str, *, again: bool) -> Change:
    now = time.time()
    form = {
        "msisdn": msisdn,
        "to": "123456",
        "messageId": f"0A{int(again)}{number:013X}",
        "text": text,
        "type": "text",
        "keyword": text.split(maxsplit=1)[0].upper(),
        "message-timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)),
    }
    inbound = Inbound(
        method="POST", query="", content_type="application/x-www-form-urlencoded", body=urlencode(form).encode()
    )
    source = directory.source(ACME, SourceId("nexmo"))
    ensure(source is not None, "the source is not registered")
    assert source is not None
    (report,) = nexmo.decode(inbound)
    judged = judge(report, source=source, directory=directory, rules=_RULES, received_at=UnixMs(int(now * 1000)))
    return judged.changes[0]


async def in_turn(changes: Sequence[Change], apply: Callable[[Change], Awaitable[object]]) -> None:
    for first in range(0, len(changes), _UNDER_WAY):
        await asyncio.gather(*(insisting(partial(apply, change)) for change in changes[first : first + _UNDER_WAY]))


async def insisting(work: Callable[[], Awaitable[T]]) -> T:
    """A busy machine's store may be silent for long; both an import and a webhook may come again."""
    while True:
        try:
            return await work()
        except StoreUnavailable:
            await asyncio.sleep(1)


def msisdns(first: int, last: int) -> Iterator[str]:
    """In no order, as lists are."""
    return (f"1555{number * 7_654_321 % 10_000_019:08}" for number in range(first + 1, last + 1))


_RULES = rules()


def ensure(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(otherwise)


def measured(options: argparse.Namespace) -> Bytes:
    def numbers(count: int, status: Status, *, crowded: bool = False) -> tuple[float, float]:
        return on_a_fresh_server(partial(of_numbers, count=count, status=status, crowded=crowded), partitions=1)

    def webhooks(text: str, *, crowded: bool = False) -> tuple[float, float, float]:
        return on_a_fresh_server(partial(of_webhooks, count=options.numbers // 2, text=text, crowded=crowded))

    opted_out, beyond = numbers(options.numbers, Status.OPTED_OUT)
    stop, trace, file = webhooks("STOP")
    waiting, behind, attempt = on_a_fresh_server(partial(of_deliveries, count=options.deliveries))
    return Bytes(
        opted_in=numbers(options.numbers, Status.OPTED_IN)[0],
        opted_out=opted_out,
        sparse=numbers(12 * BUCKETS, Status.OPTED_OUT)[0],
        crowded=numbers(options.numbers, Status.OPTED_OUT, crowded=True)[0],
        stop=stop,
        text=webhooks(SENTENCE)[0],
        trace=trace,
        crowded_trace=webhooks("STOP", crowded=True)[1],
        file=file,
        waiting=waiting,
        behind=behind,
        attempt=attempt,
        beyond=beyond,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, default=200_000)
    parser.add_argument("--deliveries", type=int, default=50_000)
    options = parser.parse_args()
    print(load.machine())
    print(told(measured(options)))


if __name__ == "__main__":
    main()
