"""Which replays are under way in this process, and how far are they? Started, watched, cancelled.

A job lives as long as the process. What it queued stays queued; where it stopped it says, and another goes on from
there (docs/adr/0017-replay.md).
"""

import asyncio
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import structlog

from config.clock import system_clock
from consent.errors import ConsentError
from consent.model import UnixMs
from console.desk import Desk
from console.moments import moment
from console.refusals import NoSuch, Taken
from console.replay import MOST_WAITING, Order, Replaying, ensure_possible

log = structlog.get_logger()

MOST_AT_ONCE = 8
_ASK_AGAIN_S = 1.0
_KEPT = 100
"""Jobs that are over. The oldest are forgotten first."""

State = Literal["counting", "running", "done", "cancelled", "failed"]
_UNDER_WAY = frozenset({"counting", "running"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    id: str
    endpoint: str
    state: State
    started_by: str
    started_at: datetime
    ended_at: datetime | None
    total: int | None
    """Events to be looked at; None until they are counted."""
    found: int
    """So many of them so far."""
    queued: int
    waiting: int
    """Not queued again: they wait already."""
    forgotten: int
    """Given up, and no longer in the log."""
    cursor: str
    """All up to here is done: a replay with `after` this goes on."""
    error: str


class _Job:
    def __init__(self, name: str, order: Order, who: str, *, now: UnixMs, most_waiting: int) -> None:
        self.name = name
        self.order = order
        self.who = who
        self.started_at = now
        self.ended_at: UnixMs | None = None
        self.state: State = "counting"
        self.total: int | None = None
        self.error = ""
        self.replaying = Replaying(order, most_waiting=most_waiting)
        self.task: asyncio.Task[None] | None = None

    @property
    def line(self) -> JobLine:
        results = self.replaying.results
        return JobLine(
            id=self.name,
            endpoint=self.order.endpoint,
            state=self.state,
            started_by=self.who,
            started_at=moment(self.started_at),
            ended_at=moment(self.ended_at) if self.ended_at else None,
            total=self.total,
            found=self.replaying.found,
            queued=results["queued"],
            waiting=results["waiting"],
            forgotten=results["forgotten"],
            cursor=self.replaying.reached.word,
            error=self.error,
        )


class Jobs:
    """Those of one process. `close` ends them."""

    def __init__(self, *, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._count = 0

    def listed(self) -> list[JobLine]:
        """Newest first."""
        return [job.line for job in reversed(self._jobs.values())]

    def one(self, name: str) -> JobLine:
        return self._job(name).line

    async def start(self, desk: Desk, order: Order, *, now: UnixMs) -> JobLine:
        """Taken while another one replays to the same endpoint, and while that is disabled."""
        order = replace(order, endpoint=await ensure_possible(desk, order))
        under_way = [job for job in self._jobs.values() if job.state in _UNDER_WAY]
        if same := next((job for job in under_way if job.order.endpoint == order.endpoint), None):
            raise Taken(f"replay {same.name} to {order.endpoint} is under way: wait for it, or cancel it")
        if len(under_way) >= MOST_AT_ONCE:
            raise Taken(f"{MOST_AT_ONCE} replays are under way: wait for one of them")
        self._count += 1
        job = _Job(f"{now:x}-{self._count}", order, desk.who, now=now, most_waiting=self._most_waiting)
        self._jobs[job.name] = job
        self._forget()
        job.task = asyncio.create_task(self._run(job, desk), name=f"replay {job.name}")
        job.task.add_done_callback(lambda task: _ended(job, task))
        async with desk.reading() as store:
            await desk.note(store, "replay.started", order.endpoint, job=job.name, after=order.after.word)
        return job.line

    async def cancel(self, desk: Desk, name: str) -> JobLine:
        """What it queued by now goes out."""
        job = self._job(name)
        if job.state in _UNDER_WAY and job.task:
            await _cancelled({job.task})
            reached = job.replaying.reached.word
            async with desk.reading() as store:
                await desk.note(store, "replay.cancelled", job.order.endpoint, job=name, cursor=reached)
        return job.line

    async def close(self) -> None:
        await _cancelled({job.task for job in self._jobs.values() if job.task})

    async def _run(self, job: _Job, desk: Desk) -> None:
        try:
            job.total = (await Replaying(job.order).count(desk)).found
            job.state = "running"
            await job.replaying.carry_out(desk, nullcontext(_unseen))
            job.state = "done"
        except ConsentError as error:
            job.state, job.error = "failed", str(error)
        except Exception as error:
            job.state, job.error = "failed", f"{type(error).__name__}: the console's log says more"
            log.exception("replay.failed", job=job.name, endpoint=job.order.endpoint)

    def _job(self, name: str) -> _Job:
        if found := self._jobs.get(name):
            return found
        raise NoSuch(f"there is no replay {name}: they are forgotten when the console starts anew")

    def _forget(self) -> None:
        over = [name for name, job in self._jobs.items() if job.state not in _UNDER_WAY]
        for name in over[: max(0, len(over) - _KEPT)]:
            del self._jobs[name]


async def _cancelled(tasks: set[asyncio.Task[None]]) -> None:
    """Asked again where that was in vain: below Python 3.12 a cancellation may be lost (console/cancellation.py)."""
    while left := {task for task in tasks if not task.done()}:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_ASK_AGAIN_S)


def _ended(job: _Job, task: asyncio.Task[None]) -> None:
    """However it ended: who is cancelled early enough never began."""
    if task.cancelled():
        job.state = "cancelled"
    job.ended_at = system_clock()
    queued = job.replaying.results["queued"]
    log.info("replay.ended", job=job.name, endpoint=job.order.endpoint, state=job.state, queued=queued)


def _unseen(done: int, *, numbers: int) -> None:
    """Who watches a job asks for its line."""
