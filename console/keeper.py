"""How is one child kept running? Start, wait until it is ready, wait until it dies, wait a little, start it again."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, STDOUT, Process

import structlog

from consent.errors import ConsentError, Misconfigured
from console.child import Child, RestartPolicy
from console.lifeline import Lifeline

log = structlog.get_logger()

_HELD = ("/bin/sh", "-c", 'read -r _ && exec "$@" < /dev/null', "child")
"""Holds the program back until the lifeline knows of it. Were we killed between the two, it would never begin."""
_LONGEST_LINE = 1024 * 1024
_LAST_WORDS_S = 1.0
_BETWEEN_SIGNALS_S = 0.1
"""Two of one kind that come at once may arrive as one."""


class Keeper:
    def __init__(self, child: Child, *, policy: RestartPolicy, lifeline: Lifeline, hurry: asyncio.Event) -> None:
        self._child = child
        self._policy = policy
        self._lifeline = lifeline
        self._hurry = hurry
        self._ending = asyncio.Event()
        self._is_ready = False
        self._settled: Process | None = None
        self._raised = 0
        """By how many levels more it shall log than it is configured to."""
        self.name = child.name
        self.deaths = 0
        """How often it ended though nobody had told it to."""
        self.begun = asyncio.Event()
        """Set when the child was ready for the first time, or failed before: look at `failure`."""
        self.failure: Misconfigured | None = None

    async def keep(self) -> None:
        """Until `end` is called, or the first start fails: what never worked is for the operator, not for a retry."""
        await self._prepare()
        failures = 0
        while not (self._ending.is_set() or self.failure):
            ran_for = await self._live_once(failures)
            failures = self._policy.failures(failures, ran_for=ran_for)
            if self._is_ready:
                await _unless(self._ending, within=self._policy.wait(failures))

    def end(self) -> None:
        """Ask it to stop; `keep` returns when it has."""
        self._ending.set()

    def pass_on(self, number: signal.Signals) -> None:
        """To a child that knows what is meant. One that is starting, or is started again, hears of it when it is ready:
        before, the signal would end it."""
        if self._child.heeds_log_signals:
            self._raised = self._raised + 1 if number is signal.SIGUSR1 else 0
            if self._settled is not None:
                _tell(self._settled, number)

    def abort(self) -> None:
        """End a child that was ready and hangs. It may say where (PYTHONFAULTHANDLER), and is started again."""
        if (process := self._settled) is not None:
            self._settled = None
            log.error("process.silent", name=self.name, pid=process.pid)
            _tell(process, signal.SIGABRT)
            asyncio.get_running_loop().call_later(_LAST_WORDS_S, _kill_unless_ended, process)

    async def _prepare(self) -> None:
        if self._child.prelude is None:
            return
        try:
            await self._child.prelude()
        except ConsentError as exc:
            self.failure = Misconfigured(str(exc))
            self.begun.set()

    async def _live_once(self, failures: int) -> float:
        """How many seconds it ran."""
        clock = asyncio.get_running_loop().time
        born = clock()
        process = await _spawn(self._child)
        log.info("process.restarted" if failures else "process.started", name=self._child.name, pid=process.pid)
        await self._watch(process)
        self._tell_end(process)
        return clock() - born

    async def _watch(self, process: Process) -> None:
        self._lifeline.watch(process.pid)
        try:
            await _let_go(process)
            async with asyncio.TaskGroup() as tasks:
                words = tasks.create_task(self._relay(process))
                others = [
                    tasks.create_task(self._await_ready(process)),
                    tasks.create_task(self._end_when_told(process)),
                ]
                await process.wait()
                _kill_group(process)  # what it left behind would hold its port
                await asyncio.wait({words}, timeout=_LAST_WORDS_S)
                for task in (words, *others):
                    task.cancel()
        finally:
            self._settled = None
            _kill_group(process)
            await process.wait()
            self._lifeline.forget(process.pid)

    async def _relay(self, process: Process) -> None:
        if self._child.says is not None and process.stdout is not None:
            async for line in process.stdout:
                self._child.says(line.decode(errors="replace").rstrip())

    async def _await_ready(self, process: Process) -> None:
        try:
            if self._child.ready is not None:
                await self._child.ready()
        except ConsentError as exc:
            log.error("process.not_ready", name=self._child.name, pid=process.pid, reason=str(exc))  # noqa: TRY400
            self._fail(f"did not become ready: {exc}")
            _kill_group(process)
        else:
            self._is_ready = True
            self._settled = process
            self.begun.set()
            await self._catch_up(process)

    async def _catch_up(self, process: Process) -> None:
        """It starts as configured; the others may have been told to log more since."""
        for told in range(self._raised):
            if told:
                await asyncio.sleep(_BETWEEN_SIGNALS_S)
            _tell(process, signal.SIGUSR1)

    async def _end_when_told(self, process: Process) -> None:
        await self._ending.wait()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await _unless(self._hurry, within=self._child.stop_timeout)
        _kill_group(process)

    def _tell_end(self, process: Process) -> None:
        how = _how(process.returncode)
        if self._ending.is_set():
            log.info("process.stopped", name=self._child.name, pid=process.pid, **how)
        else:
            self.deaths += 1
            log.error("process.died", name=self._child.name, pid=process.pid, **how)
            self._fail("ended before it was ready: see what it said above")

    def _fail(self, reason: str) -> None:
        """Of weight only before the child was ever ready."""
        if not self._is_ready and self.failure is None:
            self.failure = Misconfigured(f"{self._child.name} {reason}")
            self.begun.set()


async def _spawn(child: Child) -> Process:
    output = PIPE if child.says else None
    return await asyncio.create_subprocess_exec(
        *_HELD,
        *child.command,
        env=child.env,
        stdin=PIPE,
        stdout=output,
        stderr=STDOUT if child.says else None,
        limit=_LONGEST_LINE,
        start_new_session=True,
    )


async def _let_go(process: Process) -> None:
    assert process.stdin is not None  # noqa: S101 - it was started with a pipe
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(b"\n")
        await process.stdin.drain()
    process.stdin.close()


def _tell(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _kill_group(process: Process) -> None:
    """The child and whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _kill_unless_ended(process: Process) -> None:
    if process.returncode is None:
        _kill_group(process)


def _how(returncode: int | None) -> dict[str, str | int | None]:
    if returncode is not None and returncode < 0:
        return {"signal": signal.Signals(-returncode).name}
    return {"exit_code": returncode}


async def _unless(event: asyncio.Event, *, within: float) -> None:
    """Wait so many seconds, unless the event cuts it short."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()
