"""How many webhooks a second does each peer take, and record? Both with everything that it costs.

Taken is what was answered 200; for a peer with a queue that is half of the job, so the time until the last one was
recorded is told as well. Whatever was answered is looked for in the log: a rate that lost one is no rate.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench import cpu, load, table
from bench.installation import keep_file, recorded, state_of, store
from bench.peers.running import BARE, OURS, Peer, all_of_them
from bench.webhooks import nexmo_posts
from consent.ledger import Store

_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    taken: float
    """A second, as the next one."""
    done: float
    cpu: float
    """Seconds for 1,000, of the server and its worker; of the store, the next one."""
    store_cpu: float
    memory_mb: float
    bytes_each: float


Figures = dict[str, list[Intake]]


class Rounds:
    def __init__(self, url: str, *, requests: int) -> None:
        self._url = url
        self._requests = requests
        self._run = int(time.time()) % 50_000
        self._store = asyncio.run(state_of(url)).pid

    def warm_up(self, peers: list[Peer]) -> None:
        """Until each has recorded something, its worker is not ready."""
        for peer in peers:
            self._take(peer, count=8, connections=4)

    def round(self, peers: list[Peer], connections: int, figures: Figures) -> None:
        for peer in peers:
            figures.setdefault(peer.name, []).append(self._take(peer, self._requests, connections))

    def _take(self, peer: Peer, count: int, connections: int) -> Intake:
        self._run += 1
        posts = nexmo_posts(count, self._run)
        known, before = asyncio.run(recorded(self._url)), asyncio.run(state_of(self._url))
        meter = cpu.Meter(**peer.processes, store=self._store)
        result = load.run(peer.port, posts, connections=connections)
        if result.statuses != {200: count}:
            raise SystemExit(f"{peer.name}: sent {count}, answered {result.statuses}")
        with peer.working():
            began = time.perf_counter()
            asyncio.run(self._all_recorded(peer, known + count))
            late = time.perf_counter() - began if peer.worker else 0.0
        used = meter.lap()
        return Intake(
            taken=result.rate,
            done=count / (result.seconds + late),
            cpu=sum(used[name] for name in peer.processes) / count * 1000,
            store_cpu=used["store"] / count * 1000,
            memory_mb=sum(map(cpu.memory_mb, peer.processes.values())),
            bytes_each=(asyncio.run(state_of(self._url)).written - before.written) / count,
        )

    async def _all_recorded(self, peer: Peer, count: int) -> None:
        if peer.name == BARE:
            return
        deadline = time.monotonic() + _PATIENCE_S
        async with Store.open(self._url, partitions=16, durability="fsync") as opened:
            while (there := sum([await opened.redis.xlen(keys.log) for keys in opened.keys])) < count:
                if peer.worker is None or time.monotonic() > deadline:
                    raise SystemExit(f"{peer.name}: {count - there} were answered 200 and are not recorded")
                await asyncio.sleep(0.01)
        if there > count:
            raise SystemExit(f"{peer.name}: {there - count} were recorded twice")


def measure(options: argparse.Namespace) -> None:
    with store() as (folder, url), all_of_them(folder, url, options.port, log=options.log) as peers:
        asyncio.run(keep_file(url))
        print(f"{load.machine()}; fsync; {options.requests} webhooks, medians of {options.rounds}")
        rounds = Rounds(url, requests=options.requests)
        rounds.warm_up(peers)
        for connections in options.connections:
            figures: Figures = {}
            for _ in range(options.rounds):
                rounds.round(peers, connections, figures)
            print("\n".join(lines(figures, connections)), flush=True)
            table.note(*rows(figures, connections))


def lines(figures: Figures, connections: int) -> list[str]:
    heads = ("taken/s", "of bare", "ours by it", "done/s", "ours by it", "CPU s", "store s", "MB", "bytes")
    return [
        f"{f'{connections} connections':<20}" + "".join(f"{head:>11}" for head in heads),
        *(_line(name, figures) for name in figures),
    ]


def _line(name: str, figures: Figures) -> str:
    numbers = (
        f"{_median(figures[name], lambda one: one.taken):.0f}",
        f"{_ratio(figures, name, BARE):.2f}",
        f"{_ratio(figures, OURS, name):.2f}",
        f"{_median(figures[name], lambda one: one.done):.0f}",
        f"{_ratio(figures, OURS, name, lambda one: one.done):.2f}",
        f"{_median(figures[name], lambda one: one.cpu):.3f}",
        f"{_median(figures[name], lambda one: one.store_cpu):.3f}",
        f"{_median(figures[name], lambda one: one.memory_mb):.0f}",
        f"{_median(figures[name], lambda one: one.bytes_each):.0f}",
    )
    return f"{name:<20}" + "".join(f"{number:>11}" for number in numbers)


def rows(figures: Figures, connections: int) -> list[table.Row]:
    return [
        table.Row(
            bench="peers",
            what=f"{name}, {connections} connections",
            ratio=_ratio(figures, name, BARE),
            of=f"the rate of {BARE}{'' if name == OURS else _by_ours(name, figures)}",
            rate=_median(figures[name], lambda one: one.taken),
            cpu=_median(figures[name], lambda one: one.cpu),
            store_cpu=_median(figures[name], lambda one: one.store_cpu),
            memory_mb=_median(figures[name], lambda one: one.memory_mb),
            bytes_each=_median(figures[name], lambda one: one.bytes_each),
        )
        for name in figures
        if name != BARE
    ]


def _by_ours(name: str, figures: Figures) -> str:
    taken, done = _ratio(figures, OURS, name), _ratio(figures, OURS, name, lambda one: one.done)
    return f"; ours is {taken:.1f} times its own, {done:.1f} times until recorded"


def _ratio(figures: Figures, one: str, other: str, rate: Callable[[Intake], float] = lambda one: one.taken) -> float:
    """Of neighbours in time: round by round."""
    pairs = zip(figures[one], figures[other], strict=True)
    return statistics.median(rate(mine) / rate(its) for mine, its in pairs)


def _median(rounds: list[Intake], figure: Callable[[Intake], float]) -> float:
    return statistics.median(map(figure, rounds))
