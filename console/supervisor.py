"""How do several processes live in one terminal? Started in order, kept running, stopped in reverse order.

Every child leads a session of its own: Ctrl-C on the terminal reaches the supervisor alone, which then stops the
receiver before the store it writes to. Should the supervisor itself be killed, the lifeline stops the children.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from consent.errors import Misconfigured
from console.child import Child, RestartPolicy
from console.keeper import Keeper
from console.lifeline import Lifeline

log = structlog.get_logger()

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    def __init__(
        self,
        children: Sequence[Child],
        *,
        policy: RestartPolicy | None = None,
        when_running: Callable[[], None] = lambda: None,
        together: bool = False,
    ) -> None:
        """`when_running` is called once, as soon as every child is ready. Where none stands on another, they may be
        stopped together."""
        self._children = children
        self._together = together
        self._policy = policy or RestartPolicy()
        self._when_running = when_running
        self._hurry = asyncio.Event()
        self._keepers: list[Keeper] = []
        self.stopping = asyncio.Event()
        """Set once it was told to stop."""
        self.running = asyncio.Event()
        """Set once every child is ready."""

    def stop(self) -> None:
        """Once: in order, each in its time. Twice: at once."""
        if self.stopping.is_set():
            self._hurry.set()
        self.stopping.set()

    def pass_on(self, number: signal.Signals) -> None:
        """A signal that is not about stopping, to every child that heeds it."""
        for keeper in self._keepers:
            keeper.pass_on(number)

    def abort(self, name: str) -> None:
        """End the child of this name, which hangs; it is started again."""
        for keeper in self._keepers:
            if keeper.name == name:
                keeper.abort()

    @property
    def deaths(self) -> int:
        """How often a child ended that nobody had told to."""
        return sum(keeper.deaths for keeper in self._keepers)

    async def run(self) -> None:
        """Until stopped, by `stop` or a signal. Raises Misconfigured when a child fails before it was ever ready."""
        with _calling_on_signals(self.stop), Lifeline(together=self._together) as lifeline:
            failure = await self._run(lifeline)
        if failure is not None:
            raise failure

    async def _run(self, lifeline: Lifeline) -> Misconfigured | None:
        """A failure is a value here: raised inside the group, it would come out wrapped."""
        self._keepers = [
            Keeper(child, policy=self._policy, lifeline=lifeline, hurry=self._hurry) for child in self._children
        ]
        kept: list[tuple[Keeper, asyncio.Task[None]]] = []
        async with asyncio.TaskGroup() as tasks:
            try:
                for keeper in self._keepers:
                    kept.append((keeper, tasks.create_task(keeper.keep(), name=keeper.name)))
                    await _either(keeper.begun, self.stopping)
                    if keeper.failure or self.stopping.is_set():
                        return keeper.failure
                self.running.set()
                self._when_running()
                await self.stopping.wait()
            finally:
                if self._together:
                    for keeper, _ in kept:
                        keeper.end()
                for keeper, task in reversed(kept):
                    keeper.end()
                    await asyncio.wait({task})
        return None


@contextmanager
def _calling_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    def heard(number: signal.Signals) -> None:
        log.info("supervisor.stopping", signal=number.name)
        stop()

    loop = asyncio.get_running_loop()
    # Whoever says nohup means it.
    is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    numbers = [number for number in _STOP_SIGNALS if not (is_nohup and number is signal.SIGHUP)]
    for number in numbers:
        loop.add_signal_handler(number, heard, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _either(first: asyncio.Event, second: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in (first, second)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for future in waiting:
            future.cancel()
