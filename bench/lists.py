"""How long does a STOP wait behind a list? Texted while a list is imported, or right behind it, by people who are on it
and by others; and before it, when nothing else is to be told.

    python -m bench.lists [--numbers 1000000] [--status opted_in] [--endpoints 1] [--rate 500]

The import is the real command, the dispatcher a process of its own, and nobody is pinned to a core. The endpoints
answer at once, and are sent `--rate` a second each, 0 for all that there is. A STOP was heard when all of them have it.
"""

import argparse
import asyncio
import statistics
import time
from pathlib import Path

from bench import load, table
from bench.changes import decided
from bench.imports import PARTITIONS, finished, import_of, line_of, msisdns
from bench.installation import ACME, ENDPOINT_SECRET, dispatcher, store
from consent.ledger import Ledger, Registry, Store
from consent.model import Endpoint, EndpointId, EventId, Msisdn, Recorded, Status, UnixMs

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_ID = b"webhook-id: "
_STOPS = 10
_EVERY_S = 1.0
_PATIENCE_S = 600.0


class Endpoints:
    """All of them in one: who waits for which event, and how many have heard of it."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._awaited: dict[EventId, list[asyncio.Future[None]]] = {}
        self.arrived = 0

    async def heard(self, event: EventId) -> None:
        futures = self._awaited.setdefault(event, [])
        if not futures:
            futures += [asyncio.get_running_loop().create_future() for _ in range(self._count)]
        await asyncio.gather(*futures)

    def take(self, event: EventId) -> None:
        self.arrived += 1
        waiting = [future for future in self._awaited.get(event, ()) if not future.done()]
        if waiting:
            waiting[0].set_result(None)


class Connection(asyncio.Protocol):
    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, rest = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        head = head.lower()
        if len(rest) < int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        self._data = b""  # a client waits for the answer
        self._endpoints.take(EventId(head.partition(_ID)[2].partition(b"\r\n")[0].decode()))
        self._transport.write(_OK)  # type: ignore[attr-defined]  # a TCP transport is writable


class Texting:
    """People who text STOP, and how long it takes until it is heard, in seconds."""

    def __init__(self, ledger: Ledger, endpoints: Endpoints) -> None:
        self._ledger = ledger
        self._endpoints = endpoints
        self._strangers = 0

    async def stop(self, msisdn: Msisdn | None = None) -> float:
        """Without a number: of somebody who is on no list."""
        if msisdn is None:
            self._strangers += 1
            msisdn = Msisdn(f"1650242{self._strangers:04}")
        applied = await self._ledger.apply(
            decided(msisdn, Status.OPTED_OUT, UnixMs(time.time_ns() // 1_000_000), keyword="STOP")
        )
        began = time.perf_counter()
        assert isinstance(applied, Recorded)
        await asyncio.wait_for(self._endpoints.heard(applied.events[0]), _PATIENCE_S)
        return time.perf_counter() - began


async def measured(options: argparse.Namespace, folder: Path, url: str) -> None:
    listed = list(msisdns(options.numbers))
    file = folder / "numbers.csv"
    file.write_text("msisdn,date\n" + "".join(map(line_of, range(options.numbers), listed)))
    endpoints = Endpoints(options.endpoints)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(endpoints), "127.0.0.1", options.port)
    async with server, Store.open(url, partitions=PARTITIONS, durability="fsync") as opened:
        texting = Texting(Ledger(opened), endpoints)
        quiet = [await texting.stop() for _ in range(_STOPS)]
        print(told("before it", quiet))
        importing = import_of(file, folder, url, status=options.status)
        on_the_list, stops = iter(listed), list[asyncio.Task[float]]()
        while importing.poll() is None:
            await asyncio.sleep(_EVERY_S)
            stops += [asyncio.create_task(texting.stop(number)) for number in (None, next(on_the_list))]
        summary = finished(importing)
        behind = [asyncio.create_task(texting.stop(number)) for number in (None, listed[-2], listed[-1])]
        during, after = await asyncio.gather(*stops), await asyncio.gather(*behind)
        print(told("during it", during))
        print(told("behind it", after))
        left = summary["changed"] * options.endpoints - endpoints.arrived
        print(f"the import took {summary['seconds']:.1f} s; {max(left, 0):,} of its notifications are still to come")
        longest = max(*during, *after)
        table.note(
            table.Row(
                bench="lists",
                what=f"the longest wait of a STOP, {options.numbers:,} numbers, endpoints: {options.endpoints}",
                ratio=longest / statistics.median(quiet),
                of="that in quiet",
                rate=summary["per_second"],
            )
        )


def told(when: str, waits: list[float]) -> str:
    return (
        f"STOPs {when:<10}{len(waits):>4}   heard after {statistics.median(waits):6.2f} s in the median, "
        f"{max(waits):6.2f} s at most"
    )


async def register(url: str, options: argparse.Namespace) -> None:
    async with Store.open(url, partitions=PARTITIONS, durability="fsync") as opened:
        for n in range(options.endpoints):
            await Registry(opened).put(
                Endpoint(
                    account=ACME,
                    id=EndpointId(f"{ACME}/endpoint{n}"),
                    url=f"http://127.0.0.1:{options.port}/hook",
                    secrets=(ENDPOINT_SECRET,),
                    rate=f"{options.rate}/s" if options.rate else "",
                )
            )


def main() -> None:
    options = arguments()
    print(f"{load.machine()}; fsync; endpoints: {options.endpoints}, {options.rate or 'any number'} a second each")
    with store(core=None) as (folder, url):
        asyncio.run(register(url, options))
        with dispatcher(folder, url, options.port + 1, log="warning", core=None):
            asyncio.run(measured(options, folder, url))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, default=1_000_000)
    parser.add_argument("--status", choices=["opted_in", "opted_out"], default="opted_in")
    parser.add_argument("--endpoints", type=int, default=1)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--port", type=int, default=18770)
    return parser.parse_args()


if __name__ == "__main__":
    main()
