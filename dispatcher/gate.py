"""What may be claimed of an endpoint now, and what do its answers say about it? This dispatcher's part of it.

Rates, breakers and health are kept in the store, for all dispatchers. Nothing of it is asked or said for an endpoint
without a rate that answers: of those whose breaker is open we know, and they and the rated ones need leave to be
claimed. Failures are reported at once, in one report while another is under way; successes only where there is
something to mend, and once a second, for another dispatcher may see failures that we do not.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from consent.errors import StoreUnavailable
from consent.ledger import Grant, Health, HealthRules, Said, Standing, Wish
from consent.model import Endpoint, EndpointId, Lease, Millis, UnixMs
from dispatcher.agenda import Site
from dispatcher.plan import Claims, trimmed, wanted_of, where_untried

log = structlog.get_logger()

_PULSE_MS = 1000
_HEALTHY = Standing()
_NOTHING = Said()


@dataclass(frozen=True, slots=True)
class Admission:
    """What may be claimed of what was planned."""

    claims: Claims
    grants: Mapping[EndpointId, Grant] = field(default_factory=dict)
    """Of the endpoints that needed leave."""
    fresh: frozenset[EndpointId] = frozenset()
    """Whose never tried deliveries go before all others."""


def rate_of(endpoint: Endpoint) -> int:
    """A second; 0 for no limit. config/fields.py knows the form."""
    return int(endpoint.rate.partition("/")[0] or 0)


class Gate:
    def __init__(self, health: Health, rules: HealthRules, *, probe_for: Millis) -> None:
        """`probe_for`: after that a probe of which nothing was heard counts for nothing."""
        self._health = health
        self._rules = rules
        self._probe_for = probe_for
        self._standings: dict[EndpointId, Standing] = {}
        self._probes: dict[EndpointId, str] = {}
        self._unused: Counter[EndpointId] = Counter()
        self._unreported: dict[EndpointId, Said] = {}
        self._reporting: dict[EndpointId, asyncio.Event] = {}
        """Set once the report is over."""
        self._failures: Counter[EndpointId] = Counter()
        """In a row, as seen here."""
        self._reported_at: dict[EndpointId, UnixMs] = {}

    def standing(self, endpoint: EndpointId) -> Standing:
        return self._standings.get(endpoint, _HEALTHY)

    def lets(self, lease: Lease) -> bool:
        """Whether a delivery claimed earlier may still be attempted."""
        return not self.standing(lease.endpoint).opened or self._is_probe(lease)

    async def until_reported(self, name: EndpointId) -> None:
        """Enough failed here to open its breaker, and a report of it is under way: whether it opens is worth waiting
        for, or what was claimed would go on failing meanwhile."""
        reporting = self._reporting.get(name)
        if reporting is not None and self._failures[name] >= self._rules.breaker_failures:
            await reporting.wait()

    def learn(self, standings: Mapping[EndpointId, Standing]) -> set[EndpointId]:
        """The picture in the store. Returns whose breaker opened or closed since we knew."""
        before, self._standings = self._standings, dict(standings)
        return {
            name
            for name in {*before, *standings}
            if before.get(name, _HEALTHY).shut_until != self.standing(name).shut_until
        }

    def needs_leave(self, endpoint: Endpoint) -> bool:
        """To be claimed: the store says how many, or whether at all."""
        return bool(endpoint.rate) or self.standing(endpoint.id).opened > 0

    # ── before a claim ──────────────────────────────────────────────────────────────────────────────────────────────

    async def admit(
        self,
        claims: Claims,
        endpoints: Mapping[EndpointId, Endpoint],
        *,
        token: str,
        sites: Sequence[Site] = (),
    ) -> Admission:
        """`sites`: where the claims are to be made, as it is known."""
        wishes = {
            name: Wish(count, rate_of(endpoints[name]), self._unused.pop(name, 0))
            for name, count in wanted_of(claims).items()
            if self.needs_leave(endpoints[name])
        }
        if not wishes:
            return Admission(claims)
        was_open = {name for name in wishes if self.standing(name).opened}
        _, grants = await self._health.admit(wishes, token=token, probe_for=self._probe_for)
        for name in was_open:
            if not self.standing(name).opened:  # closed meanwhile: how long it was shut for is no news any more
                grants[name] = replace(grants[name], again_at=None)
        self._probes.update({name: token for name, grant in grants.items() if grant.is_probe})
        fresh = frozenset(name for name, grant in grants.items() if grant.is_probe and self._is_for_untried(name))
        counts = {name: grant.count for name, grant in grants.items()}
        return Admission(trimmed(where_untried(claims, sites, fresh), counts), grants, fresh)

    async def took(self, admission: Admission, claimed: Counter[EndpointId], *, token: str) -> list[EndpointId]:
        """Give back what was granted and not found: somebody else was quicker. Returns whose probe is still to come."""
        idle = []
        for name, grant in admission.grants.items():
            self._unused[name] += grant.count - claimed[name]
            if grant.is_probe and not claimed[name]:
                idle.append(name)
                del self._probes[name]
                self._unreported[name] = self._unreported.get(name, _NOTHING) + Said(probe=token)
                await self.report(name)
        return idle

    # ── after an attempt ────────────────────────────────────────────────────────────────────────────────────────────

    def hear(self, lease: Lease, said: Said, now: UnixMs) -> bool:
        """Returns whether it is worth a report."""
        name = lease.endpoint
        was_probe = self._is_probe(lease)
        if was_probe:
            del self._probes[name]
            said += Said(probe=lease.token)
        if said == _NOTHING:
            return False
        self._unreported[name] = self._unreported.get(name, _NOTHING) + said
        self._count(name, said)
        is_news = said.failed or said.is_gone or was_probe or self.standing(name) != _HEALTHY
        if not is_news and now - self._reported_at.get(name, 0) < _PULSE_MS:
            return False
        self._reported_at[name] = now
        return True

    async def report(self, name: EndpointId) -> None:
        """All that was heard of it. What the store does not take is said again with what is heard next."""
        if name in self._reporting:
            return
        over = self._reporting[name] = asyncio.Event()
        try:
            while (said := self._unreported.pop(name, None)) is not None:
                try:
                    self._know(name, await self._health.report(name, said, self._rules))
                except StoreUnavailable as exc:
                    self._unreported[name] = said + self._unreported.get(name, _NOTHING)
                    log.warning("health.unreported", endpoint=name, error=str(exc))
                    return
        finally:
            del self._reporting[name]
            over.set()

    def _is_for_untried(self, name: EndpointId) -> bool:
        """Every second probe. Opt-outs that it refuses would else be probed with again and again, and nothing that it
        would take ever be sent."""
        return self.standing(name).opened % 2 == 0

    def _count(self, name: EndpointId, said: Said) -> None:
        if said.delivered:
            del self._failures[name]
        else:
            self._failures[name] += said.failed

    def _is_probe(self, lease: Lease) -> bool:
        return self._probes.get(lease.endpoint) == lease.token

    def _know(self, name: EndpointId, standing: Standing) -> None:
        if standing == _HEALTHY:
            self._standings.pop(name, None)
        else:
            self._standings[name] = standing
