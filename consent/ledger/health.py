"""How is an endpoint doing, and how much of it may be claimed now? One picture for all dispatchers.

    healthy ─▶ failing ─▶ disabled ─▶ (somebody enables it) ─▶ failing ─▶ healthy      each told to the account, once
    closed ─▶ open, nothing is sent ─▶ one probe of all dispatchers ─▶ closed, or open for longer

The machine is lua/health.lua; only endpoints that have something to remember have a record. docs/adr/0015 says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import orjson

from consent.ledger.keys import HEALTH, RATES, REGISTRY_CHANGES, REGISTRY_VERSION, alarm, registry_table
from consent.ledger.store import Store
from consent.model import EndpointId, EventType, Millis, UnixMs
from consent.values import value

Word = Literal["healthy", "failing", "disabled"]

_TEN_SECONDS, _MINUTE, _FIVE_MINUTES = Millis(10_000), Millis(60_000), Millis(300_000)
_FIVE_DAYS = Millis(5 * 24 * 3_600_000)
_NOT_AT_ALL = Millis(0)
_NEVER = UnixMs(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRules:
    """When is an endpoint given a rest, and when is its account told?"""

    breaker_failures: int = 10
    """In a row, as seen by all dispatchers together: then the breaker opens."""
    breaker_wait: Millis = _TEN_SECONDS
    """How long it stays open at first; twice as long after each probe that failed."""
    breaker_longest: Millis = _FIVE_MINUTES
    failing_after: int = 5
    """So many failures in a row, over at least `failing_for`, and the account is told."""
    failing_for: Millis = _MINUTE
    disable_after: Millis = _FIVE_DAYS
    """Nothing but failures for so long, none further from the next than half of it: the endpoint is disabled."""


@value(frozen=True, slots=True, kw_only=True)
class Said:
    """What attempts said about an endpoint."""

    delivered: int = 0
    failed: int = 0
    """Since the last of those that were delivered."""
    reason: str = ""
    pause: Millis = _NOT_AT_ALL
    """The endpoint asked not to be called for so long."""
    is_gone: bool = False
    probe: str = ""
    """The token of the probe that is over, whatever came of it."""

    def __add__(self, later: "Said") -> "Said":
        return Said(
            delivered=self.delivered + later.delivered,
            failed=later.failed if later.delivered else self.failed + later.failed,
            reason=later.reason or self.reason,
            pause=max(self.pause, later.pause),
            is_gone=self.is_gone or later.is_gone,
            probe=later.probe or self.probe,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Something that an endpoint's account is to be told."""

    type: EventType
    at: UnixMs
    reason: str
    since: UnixMs | None
    """The first of the failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    word: Word = "healthy"
    failures: int = 0
    failing_since: UnixMs | None = None
    last_failure: UnixMs | None = None
    reason: str = ""
    opened: int = 0
    """How often in a row the breaker opened; 0 while it is closed."""
    shut_until: UnixMs = _NEVER
    untold: tuple[Transition, ...] = ()
    """What is not in the event log yet."""


HEALTHY = Standing()


@dataclass(frozen=True, slots=True)
class Wish:
    count: int
    rate: int
    """A second; 0 for no limit."""
    given_back: int = 0
    """Permits that were granted before, and not used."""


@dataclass(frozen=True, slots=True)
class Grant:
    count: int
    again_at: UnixMs | None
    """When to ask for more, in the store's time; None where all was granted."""
    is_probe: bool = False


class Health:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def report(self, endpoint: EndpointId, said: Said, rules: HealthRules) -> Standing:
        """Say how attempts went. Transitions happen here, each once, whoever else reports the same."""
        reply = await self._store.commit.call(
            "report",
            (HEALTH, registry_table("disabled"), REGISTRY_VERSION, REGISTRY_CHANGES),
            (
                endpoint,
                said.delivered,
                said.failed,
                said.reason,
                said.probe,
                said.pause,
                "1" if said.is_gone else "0",
                rules.breaker_failures,
                rules.breaker_wait,
                rules.breaker_longest,
                rules.failing_after,
                rules.failing_for,
                rules.disable_after,
            ),
        )
        return _standing(reply)

    async def admit(
        self, wishes: Mapping[EndpointId, Wish], *, token: str, probe_for: Millis
    ) -> tuple[UnixMs, dict[EndpointId, Grant]]:
        """Before a claim under the same token: how much of each endpoint it may take. With the store's time."""
        arguments: list[str | int] = [token, probe_for]
        for endpoint, wish in wishes.items():
            arguments += [endpoint, wish.count, wish.rate, wish.given_back]
        now, grants = await self._store.commit.call("admit", (HEALTH, RATES), arguments)
        return UnixMs(now), {
            endpoint: Grant(count, UnixMs(again) if again else None, is_probe == b"1")
            for endpoint, (count, again, is_probe) in zip(wishes, grants, strict=True)
        }

    async def standings(self) -> dict[EndpointId, Standing]:
        """Of every endpoint that has anything but good to its record."""
        found = await self._store.redis.hgetall(HEALTH)
        return {EndpointId(endpoint.decode()): _standing(text) for endpoint, text in found.items()}

    async def start_afresh(self, endpoint: EndpointId) -> Standing:
        """Somebody enabled it: what it did before shall not disable it again at its first failure."""
        return await self._forgive(endpoint, "afresh", 0)

    async def told(self, endpoint: EndpointId, transition: Transition) -> Standing:
        """It is in the event log."""
        return await self._forgive(endpoint, "told", transition.at)

    async def remembered(self) -> set[EndpointId]:
        """Every endpoint of which something is kept here, registered or not."""
        names = {*await self._store.redis.hkeys(HEALTH), *await self._store.redis.hkeys(RATES)}
        return {EndpointId(name.decode()) for name in names}

    async def is_first_to_say(self, endpoint: EndpointId, *, period: Millis) -> bool:
        """Whether no dispatcher has said within the period that opt-outs are overdue there."""
        return bool(await self._store.redis.set(alarm(endpoint), "1", nx=True, px=period))

    async def _forgive(self, endpoint: EndpointId, what: str, at: int) -> Standing:
        return _standing(await self._store.commit.call("forgive", (HEALTH, REGISTRY_CHANGES), (endpoint, what, at)))


def _standing(text: bytes) -> Standing:
    if not text:
        return HEALTHY
    kept = orjson.loads(text)
    return Standing(
        word=kept["word"],
        failures=kept["run"],
        failing_since=UnixMs(kept["since"]) if kept["since"] else None,
        last_failure=UnixMs(kept["last"]) if kept["last"] else None,
        reason=kept["reason"],
        opened=kept["opened"],
        shut_until=UnixMs(kept["shut_until"]),
        untold=tuple(
            Transition(
                type=EventType(one["type"]),
                at=UnixMs(one["at"]),
                reason=one["reason"],
                since=UnixMs(one["since"]) if one["since"] else None,
            )
            for one in kept.get("untold", ())
        ),
    )
