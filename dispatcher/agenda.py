"""Where is something due? What this dispatcher knows of it, so that the store is asked only for deliveries.

Looks tell all of it, every few seconds. In between it follows from what happens here: events routed, deliveries claimed
and settled. What other dispatchers do shows at the next look; until then a claim may find less than was expected, and
says when to come again. Times are the store's; `now` asks for ours and adds how far the store's clock is ahead.

An answer of the store is older than what was noted while it was under way: in one flush a claim may come before the
routing of what is due next. So whoever asks says when (`notes`), and what was noted since is kept.

An endpoint may be held back as a whole, by its rate or its breaker: then nothing of it is due before that is over.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from typing import NamedTuple

from consent.ledger import Claimed, Due, Look, Order
from consent.model import Endpoint, EndpointId, Partition, UnixMs


class Site(NamedTuple):
    """A partition where something of an endpoint is due."""

    partition: Partition
    endpoint: EndpointId
    has_untried: bool = True
    has_tried: bool = True
    """As far as is known: a look does not tell which of the two is due."""
    may_be_urgent: bool = False
    """There is an opt-out that the endpoint was not told of: perhaps due, or else behind something or on its way."""


_HAS_KIND: Mapping[Order, Callable[[Site], bool]] = {
    "urgent": lambda _: True,
    "tried": lambda site: site.has_tried,
    "untried": lambda site: site.has_untried,
}

BecameDue = Callable[[Partition, Set[EndpointId]], None]
"""Told where something is due that was not before."""

AT_ONCE = UnixMs(0)
_NEVER = UnixMs(2**63)
_NOTHING = Due(None, None)


class Agenda:
    """Costs as much as there is to do now, not as much as is owed: after an outage that is everything to everybody."""

    def __init__(self) -> None:
        self._owed: dict[EndpointId, _Owed] = {}
        self._held: dict[EndpointId, UnixMs] = {}
        self._ahead = 0
        self.notes = 0
        """How many were made so far: by it an answer is told from what was noted since it was asked for."""

    def looked(self, look: Look, clock: UnixMs, *, asked: int) -> None:
        self._ahead = look.now - clock
        for name in dict.fromkeys((*self._owed, *look.due)):
            at, owed = look.due.get(name), self._of(name)
            owed.heard(look.partition, Due(at, at), asked=asked)
            owed.heard_of_optouts(look.partition, is_so=name in look.unheard, asked=asked)

    def claimed(self, partition: Partition, claimed: Claimed, clock: UnixMs, *, asked: int) -> None:
        self._ahead = claimed.now - clock
        urgent, others = ({lease.endpoint for lease in claimed.leases if lease.is_urgent is so} for so in (True, False))
        for name, due in claimed.due.items():
            owed = self._of(name)
            owed.heard(partition, due, asked=asked)
            owed.heard_of_optouts(partition, is_so=name in urgent - others, asked=asked)  # they come before all others

    def note(
        self,
        partition: Partition,
        endpoint: EndpointId,
        at: UnixMs = AT_ONCE,
        *,
        was_tried: bool = False,
        may_be_urgent: bool = False,
    ) -> None:
        """One more is due then, in the store's time."""
        self.notes += 1
        owed = self._of(endpoint)
        owed.note(partition, at, was_tried=was_tried, number=self.notes)
        if may_be_urgent:
            owed.urgent.add(partition)

    def forget(self, partition: Partition) -> None:
        """Nobody answers there: nothing is due before a look tells of it again."""
        for owed in self._owed.values():
            owed.heard(partition, _NOTHING, asked=self.notes)

    def hold(self, endpoint: EndpointId, until: UnixMs) -> None:
        """Nothing of it before then, whatever is due."""
        self._held[endpoint] = until

    def release(self, endpoint: EndpointId) -> None:
        self._held.pop(endpoint, None)

    def due(
        self, clock: UnixMs, has_room: Callable[[EndpointId], bool], *, order: Order = "urgent", first: int = 0
    ) -> list[Site]:
        """Of those endpoints for which there is room: where opt-outs may be, where what the order asks for may be, then
        all else; partition by partition from the first one on."""
        now = clock + self._ahead
        for endpoint in [name for name, until in self._held.items() if until <= now]:
            del self._held[endpoint]
        sites = [
            Site(partition, name, _is_due(due.untried, now), _is_due(due.tried, now), partition in owed.urgent)
            for name, owed in self._owed.items()
            if owed.first <= now and name not in self._held and has_room(name)
            for partition, due in owed.due.items()
            if _is_due(due.untried, now) or _is_due(due.tried, now)
        ]
        has_kind = _HAS_KIND[order]
        return sorted(
            sites, key=lambda site: (not site.may_be_urgent, not has_kind(site), site.partition < first, site.partition)
        )

    def has_due(self, endpoint: EndpointId, clock: UnixMs) -> bool:
        """Something of it is due, or would be if it were not held back."""
        owed = self._owed.get(endpoint)
        return endpoint in self._held or (owed is not None and owed.first <= clock + self._ahead)

    def rest(self, endpoints: Mapping[EndpointId, Endpoint], clock: UnixMs, *, longest: int) -> int:
        """For so many ms, at most `longest`, nothing becomes due. What is due waits for room, and room wakes us."""
        now = clock + self._ahead
        served = (self._next(name, owed, now) for name, owed in self._owed.items() if _is_served(endpoints, name))
        return min(min(served, default=_NEVER) - now, longest)

    def _next(self, name: EndpointId, owed: "_Owed", now: int) -> UnixMs:
        held = self._held.get(name, AT_ONCE)
        return max(owed.first, held) if held > now else owed.after(now)

    def _of(self, endpoint: EndpointId) -> "_Owed":
        return self._owed.get(endpoint) or self._owed.setdefault(endpoint, _Owed())


class _Owed:
    """When something of one endpoint is due, partition by partition."""

    def __init__(self) -> None:
        self.due: dict[Partition, Due] = {}
        self.urgent: set[Partition] = set()
        """Where there may be opt-outs."""
        self._noted: dict[Partition, int] = {}
        self.first = _NEVER
        """Of all. Endpoints that wait for a later retry are asked for no more than this, however many there are."""

    def note(self, partition: Partition, at: UnixMs, *, was_tried: bool, number: int) -> None:
        self._noted[partition] = number
        untried, tried = self.due.get(partition, _NOTHING)
        self.due[partition] = Due(untried, _earlier(tried, at)) if was_tried else Due(_earlier(untried, at), tried)
        self.first = min(self.first, at)

    def heard(self, partition: Partition, due: Due, *, asked: int) -> None:
        """What the store answered; it counts unless something was noted since it was asked."""
        if self._is_newer(partition, asked) or self.due.get(partition, _NOTHING) == due:
            return
        if due == _NOTHING:
            del self.due[partition]
        else:
            self.due[partition] = due
        self.first = min(self._times(), default=_NEVER)

    def heard_of_optouts(self, partition: Partition, *, is_so: bool, asked: int) -> None:
        if is_so:
            self.urgent.add(partition)
        elif not self._is_newer(partition, asked):
            self.urgent.discard(partition)

    def after(self, now: int) -> UnixMs:
        """The first of what is not due yet."""
        return self.first if self.first > now else min((at for at in self._times() if at > now), default=_NEVER)

    def _is_newer(self, partition: Partition, asked: int) -> bool:
        return self._noted.get(partition, 0) > asked

    def _times(self) -> Iterator[UnixMs]:
        return (at for due in self.due.values() for at in due if at is not None)


def _earlier(known: UnixMs | None, at: UnixMs) -> UnixMs:
    return at if known is None else min(known, at)


def _is_due(at: UnixMs | None, now: int) -> bool:
    return at is not None and at <= now


def _is_served(endpoints: Mapping[EndpointId, Endpoint], name: EndpointId) -> bool:
    endpoint = endpoints.get(name)
    return endpoint is not None and not endpoint.disabled
