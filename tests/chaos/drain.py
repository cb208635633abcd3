"""Dispatchers come and go by chance while they drain a backlog: is every delivery made, in order, and how many twice?

    python -m tests.chaos.drain [--deliveries 100000] [--seed 1]

The events are in the ledger before the first dispatcher starts, some dozens of each number, so that order matters. Then
every few thousand deliveries a dispatcher is killed with -9, told to stop, or frozen for longer than its leases last,
and another one starts: between one and three at a time. By deliveries, not by seconds: then a seed does the same to as
many of them on any machine. The endpoint verifies every signature.
"""

import argparse
import asyncio
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from consent.ledger import Ledger, Store
from consent.model import Actor, Change, EventType, Msisdn, Origin, SourceId, Status, UnixMs, Via
from tests.chaos import checker, ending, ledger_records
from tests.chaos.messages import ALERTS
from tests.chaos.records import Records
from tests.chaos.schedule import STEADY
from tests.chaos.waiting import came_true
from tests.chaos.world import ACME, World, world

_AT_ONCE = 512
_MOST_RUNNING = 3
_FROZEN_S = 7.0
"""Longer than a lease and the look that finds it expired."""
_MOST_SHOWN = 20
_PATIENCE_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    deliveries: int = 100_000
    seed: int = 1
    numbers: int = 2000
    every: int = 6000
    """Deliveries between two mishaps, on average."""
    minutes: float = 20.0
    in_flight: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    plan: Plan
    seconds: float
    mishaps: Counter[str]
    repeats: checker.Repeats
    violations: list[checker.Violation]

    @property
    def has_passed(self) -> bool:
        return not self.violations

    def lines(self) -> Iterator[str]:
        said = ", ".join(f"{count} × {name}" for name, count in sorted(self.mishaps.items()))
        came = self.repeats
        yield (
            f"seed {self.plan.seed}: {came.taken} of {self.plan.deliveries} delivered in {self.seconds:.0f} s "
            f"({came.taken / self.seconds:.0f}/s), with {said}"
        )
        yield f"  {came.again} of them twice ({came.share:.3%}), {came.stale} of these behind a later one"
        yield f"  {len(self.violations)} violations"
        yield from (f"    {violation}" for violation in self.violations[:_MOST_SHOWN])


@dataclass(slots=True)
class Comings:
    """Who runs, who goes, who comes next."""

    world: World
    chance: random.Random
    mishaps: Counter[str] = field(default_factory=Counter)
    started: int = 0

    @property
    def running(self) -> list[str]:
        return [name for name in self.world.processes if name.startswith("dispatcher")]

    async def start(self) -> None:
        await self.world.start(f"dispatcher{self.started}")
        self.started += 1

    async def run(self, *, every: int) -> None:
        arrivals = self.world.sinks[STEADY].arrivals
        while True:
            enough = len(arrivals) + self.chance.uniform(0.5, 1.5) * every
            await came_true(partial(self._has_come, enough), within=_PATIENCE_S)
            await self.chance.choice((self._kill, self._kill, self._stop, self._freeze))(
                self.chance.choice(self.running)
            )
            if len(self.running) == 0 or (len(self.running) < _MOST_RUNNING and self.chance.random() < 0.7):
                await self.start()

    async def _has_come(self, count: float) -> bool:
        return len(self.world.sinks[STEADY].arrivals) >= count

    async def _kill(self, name: str) -> None:
        self.mishaps["kill -9"] += 1
        await self.world.end(name, signal.SIGKILL)

    async def _stop(self, name: str) -> None:
        self.mishaps["SIGTERM"] += 1
        await self.world.end(name, signal.SIGTERM)

    async def _freeze(self, name: str) -> None:
        self.mishaps["SIGSTOP, SIGCONT"] += 1
        self.world.send(name, signal.SIGSTOP)
        try:
            await asyncio.sleep(_FROZEN_S)
        finally:
            self.world.send(name, signal.SIGCONT)


async def drained(plan: Plan) -> Drained:
    async with world(endpoints=(STEADY,), processes=(), in_flight=plan.in_flight) as here:
        async with here.opened() as store:
            await _fill(store, plan)
            began = time.monotonic()
            comings = Comings(here, random.Random(f"drain {plan.seed}"))
            await comings.start()
            await comings.start()
            going = asyncio.create_task(comings.run(every=plan.every))
            rest = await _until_settled(store, began + plan.minutes * 60, going)
            seconds = time.monotonic() - began
            arrivals = here.sinks[STEADY].arrivals
            log = await ledger_records.log_of(store)
        records = Records(sent=(), log=log, states={}, listed_out=frozenset(), arrivals={STEADY: arrivals})
        return Drained(
            plan=plan,
            seconds=seconds,
            mishaps=comings.mishaps,
            repeats=checker.repeats(arrivals),
            violations=[*rest, *checker.deliveries(records)],
        )


async def _until_settled(store: Store, deadline: float, going: asyncio.Task[None]) -> list[checker.Violation]:
    async def is_over() -> bool:
        return going.done() or await ledger_records.is_settled(store, [STEADY])

    try:
        is_in_time = await came_true(is_over, within=deadline - time.monotonic())
    finally:
        going.cancel()
        with suppress(asyncio.CancelledError):
            await going
    return [] if is_in_time else [checker.Violation("lost", "something is still owed")]


async def _fill(store: Store, plan: Plan) -> None:
    ledger = Ledger(store)
    changes = (_change(n, plan.numbers) for n in range(plan.deliveries))
    while batch := list(islice(changes, _AT_ONCE)):
        await asyncio.gather(*(ledger.apply(change) for change in batch))


def _change(n: int, numbers: int) -> Change:
    """Every number is said to be out and in by turns, a second apart."""
    turn, who = divmod(n, numbers)
    at = UnixMs((1_764_000_000 + turn) * 1000)
    status = (Status.OPTED_OUT, Status.OPTED_IN)[turn % 2]
    return Change(
        account=ACME,
        msisdn=Msisdn(f"1650{who:07}"),
        type=(EventType.OPTED_OUT, EventType.OPTED_IN)[turn % 2],
        campaigns=(ALERTS,),
        origin=Origin(actor=Actor.RECIPIENT, via=Via.MO, source=SourceId("nexmo"), provider="nexmo"),
        occurred_at=at,
        decides_at=at,
        received_at=UnixMs(time.time_ns() // 1_000_000),
        identities=(f"drain-{n}",),
        status=status,
    )


def main() -> int:
    return ending.reported(drained(Plan(**vars(_arguments()))))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deliveries", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=6000, help="deliveries between two mishaps, on average")
    parser.add_argument("--minutes", type=float, default=20, help="at most")
    parser.add_argument("--in-flight", type=int, default=16)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
