"""How is each fault done, and undone? To processes that world.py started, by their pid, and to nobody else."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from redis.asyncio import Redis

from tests.chaos import operators
from tests.chaos.schedule import Fault, Kind
from tests.chaos.sink import Mood
from tests.chaos.world import World

_TOO_LITTLE = 1_000_000
"""Bytes, less than an empty server has."""


@dataclass(frozen=True, slots=True)
class Done:
    fault: Fault
    began_at: float
    ended_at: float
    """When it was undone: what was killed runs again, what was held goes on."""


@dataclass(slots=True)
class Faults:
    world: World
    done: list[Done] = field(default_factory=list)
    missed: list[Fault] = field(default_factory=list)
    """Those that found nobody to hurt."""

    async def run(self, schedule: Sequence[Fault]) -> None:
        """Each at its time. Two of one target never overlap, however long the first one took to undo."""
        began = time.monotonic()
        turns: dict[str, asyncio.Lock] = {}
        async with asyncio.TaskGroup() as tasks:
            for fault in schedule:
                if (ahead := began + fault.at - time.monotonic()) > 0:
                    await asyncio.sleep(ahead)
                tasks.create_task(self._do(fault, turns.setdefault(fault.target, asyncio.Lock())))

    async def _do(self, fault: Fault, turn: asyncio.Lock) -> None:
        async with turn:
            began_at = time.monotonic()
            try:
                await _DEEDS[fault.kind](self.world, fault)
            except (*operators.TROUBLE, ProcessLookupError):
                self.missed.append(fault)
                return
            self.done.append(Done(fault, began_at, time.monotonic()))


async def _kill(world: World, fault: Fault) -> None:
    await _end(world, fault, signal.SIGKILL)


async def _stop(world: World, fault: Fault) -> None:
    await _end(world, fault, signal.SIGTERM)


async def _end(world: World, fault: Fault, how: signal.Signals) -> None:
    await world.end(fault.target, how)
    await asyncio.sleep(fault.seconds)
    await world.start(fault.target)


async def _fail_over(world: World, fault: Fault) -> None:
    await world.fail_over(after=fault.seconds)


async def _pause(world: World, fault: Fault) -> None:
    world.send(fault.target, signal.SIGSTOP)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        world.send(fault.target, signal.SIGCONT)


async def _fill(world: World, fault: Fault) -> None:
    async with Redis.from_url(world.url) as redis:
        await redis.config_set("maxmemory", _TOO_LITTLE)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            await redis.config_set("maxmemory", 0)


async def _flush(world: World, _: Fault) -> None:
    async with Redis.from_url(world.url) as redis:
        await redis.function_flush("SYNC")


async def _cut(world: World, fault: Fault) -> None:
    world.link.cut()
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        world.link.mend()


async def _silence(world: World, fault: Fault) -> None:
    world.link.silence()
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        world.link.mend()


async def _jump(world: World, fault: Fault) -> None:
    world.set_clock_ahead(fault.target, fault.amount)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        world.set_clock_ahead(fault.target, 0)


def _turning(mood: Mood) -> Callable[[World, Fault], Awaitable[None]]:
    async def turn(world: World, fault: Fault) -> None:
        world.sinks[fault.target].mood = mood
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            world.sinks[fault.target].mood = Mood.WELL

    return turn


_DEEDS: Mapping[Kind, Callable[[World, Fault], Awaitable[None]]] = {
    Kind.KILL: _kill,
    Kind.STOP: _stop,
    Kind.PAUSE: _pause,
    Kind.FULL: _fill,
    Kind.FLUSH: _flush,
    Kind.FAIL_OVER: _fail_over,
    Kind.CUT: _cut,
    Kind.SILENCE: _silence,
    Kind.CLOCK: _jump,
    Kind.ERROR: _turning(Mood.ERROR),
    Kind.BUSY: _turning(Mood.BUSY),
    Kind.HANG: _turning(Mood.HANG),
    Kind.SLOW: _turning(Mood.SLOW),
    Kind.DROP: _turning(Mood.DROP),
    Kind.DISABLED: operators.disable,
    Kind.LIMITED: operators.limit,
    Kind.REPLAYED: operators.tell_again,
    Kind.HASTENED: operators.hasten,
}
