"""How many notifications a second does each peer deliver, with what it costs?

Ours is bench/dispatch.py's. For the peers, every notification is in the queue before the worker is let go. All of them
are looked for at the sink, which verifies every signature, and every one that arrived has to be written down as done.
"""

import argparse
import asyncio
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from arq import create_pool
from celery import Celery
from redis.asyncio import Redis

from bench import arrivals, cpu, dispatch, load, table
from bench.dispatch import Round
from bench.installation import ENDPOINT_SECRET, OTHER_CORE, add_endpoint, process, state_of, store
from bench.peers import job
from bench.peers.arq_jobs import redis_at
from bench.peers.running import OURS, Worker, arq_worker, celery_worker
from consent.directory import Directory
from consent.ledger import Ledger, Store
from consent.notification import encoded, notification

_WARM_UP = 64

Enqueue = Callable[[dict[str, str]], None]
"""Bodies, by the id of the notification."""


@dataclass(frozen=True, slots=True)
class Deliverer:
    name: str
    worker: Worker
    enqueue: Enqueue


def measure(options: argparse.Namespace) -> None:
    target = f"http://127.0.0.1:{options.port}/hook"
    sink = [sys.executable, "-m", "bench.sink", str(options.port), ENDPOINT_SECRET]
    with ExitStack() as stack:
        folder, url = stack.enter_context(store())
        stack.enter_context(process(sink, core=OTHER_CORE))
        asyncio.run(add_endpoint(url, target, max_in_flight=options.in_flight))
        print(f"{load.machine()}; fsync; {options.deliveries} deliveries, {options.in_flight} in flight")
        few = argparse.Namespace(**{**vars(options), "deliveries": _WARM_UP})
        dispatch.measured(few, folder, url, options.rounds, target=target)
        body = asyncio.run(a_notification(url))
        deliverers = [
            Deliverer("Celery, prefork 4", stack.enter_context(celery_worker(url)), to_celery(url, target)),
            Deliverer("arq, 64", stack.enter_context(arq_worker(url)), to_arq(url, target)),
        ]
        for deliverer in deliverers:
            delivered(deliverer, bodies("warm-up", _WARM_UP, body), options.port, url)
        rounds: dict[str, list[Round]] = {OURS: [], **{deliverer.name: [] for deliverer in deliverers}}
        for run in range(options.rounds):
            one = dispatch.measured(options, folder, url, run, target=target)
            rounds[OURS].append(one)
            for deliverer in deliverers:
                told = delivered(deliverer, bodies(f"round-{run}", options.deliveries, body), options.port, url)
                rounds[deliverer.name].append(Round(one.bare, *told))
    print("\n".join(lines(rounds)))
    table.note(*rows(rounds))


async def a_notification(url: str) -> str:
    """One of those that ours has delivered; its id is of no account."""
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        (event,) = await Ledger(opened).newest(1)
    return encoded(notification(event, Directory.of(1))).decode()


def bodies(batch: str, count: int, body: str) -> dict[str, str]:
    return {f"{batch}-{n}": body for n in range(count)}


def to_celery(url: str, target: str) -> Enqueue:
    app = Celery("peers", broker=job.broker_of(url))

    def enqueue(notifications: dict[str, str]) -> None:
        for name, body in notifications.items():
            app.send_task("deliver", (target, name, body), ignore_result=True)

    return enqueue


def to_arq(url: str, target: str) -> Enqueue:
    async def enqueue(notifications: dict[str, str]) -> None:
        pool = await create_pool(redis_at(url))
        at_once = asyncio.Semaphore(job.MOST_CONNECTIONS // 2)

        async def enqueue_one(name: str, body: str) -> None:
            async with at_once:
                await pool.enqueue_job("deliver", target, name, body)

        await asyncio.gather(*(enqueue_one(name, body) for name, body in notifications.items()))
        await pool.aclose()

    return lambda notifications: asyncio.run(enqueue(notifications))


def delivered(one: Deliverer, notifications: dict[str, str], port: int, url: str) -> tuple[float, float, float, float]:
    """What `Round` tells of ours."""
    arrivals.forget(port)
    asyncio.run(forget_done(url))
    one.enqueue(notifications)
    count = len(notifications)
    meter = cpu.Meter(worker=one.worker.pid, store=asyncio.run(state_of(url)).pid)
    with one.worker.let_go():
        arrivals.wait_for(port, count)
        asyncio.run(all_done(url, count))
    used = meter.lap()
    report = arrivals.report(port)
    if len(set(report["ids"])) != count:
        raise SystemExit(f"{one.name}: {len(set(report['ids']))} of {count} are at the sink")
    each = {name: seconds / count * 1000 for name, seconds in used.items()}
    return arrivals.rate(report["arrived"]), each["worker"], each["store"], cpu.memory_mb(one.worker.pid)


async def forget_done(url: str) -> None:
    async with Redis.from_url(url) as redis:
        await redis.delete(job.DELIVERED)


async def all_done(url: str, count: int) -> None:
    async with Redis.from_url(url) as redis, asyncio.timeout(30):
        while await redis.hlen(job.DELIVERED) < count:  # noqa: ASYNC110 - another process's work sets no event of ours
            await asyncio.sleep(0.01)


def lines(rounds: dict[str, list[Round]]) -> list[str]:
    bare = statistics.median(one.bare for one in rounds[OURS])
    heads = ("done/s", "of bare", "ours by it", "CPU s", "store s", "MB")
    return [
        f"{'':<20}" + "".join(f"{head:>11}" for head in heads),
        f"{'aiohttp, posts only':<20}{bare:>11.0f}{1:>11.2f}{_of_bare(rounds[OURS]):>11.2f}",
        *(_line(name, rounds) for name in rounds),
    ]


def _line(name: str, rounds: dict[str, list[Round]]) -> str:
    mine = rounds[name]
    return (
        f"{name:<20}{statistics.median(one.rate for one in mine):>11.0f}{_of_bare(mine):>11.2f}"
        f"{_ours_by(mine, rounds):>11.2f}{statistics.median(one.cpu for one in mine):>11.3f}"
        f"{statistics.median(one.store_cpu for one in mine):>11.3f}{mine[-1].memory_mb:>11.0f}"
    )


def rows(rounds: dict[str, list[Round]]) -> list[table.Row]:
    return [
        table.Row(
            bench="peers",
            what=f"deliveries by {name}",
            ratio=_of_bare(mine),
            of="the rate of a bare aiohttp client"
            + ("" if name == OURS else f"; ours is {_ours_by(mine, rounds):.1f} times its own"),
            rate=statistics.median(one.rate for one in mine),
            cpu=statistics.median(one.cpu for one in mine),
            store_cpu=statistics.median(one.store_cpu for one in mine),
            memory_mb=mine[-1].memory_mb,
        )
        for name, mine in rounds.items()
    ]


def _of_bare(mine: list[Round]) -> float:
    return statistics.median(one.rate / one.bare for one in mine)


def _ours_by(mine: list[Round], rounds: dict[str, list[Round]]) -> float:
    return statistics.median(ours.rate / one.rate for ours, one in zip(rounds[OURS], mine, strict=True))
