"""The receiver as a whole: the public port, and the tasks that keep it true while it serves."""

import asyncio
from collections.abc import Iterator

import structlog
from aiohttp import web

from config.background import persist
from config.clock import system_clock
from config.metrics import Vitals, exposition
from config.notify import notifying
from config.probes import Handler, answer, internal_port, probes
from config.process import Worker, own_name
from config.secret_keys import seals_of
from config.settings import Settings
from config.tracing import Traces
from consent.errors import ConsentError
from consent.keywords import rules
from consent.ledger import Ledger, Pulse, Pulsing, Registry, Store, Watch
from consent.model import Millis, Partition
from receiver.apis.desk import Desk
from receiver.apis.gate import Gate
from receiver.apis.routes import Tools, routes
from receiver.door import open_door
from receiver.hooks import Hooks
from receiver.metrics import Metrics
from receiver.reception import Reception
from receiver.tally import Tally

log = structlog.get_logger()

_CHECK_EVERY_S = 5.0
_WATCH_MS = Millis(4000)
_LONGEST_SWEEP_S = 10.0
_WARM_UP_S = 5.0
_WARM_UP_LOOK_S = 0.02


class Receiver:
    def __init__(
        self, settings: Settings, store: Store, traces: Traces | None = None, worker: Worker | None = None
    ) -> None:
        words = settings.keywords
        self._settings = settings
        self._store = store
        self._registry = Registry(store, seals_of(settings.store))
        self._unready: str | None = "starting"
        self._registered = Watch(self._registry, store)
        self._ledger = Ledger(store)
        self._tally = Tally()
        self._traces = traces
        self._worker = worker
        self._vitals = Vitals(store, lambda: self._unready)
        self._pulsing = Pulsing(
            Pulse(store), process=own_name(), kind="receiver", counted=self._tally.counters, clock=system_clock
        )
        self.reception = Reception(
            self._ledger,
            self._registry,
            rules(words.packs, opt_out=words.opt_out, opt_in=words.opt_in, help=words.help),
            parts_wait=settings.receiver.parts_wait,
        )

    @property
    def unready(self) -> str | None:
        """Why a load balancer should look elsewhere; None when nothing is wrong."""
        return self._unready

    def _others(self, hooks: Hooks) -> Handler:
        """Who answers what is no plain post, on the public port."""
        desk = self._desk()
        open_to_all = probes(lambda: self._unready)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            try:
                mine = await hooks.answer(request) or await desk.answer(request)
                return mine or await answer(request, open_to_all)
            except web.HTTPException as nothing:
                self._tally.elsewhere[nothing.status] += 1
                # Not where: an address may hold a number, or a token that was pasted badly.
                log.debug("request.lost", method=request.method, status=nothing.status)
                raise

        return handle

    def _desk(self) -> Desk:
        tools = Tools(
            store=self._store,
            ledger=self._ledger,
            registry=self._registry,
            gate=Gate(),
            directory=self.reception.known,
            ensure_safe=self.reception.ensure_safe,
            confirm_within=self._settings.receiver.confirm_within,
        )
        return Desk(
            routes(tools),
            trusted_proxies=self._settings.receiver.trusted_proxies,
            tally=self._tally,
            traces=self._traces,
        )

    async def serve(self, stop: asyncio.Event) -> None:
        """Until `stop`. Then: stop accepting, finish what is under way, leave."""
        await self._registry.ensure_readable()
        where = self._settings.receiver
        hooks = Hooks(
            self.reception, max_body=where.max_body, public_url=where.public_url, tally=self._tally, traces=self._traces
        )
        counted = exposition(self._vitals, Metrics(self._tally))
        async with (
            asyncio.TaskGroup() as tasks,
            notifying(lambda: self._unready, stop),
            internal_port(
                where.internal_host,
                where.internal_port,
                lambda: self._unready,
                counted,
                socket=self._worker.socket if self._worker else None,
            ),
        ):
            running = [tasks.create_task(task) for task in self._upkeep()]
            if self._worker:
                await self._warm_up(stop)
            async with open_door(
                hooks,
                self._others(hooks),
                where.host,
                where.port,
                max_body=where.max_body,
                is_shared=self._worker is not None,
            ) as port:
                log.info("receiver.listening", host=where.host, port=port)
                await stop.wait()
                log.info("receiver.stopping")
                for task in running:
                    task.cancel()

    async def _warm_up(self, stop: asyncio.Event) -> None:
        """A worker that is ready within moments takes its share of connections only then: until it is, those beside it
        answer them, and better than by 503."""
        clock = asyncio.get_running_loop().time
        until = clock() + _WARM_UP_S
        while self._unready is not None and not stop.is_set() and clock() < until:  # noqa: ASYNC110 - it ends by itself
            await asyncio.sleep(_WARM_UP_LOOK_S)

    def _upkeep(self) -> Iterator["asyncio._CoroutineLike[None]"]:
        yield persist("check the store", self._check)
        yield persist("watch the registry", self._watch)
        yield persist("judge overdue parts", self._sweep)
        yield persist("tell the pulse", self._pulsing.step)

    async def _check(self) -> float:
        try:
            self._vitals.store_is_safe(await self._store.ensure_safe(), system_clock())
        except ConsentError as exc:
            self._vitals.store_failed(exc.reason)
            self._unready = self.reception.unsafe = str(exc)
            raise
        self.reception.unsafe = None
        self._unready = None if self.reception.directory else "the registry has not been read yet"
        return _CHECK_EVERY_S if self._unready is None else 0.05

    async def _watch(self) -> float:
        self.reception.directory = await self._registered.renew(block=_WATCH_MS)
        return 0

    async def _sweep(self) -> float:
        for partition in range(self._store.partitions):
            receipt = await self.reception.judge_overdue(Partition(partition))
            if receipt.events:
                self._tally.judged_late += len(receipt.events)
                log.info("parts.judged", type=" ".join(receipt.types), events=" ".join(receipt.events))
        return min(_LONGEST_SWEEP_S, self._settings.receiver.parts_wait / 1000)
