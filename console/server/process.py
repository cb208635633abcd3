"""The console as a whole: its port, and what keeps it true while it serves."""

import asyncio
from contextlib import suppress

import structlog
from aiohttp import web

from config import console_token
from config.background import persist
from config.clock import system_clock
from config.metrics import Vitals
from config.notify import notifying
from config.probes import binding
from config.settings import Settings
from consent.errors import ConsentError, StoreUnavailable
from consent.ledger import Store
from console.desk import Desk
from console.server.app import build

log = structlog.get_logger()

_CHECK_EVERY_S = 5.0
_GRACE_S = 10.0


class Console:
    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._desk = Desk.over(settings, store)
        self._unready: str | None = "starting"
        self._vitals = Vitals(store, lambda: self._unready)

    async def serve(self, stop: asyncio.Event) -> None:
        """Until `stop`. Then: stop accepting, finish what is under way, leave."""
        await self._desk.registry(self._store).ensure_readable()
        with suppress(StoreUnavailable):  # it may come; but one that is laid out otherwise would be misread
            await self._store.ensure_safe()
        if console_token.ensure_token(self._settings):
            log.info("console.token_made", file=str(console_token.file_of(self._settings)))
        where = self._settings.console
        app = build(self._desk, readiness=lambda: self._unready, vitals=(self._vitals,))
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_GRACE_S)
        async with notifying(lambda: self._unready, stop):
            await runner.setup()
            try:
                async with asyncio.TaskGroup() as tasks:
                    with binding(where.host, where.port):
                        await web.TCPSite(runner, where.host, where.port).start()
                    check = tasks.create_task(persist("check the store", self._check))
                    log.info("console.listening", host=where.host, port=runner.addresses[0][1])
                    await stop.wait()
                    log.info("console.stopping")
                    check.cancel()
            finally:
                await runner.cleanup()

    async def _check(self) -> float:
        try:
            self._vitals.store_is_safe(await self._store.ensure_safe(), system_clock())
        except ConsentError as exc:
            self._vitals.store_failed(exc.reason)
            self._unready = str(exc)
            raise
        self._unready = None
        return _CHECK_EVERY_S
