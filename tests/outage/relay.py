"""A whole installation on a simulated clock, and the hour in which one of its endpoints is down.

The clock goes forward minute by minute, and in each somebody says STOP; nothing else is simulated. The next
minute begins when the dispatcher has done all that was due in this one, so the retries, the breaker, the alarms and the
disabling of that hour are those of the schedule.
"""

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from consent.ledger import Health, Registry, Store
from consent.model import EndpointId
from tests.builders import ANN, an_endpoint
from tests.chaos import jumping
from tests.e2e.installation import ROOT, Installation
from tests.e2e.installation import eventually as _eventually
from tests.outage.customer import Customer
from tests.outage.simulated import AHEAD
from tests.pages.running import WITHIN_S, Running

CRM, PAGER = EndpointId("acme/crm"), EndpointId("acme/pager")
SCHEDULE = '["0s", "5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"]'
"""The default one."""
_MINUTE_S = 60
_ANN_CHANGES_HER_MIND = {12: "STOP", 24: "START", 36: "STOP", 48: "START", 54: "STOP"}
_ALARMS = {"endpoint.changed", "optout.overdue"}
_STATUSES = {"STOP": "opted_out", "START": "opted_in"}


eventually = partial(_eventually, within=WITHIN_S)


@dataclass(frozen=True, slots=True)
class Printed:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Relay(Installation):
    """Its processes live by the simulated clock, the commands typed at it as well."""

    starts_within_s = WITHIN_S

    def __init__(self, folder: Path, *, extra: str) -> None:
        super().__init__(folder, schedule=SCHEDULE, extra=extra)
        self._ahead_s = 0.0
        self._ahead = folder / "clock"
        jumping.set_ahead(self._ahead, 0)
        self.crm, self.pager = Customer(self.now_s), Customer(self.now_s)
        self.console = Running(self)
        self.said: defaultdict[str, list[str]] = defaultdict(list)
        """What became of each number, in order."""
        self._texts = 0

    def now_s(self) -> float:
        return time.time() + self._ahead_s

    async def start(self) -> None:
        await asyncio.gather(self.crm.come_up(), self.pager.come_up(), self.start_store())
        await self.register(
            an_endpoint("crm", url=self.crm.url), an_endpoint("pager", url=self.pager.url, events=("endpoint.*",))
        )
        await asyncio.gather(self.start_receiver(), self.start_dispatcher(), self.console.start_console())

    async def end(self) -> None:
        for name in sorted(self.processes, key=lambda name: name == "store"):
            await self.kill(name)
        await asyncio.gather(self.crm.go_down(), self.pager.go_down())

    async def typed(self, *words: str) -> Printed:
        """What `consent-relay` printed in a terminal that is a pipe, and its exit code."""
        command = [sys.executable, "-m", "tests.outage.simulated", str(self._ahead), "tests.outage.typed", *words]
        environment = {**os.environ, "CONSENT_RELAY_CONFIG": str(self.folder / "console.toml")}
        running = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE)
        out, err = await running.communicate()
        return Printed(running.returncode or 0, out.decode(), err.decode())

    async def minutes(self, count: int) -> None:
        async with Redis.from_url(self.url) as redis, self.opened() as store:
            for minute in range(count):
                self._ahead_s += _MINUTE_S
                await redis.set(AHEAD, round(self._ahead_s * 1_000_000))
                jumping.set_ahead(self._ahead, self._ahead_s)
                await self.text(f"1555893{7000 + self._texts}", "STOP")
                if word := _ANN_CHANGES_HER_MIND.get(minute):
                    await self.text(ANN, word)
                await eventually(lambda: self._is_quiet(store))

    async def text(self, msisdn: str, word: str) -> None:
        self._texts += 1
        await self.console.texted(msisdn, word, identity=f"m{self._texts}")
        self.said[msisdn].append(_STATUSES[word])

    def was_told_all(self) -> bool:
        """Every change of every number, in its order."""
        return all(self.crm.told(msisdn) == said for msisdn, said in self.said.items())

    def alarms(self) -> list[str]:
        """What the dispatcher's log said to whoever is on duty, in order."""
        lines = [json.loads(line) for line in self.log_of("dispatcher0").splitlines()]
        return [line.get("type", line["event"]) for line in lines if line["event"] in _ALARMS]

    async def was_alarmed(self, *alarms: str) -> None:
        """By the log, and by what another endpoint was told; nothing else was said."""
        told = [alarm for alarm in alarms if alarm.startswith("endpoint.")]
        await eventually(lambda: self.alarms() == [*alarms])
        await eventually(lambda: [body["type"] for _, body in self.pager.received] == told)

    async def _is_quiet(self, store: Store) -> bool:
        """Everything is routed, nothing is under way, and nothing is due at an endpoint that may be called."""
        now, standings = self.now_s() * 1000, await Health(store).standings()
        directory = await Registry(store).directory()
        resting = {name for name, each in standings.items() if each.opened and each.shut_until > now}
        resting |= {endpoint.id for endpoint in directory.endpoints.values() if endpoint.disabled}
        for keys in store.keys:
            last = await store.redis.xrevrange(keys.log, count=1)
            if last and last[0][0] != await store.redis.get(keys.routed):
                return False
            if await store.redis.zcard(keys.leased):
                return False
            due = await store.redis.zrange(keys.next, 0, now, byscore=True)
            if {EndpointId(name.decode()) for name in due} - resting:
                return False
        return not any(each.untold for each in standings.values())

    async def _spawn(self, name: str, command: Sequence[str], config: Path | None = None) -> None:
        simulated = [sys.executable, "-m", "tests.outage.simulated", str(self._ahead)]
        ours = [*simulated, *command[2:]] if config else [*command]  # the store is not ours to simulate
        await super()._spawn(name, ours, config)


@asynccontextmanager
async def relay(folder: Path, *, extra: str = "") -> AsyncIterator[Relay]:
    """`extra`: settings of the dispatcher."""
    here = Relay(folder, extra=extra)
    try:
        await here.start()
        yield here
    finally:
        await here.end()
