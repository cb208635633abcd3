"""Who looks at the store for all the browsers? One task of the process, twice a second, and only while somebody
watches. Every browser is shown what it found."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import structlog
from aiohttp import web

from consent.errors import ConsentError
from consent.model import UnixMs
from console.pages.picture import Looking, Picture

log = structlog.get_logger()

EVERY_S = 0.5
LINGER_S = 10.0
"""How long the task goes on after the last one left: who walks from page to page is back by then."""


class Poller:
    def __init__(
        self,
        begin: Callable[[], Looking],
        clock: Callable[[], UnixMs],
        *,
        every_s: float = EVERY_S,
        linger_s: float = LINGER_S,
    ) -> None:
        self._begin = begin
        self._clock = clock
        self._every_s = every_s
        self._linger_s = linger_s
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._fresh = asyncio.Condition()
        self._picture: Picture | None = None
        self._is_closed = False

    @property
    def is_polling(self) -> bool:
        return self._task is not None

    async def first(self) -> Picture:
        """What a page shows before it is live: the last picture, or a new one."""
        if self.is_polling and self._picture is not None:
            return self._picture
        return await self._begin().look(self._clock())

    async def pictures(self) -> AsyncIterator[Picture]:
        """Each as it is made, beginning with the one there is; ends when the process is told to stop."""
        self._watchers += 1
        try:
            if self._task is None:
                self._picture = None
                self._task = asyncio.create_task(self._poll(), name="dashboard poller")
            shown: Picture | None = None
            while self._is_going_on():
                async with self._fresh:
                    if self._picture is shown or self._picture is None:
                        await self._fresh.wait()
                is_new, shown = self._picture is not shown, self._picture
                if is_new and shown is not None:
                    yield shown
        finally:
            self._watchers -= 1

    def _is_going_on(self) -> bool:
        return self.is_polling and not self._is_closed

    async def close(self) -> None:
        self._is_closed = True
        await self._tell()
        if (task := self._task) is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _poll(self) -> None:
        looking, alone_for, clock = self._begin(), 0.0, asyncio.get_running_loop().time
        try:
            while alone_for < self._linger_s:
                began = clock()
                self._picture = await self._look(looking) or self._picture
                await self._tell()
                # A store that is slow to answer is not asked all the time because of that.
                await asyncio.sleep(max(began + self._every_s - clock(), self._every_s / 2))
                alone_for = 0.0 if self._watchers else alone_for + self._every_s
        finally:
            self._task = None
            await self._tell()

    async def _tell(self) -> None:
        async with self._fresh:
            self._fresh.notify_all()

    async def _look(self, looking: Looking) -> Picture | None:
        try:
            return await looking.look(self._clock())
        except ConsentError as error:
            log.warning("dashboard.blind", reason=error.reason, error=str(error))
            return replace(self._picture, at=self._clock(), trouble=str(error)) if self._picture else None


POLLER: web.AppKey[Poller] = web.AppKey("POLLER", Poller)
