"""Hurt a whole installation, by chance and by a seed, while texts come in; then prove that every promise was kept.

    python -m tests.chaos.run [--seed 1] [--events 50000] [--faults 200] [--minutes 15]

The faults are spread over the time that the load takes. Then everything is mended, what is owed may arrive, and each
receiver and dispatcher has to work alone once more, without a restart. docs/faults.md tells the rest.
"""

import argparse
import asyncio
import random
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.chaos import checker, ending, ledger_records
from tests.chaos.faults import Faults
from tests.chaos.logs import Logs
from tests.chaos.messages import Message, script
from tests.chaos.provider import Provider
from tests.chaos.records import Records
from tests.chaos.report import Report, slowest_recovery
from tests.chaos.schedule import DISPATCHERS, HANGING, RECEIVERS, STEADY, schedule
from tests.chaos.sink import Mood
from tests.chaos.waiting import came_true
from tests.chaos.world import World, world


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    seed: int
    events: int
    faults: int
    minutes: float
    """Of load, at most; what arrives afterwards has as long again."""
    rate: float = 120.0
    """Messages a second."""
    numbers: int = 300
    has_replica: bool = False
    takes_over: bool = True
    """In the end, each dispatcher has to find what the other one, frozen, held: that takes ten seconds each."""

    @property
    def patience(self) -> float:
        """Seconds until what is still missing is missing for good."""
        return 30 + self.minutes * 60


@dataclass(frozen=True, slots=True)
class Run:
    plan: Plan
    world: World
    provider: Provider
    faults: Faults
    logs: Logs

    async def carry_out(self) -> Report:
        began = time.monotonic()
        messages = script(self.plan.seed, events=self.plan.events, numbers=self.plan.numbers, now=int(time.time()))
        follower = asyncio.create_task(self.logs.follow())
        rest = await self._hurt(messages[:-EXAMINATION])
        rest += await self._settle()
        took_alone = await self._examine(messages[-EXAMINATION:])
        rest += [
            checker.Violation("lost", f"{name} does no work any more")
            for name, took in took_alone.items()
            if took == NO_WORK
        ]
        rest += await self._settle()
        follower.cancel()
        self.logs.read()
        rest += [checker.Violation("lost", death) for death in self.world.deaths()]
        records = await self._records()
        delivered = sorted(arrival.at for arrival in records.arrivals[STEADY] if arrival.is_taken)
        return Report(
            seed=self.plan.seed,
            seconds=time.monotonic() - began,
            messages=len(self.provider.sent),
            events=len(records.log),
            superseded=sum(event.superseded for event in records.log),
            deliveries=sum(checker.repeats(arrivals).taken for arrivals in records.arrivals.values()),
            done=self.faults.done,
            missed=len(self.faults.missed),
            refusals=self.provider.refusals,
            repeats={name: checker.repeats(arrivals) for name, arrivals in records.arrivals.items()},
            stale_signatures=sum(sink.stale for sink in self.world.sinks.values()),
            slowest_recovery=slowest_recovery(
                self.faults.done,
                until=self.provider.done_at,
                acknowledged=sorted(one.at for one in self.provider.acknowledged),
                delivered=delivered,
            ),
            work_alone=took_alone,
            unusual_lines=self.logs.unusual(),
            busiest_second=self.logs.busiest_second(),
            out_of_form=self.logs.out_of_form,
            violations=[*rest, *checker.violations(records)],
        )

    async def _hurt(self, messages: Sequence[Message]) -> list[checker.Violation]:
        """The load and the faults, side by side."""
        seconds = min(len(messages) / self.plan.rate, self.plan.minutes * 60)
        planned = schedule(self.plan.seed, faults=self.plan.faults, seconds=seconds, has_replica=self.plan.has_replica)
        faults = asyncio.create_task(self.faults.run(planned))
        last = max((fault.end for fault in planned), default=0.0)
        try:
            async with asyncio.timeout(max(seconds, last) + self.plan.patience):
                await self.provider.run(messages, rate=len(messages) / seconds)
                await faults
        except TimeoutError:
            return [checker.Violation("lost", "not everything was acknowledged in time")]
        finally:  # or it would go on starting processes when their world is gone
            faults.cancel()
            await asyncio.wait([faults])
        return []

    async def _settle(self) -> list[checker.Violation]:
        """Wait until nobody is owed anything."""
        if await self._is_settled(within=self.plan.patience):
            return []
        return [checker.Violation("lost", f"something is still owed after {self.plan.patience:g} s of peace")]

    async def _is_settled(self, *, within: float) -> bool:
        async with self.world.opened() as store:
            return await came_true(lambda: ledger_records.is_settled(store, self.world.sinks), within=within)

    async def _examine(self, messages: Sequence[Message]) -> dict[str, float]:
        """Each receiver and dispatcher does its work alone. Seconds until it was done.

        While an endpoint hangs, both dispatchers hold deliveries of it; then one is frozen. The other has to deliver
        its own, find the frozen one's leases expired, and deliver those too. Where they came to hold nothing, that is
        merely easier.
        """
        took: dict[str, float] = {}
        for turn, dispatcher in enumerate(DISPATCHERS):
            (fellow,) = (other for other in DISPATCHERS if other != dispatcher)
            self.world.sinks[HANGING].mood = Mood.HANG if self.plan.takes_over else Mood.WELL
            for n, message in enumerate(messages[turn :: len(DISPATCHERS)]):
                name = RECEIVERS[n % len(RECEIVERS)]
                if took.get(name) != NO_WORK:
                    until = await self.provider.insist(message, RECEIVERS.index(name), within=EXAMINATION_S)
                    took[name] = max(took.get(name, 0.0), until)
            async with self.world.opened() as store:
                await came_true(lambda: ledger_records.is_held(store, HANGING), within=EXAMINATION_S)
            self.world.send(fellow, signal.SIGSTOP)
            self.world.sinks[HANGING].mood = Mood.WELL
            began = time.monotonic()
            is_told = await self._is_settled(within=EXAMINATION_S)
            took[dispatcher] = time.monotonic() - began if is_told else NO_WORK
            self.world.send(fellow, signal.SIGCONT)
        return took

    async def _records(self) -> Records:
        numbers = {sent.message.msisdn for sent in self.provider.sent}
        async with self.world.opened() as store:
            return Records(
                sent=self.provider.sent,
                log=await ledger_records.log_of(store),
                states=await ledger_records.states_of(store, sorted(numbers)),
                listed_out=await ledger_records.listed_out(store),
                arrivals={name: sink.arrivals for name, sink in self.world.sinks.items()},
                forged={name: sink.forged for name, sink in self.world.sinks.items()},
            )


EXAMINATION_S = 30.0
EXAMINATION = 16
"""Messages."""
NO_WORK = float("inf")


async def carried_out(plan: Plan, *, keep_logs: Path | None = None) -> Report:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(world(has_replica=plan.has_replica))
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        ports = [here.ports[name][0] for name in RECEIVERS]
        provider = Provider(http, ports, random.Random(f"provider {plan.seed}"))
        logs = Logs({name: here.log_of(name) for name in (*RECEIVERS, *DISPATCHERS)})
        report = await Run(plan, here, provider, Faults(here), logs).carry_out()
        if keep_logs is not None:
            here.keep_logs(keep_logs)
        return report


def main() -> int:
    options = vars(_arguments())
    logs = options.pop("logs")
    return ending.reported(carried_out(Plan(**options), keep_logs=logs))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=15, help="of load, at most")
    parser.add_argument("--rate", type=float, default=120, help="messages a second; a text makes two events")
    parser.add_argument("--numbers", type=int, default=300)
    parser.add_argument(
        "--replica", dest="has_replica", action="store_true", help="with a replica, which is failed over to"
    )
    parser.add_argument("--logs", type=Path, help="a folder to keep the processes' logs in")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
