"""The dispatcher as a whole: routing, delivering, and what keeps both true."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import structlog

from config import sections
from config.background import persist
from config.client_certificates import unpresentable
from config.clock import steady_clock, system_clock
from config.metrics import Vitals, exposition
from config.notify import notifying
from config.probes import internal_port
from config.process import Worker, own_name
from config.secret_keys import seals_of
from config.settings import Settings
from config.tracing import Traces
from consent.directory import Directory
from consent.errors import ConsentError
from consent.ledger import Backlog, Health, HealthRules, Ledger, Pulse, Pulsing, Queue, Registry, Store, Watch
from consent.model import EndpointId, Millis, Partition, UnixMs
from dispatcher.announce import Announcing
from dispatcher.attempt import Attempts
from dispatcher.deadline import Deadline
from dispatcher.deliver import HEARTBEAT_S, Delivering
from dispatcher.distribute import Distributing
from dispatcher.gate import Gate
from dispatcher.metrics import Metrics
from dispatcher.retry import RetryPolicy
from dispatcher.send import Sender
from dispatcher.tally import Tally

log = structlog.get_logger()

_CHECK_EVERY_S = 30.0
_WATCH_MS = Millis(4000)
_CATCH_UP_MS, _CATCH_UP_LOOK_S = 1000, 0.005
_TIDY_EVERY_S = 3600.0
_PROBE_GRACE_MS = 10_000
"""Beyond the timeout of its request: to be claimed, started and reported."""
_LONGEST_WAIT = 30
"""Times `breaker_wait`."""


class Dispatcher:
    def __init__(
        self,
        settings: Settings,
        store: Store,
        sender: Sender,
        traces: Traces | None = None,
        worker: Worker | None = None,
    ) -> None:
        where = settings.dispatcher
        self._settings = settings
        self._store = store
        self._worker = worker
        self._ledger = Ledger(store)
        self._registry = Registry(store, seals_of(settings.store))
        self._queue = Queue(store)
        self._unready: str | None = "starting"
        self._registered = Watch(self._registry, store)
        policy = RetryPolicy(schedule=where.schedule)
        self._health = Health(store)
        tally = Tally()
        self._delivering = Delivering(
            self._queue,
            Attempts(self._queue, sender, policy, tally, traces),
            Gate(self._health, rules_of(where), probe_for=Millis(where.timeout + _PROBE_GRACE_MS)),
            Deadline(self._queue, self._health, where.optout_deadline),
            partitions=store.partitions,
            concurrency=where.concurrency,
        )
        self._announcing = Announcing(self._ledger, self._health, self._queue, self._delivering.became_due)
        self._metrics = Metrics(tally, self._delivering, Backlog(store))
        self._vitals = Vitals(store, lambda: self._unready)
        self._pulsing = Pulsing(
            Pulse(store), process=own_name(), kind="dispatcher", counted=tally.counters, clock=system_clock
        )
        self._distributing = Distributing(self._queue, self._delivering, traces, self._caught_up)

    async def serve(self, stop: asyncio.Event) -> None:
        """Until `stop`. Then: claim nothing more, let attempts end, give back the rest."""
        await self._registry.ensure_readable()
        where = self._settings.dispatcher
        counted = exposition(self._vitals, self._metrics, refresh=self._metrics.refresh)
        async with (
            asyncio.TaskGroup() as tasks,
            notifying(lambda: self._unready, stop),
            internal_port(
                where.host,
                where.port,
                lambda: self._unready,
                counted,
                socket=self._worker.socket if self._worker else None,
            ),
        ):
            running = [tasks.create_task(task) for task in self._upkeep()]
            deliver = tasks.create_task(persist("deliver", self._delivering.turn, longest_wait=HEARTBEAT_S))
            # Also while a part of the store is away: what is held elsewhere is to be kept.
            heartbeat = persist("renew leases", self._delivering.heartbeat, longest_wait=HEARTBEAT_S)
            heart = tasks.create_task(heartbeat)
            log.info("dispatcher.running", partitions=self._store.partitions, concurrency=where.concurrency)
            await stop.wait()
            log.info("dispatcher.stopping")
            for task in running:
                task.cancel()
            self._delivering.stop()
            await asyncio.wait([*running, deliver])
            await self._distributing.finish()
            await self._delivering.drain(where.timeout / 1000 + 1)
            heart.cancel()

    def _upkeep(self) -> Iterator["asyncio._CoroutineLike[None]"]:
        yield persist("check the store", self._check)
        yield persist("watch the registry", self._watch)
        yield persist("route events", self._distributing.step)
        yield persist("tidy up", self._tidy)
        yield persist("tell the pulse", self._pulsing.step)

    async def _check(self) -> float:
        try:
            self._vitals.store_is_safe(await self._store.ensure_safe(), system_clock())
        except ConsentError as exc:
            self._vitals.store_failed(exc.reason)
            self._unready = str(exc)
            raise
        self._unready = None if self._distributing.directory else "the registry has not been read yet"
        return _CHECK_EVERY_S if self._unready is None else 0.05

    async def _watch(self) -> float:
        """What is registered, and how it is doing: both change on the same stream, which wakes us."""
        directory = await self._registered.renew(block=_WATCH_MS)
        # Until all that follows has gone well: whatever failed on the way is to be tried again.
        is_new = directory is not self._delivering.directory
        if is_new:
            for name, wrong in unpresentable(directory.endpoints.values()).items():
                log.error("endpoint.unpresentable", endpoint=name, error=wrong)
            for name in enabled_again(self._distributing.directory, directory):
                await self._health.start_afresh(name)
        standings = await self._health.standings()
        self._delivering.learn(standings)  # before the loop knows of endpoints at all: some are not to be called
        if is_new:
            self._distributing.directory = self._delivering.directory = directory
            self._delivering.wake()
        await self._announcing.tell(standings, directory, system_clock())
        return 0

    async def _caught_up(self) -> None:
        """With what is registered now. `_watch` reads it; if that fails, or takes too long, we do without."""
        version, give_up_at = 0, steady_clock() + _CATCH_UP_MS
        with suppress(ConsentError):
            version = await self._registry.version()
        while (known := self._distributing.directory) and known.version < version and steady_clock() < give_up_at:  # noqa: ASYNC110 - it ends by itself
            await asyncio.sleep(_CATCH_UP_LOOK_S)

    async def _tidy(self) -> float:
        """Forget what is older than the retention and owed to nobody, and what was owed to endpoints that are gone."""
        if self._distributing.directory is None:
            return 1
        await forget_old(self._store, self._ledger, self._settings.store.retention)
        await forget_removed(self._registry, self._queue, self._health)
        return _TIDY_EVERY_S


async def forget_old(store: Store, ledger: Ledger, retention: Millis) -> None:
    for partition in map(Partition, range(store.partitions)):
        # By the store's time, as all that is logged: a clock of ours that runs ahead must not cost the history.
        oldest = UnixMs(await store.now(partition) - retention)
        if trimmed := await ledger.trim(partition, oldest):
            log.info("log.trimmed", partition=partition, events=trimmed)


async def forget_removed(registry: Registry, queue: Queue, health: Health) -> None:
    """What endpoints were owed that are gone, and how they were doing."""
    # The registry last, or an endpoint that is added meanwhile would be taken for one that is gone.
    owed, remembered = await queue.owed_endpoints(), await health.remembered()
    registered = (await registry.directory()).endpoints.keys()
    # What a dispatcher filed or said that had not heard, or a process of an older version left.
    for endpoint in (owed | remembered) - registered:
        await registry.note_left(endpoint)
    for endpoint in await registry.removed():
        await registry.finish_removal(endpoint)
        if endpoint not in registered:
            log.info("endpoint.purged", endpoint=endpoint)


def enabled_again(before: Directory | None, now: Directory) -> list[EndpointId]:
    """Those that were disabled when we looked last."""
    known = before.endpoints if before else {}
    return [name for name, one in now.endpoints.items() if not one.disabled and name in known and known[name].disabled]


def rules_of(where: sections.Dispatcher) -> HealthRules:
    return HealthRules(
        breaker_failures=where.breaker_failures,
        breaker_wait=where.breaker_wait,
        breaker_longest=Millis(_LONGEST_WAIT * where.breaker_wait),
        failing_after=where.failing_after,
        failing_for=where.failing_for,
        disable_after=where.disable_after,
    )
