"""The dispatcher as a whole: routing, delivering, and what keeps both true."""

import asyncio
from collections.abc import Iterator

import structlog

from config.background import persist
from config.clock import system_clock
from config.probes import internal_port
from config.settings import Settings
from consent.errors import ConsentError
from consent.ledger import Ledger, Queue, Registry, Store, Watch
from consent.model import Millis, Partition, UnixMs
from dispatcher.attempt import Attempts
from dispatcher.deliver import Delivering
from dispatcher.distribute import Distributing
from dispatcher.retry import RetryPolicy
from dispatcher.send import Sender

log = structlog.get_logger()

_CHECK_EVERY_S = 30.0
_WATCH_MS = Millis(4000)
_TIDY_EVERY_S = 3600.0


class Dispatcher:
    def __init__(self, settings: Settings, store: Store, sender: Sender) -> None:
        where = settings.dispatcher
        self._settings = settings
        self._store = store
        self._ledger = Ledger(store)
        self._registry = Registry(store)
        self._queue = Queue(store)
        self._unready: str | None = "starting"
        self._registered = Watch(self._registry, store)
        policy = RetryPolicy(schedule=where.schedule)
        attempts = Attempts(self._queue, self._registry, sender, policy)
        self._delivering = Delivering(self._queue, attempts, partitions=store.partitions, concurrency=where.concurrency)
        self._distributing = Distributing(self._queue, self._delivering.routed)

    async def serve(self, stop: asyncio.Event) -> None:
        """Until `stop`. Then: claim nothing more, let attempts end, give back the rest."""
        where = self._settings.dispatcher
        async with asyncio.TaskGroup() as tasks, internal_port(where.host, where.port, lambda: self._unready):
            running = [tasks.create_task(task) for task in self._upkeep()]
            deliver = tasks.create_task(persist("deliver", lambda: self._delivering.turn(system_clock)))
            heart = tasks.create_task(persist("renew leases", self._delivering.heartbeat))
            log.info("dispatcher.running", partitions=self._store.partitions, concurrency=where.concurrency)
            await stop.wait()
            log.info("dispatcher.stopping")
            for task in running:
                task.cancel()
            self._delivering.stop()
            await asyncio.wait([*running, deliver])
            await self._delivering.drain(where.timeout / 1000 + 1)
            heart.cancel()

    def _upkeep(self) -> Iterator["asyncio._CoroutineLike[None]"]:
        yield persist("check the store", self._check)
        yield persist("watch the registry", self._watch)
        yield persist("route events", self._distributing.step)
        yield persist("tidy up", self._tidy)

    async def _check(self) -> float:
        try:
            await self._store.ensure_safe()
        except ConsentError as exc:
            self._unready = str(exc)
            raise
        self._unready = None if self._distributing.directory else "the registry has not been read yet"
        return _CHECK_EVERY_S if self._unready is None else 0.05

    async def _watch(self) -> float:
        if await self._registered.renew(block=_WATCH_MS) and (directory := self._registered.directory):
            self._distributing.directory = self._delivering.directory = directory
            self._delivering.wake()
        return 0

    async def _tidy(self) -> float:
        """Forget what is older than the retention and owed to nobody, and what was owed to endpoints that are gone."""
        if self._distributing.directory is None:
            return 1
        oldest = UnixMs(system_clock() - self._settings.store.retention)
        for partition in range(self._store.partitions):
            if trimmed := await self._ledger.trim(Partition(partition), oldest):
                log.info("log.trimmed", partition=partition, events=trimmed)
        directory = await self._registry.directory()
        for endpoint in await self._queue.owed_endpoints():
            if endpoint not in directory.endpoints:
                await self._queue.purge(endpoint)
                log.info("endpoint.purged", endpoint=endpoint)
        return _TIDY_EVERY_S
