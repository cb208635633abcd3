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

from consent.ledger import Claimed, Due, Look
from consent.model import Endpoint, EndpointId, Partition, UnixMs


class Site(NamedTuple):
    """A partition where something of an endpoint is due."""

    partition: Partition
    endpoint: EndpointId
    has_untried: bool = True
    has_tried: bool = True
    """As far as is known: a look does not tell which of the two is due."""


BecameDue = Callable[[Partition, Set[EndpointId]], None]
"""Told where something is due that was not before."""

AT_ONCE = UnixMs(0)
_NOTHING = Due(None, None)


class Agenda:
    def __init__(self) -> None:
        self._due: dict[Partition, dict[EndpointId, Due]] = {}
        self._held: dict[EndpointId, UnixMs] = {}
        self._noted: dict[tuple[Partition, EndpointId], int] = {}
        self._ahead = 0
        self.notes = 0
        """How many were made so far: by it an answer is told from what was noted since it was asked for."""

    def looked(self, look: Look, clock: UnixMs, *, asked: int) -> None:
        self._ahead = look.now - clock
        known = self._due.get(look.partition, {})
        newer = {name: due for name, due in known.items() if self._is_newer(look.partition, name, asked)}
        self._due[look.partition] = {**{name: Due(at, at) for name, at in look.due.items()}, **newer}

    def claimed(self, partition: Partition, claimed: Claimed, clock: UnixMs, *, asked: int) -> None:
        self._ahead = claimed.now - clock
        sites = self._due.setdefault(partition, {})
        for endpoint, due in claimed.due.items():
            if self._is_newer(partition, endpoint, asked):
                continue
            if due == _NOTHING:
                sites.pop(endpoint, None)
            else:
                sites[endpoint] = due

    def note(
        self, partition: Partition, endpoint: EndpointId, at: UnixMs = AT_ONCE, *, was_tried: bool = False
    ) -> None:
        """One more is due then, in the store's time."""
        self.notes += 1
        self._noted[partition, endpoint] = self.notes
        sites = self._due.setdefault(partition, {})
        untried, tried = sites.get(endpoint, _NOTHING)
        sites[endpoint] = Due(untried, _earlier(tried, at)) if was_tried else Due(_earlier(untried, at), tried)

    def hold(self, endpoint: EndpointId, until: UnixMs) -> None:
        """Nothing of it before then, whatever is due."""
        self._held[endpoint] = until

    def release(self, endpoint: EndpointId) -> None:
        self._held.pop(endpoint, None)

    def due(self, clock: UnixMs) -> list[Site]:
        now = clock + self._ahead
        for endpoint in [name for name, until in self._held.items() if until <= now]:
            del self._held[endpoint]
        return [
            Site(partition, name, _is_due(due.untried, now), _is_due(due.tried, now))
            for partition, sites in self._due.items()
            for name, due in sites.items()
            if name not in self._held and (_is_due(due.untried, now) or _is_due(due.tried, now))
        ]

    def has_due(self, endpoint: EndpointId, clock: UnixMs) -> bool:
        """Something of it is due, or would be if it were not held back."""
        now = clock + self._ahead
        return endpoint in self._held or any(
            _is_due(at, now) for sites in self._due.values() for at in sites.get(endpoint, _NOTHING)
        )

    def rest(self, endpoints: Mapping[EndpointId, Endpoint], clock: UnixMs, *, longest: int) -> int:
        """For so many ms nothing will become due. What is due already waits for room, and room wakes the loop."""
        now = clock + self._ahead
        return min(
            (at - now for name, at in self._times() if at > now and _is_served(endpoints, name)), default=longest
        )

    def _is_newer(self, partition: Partition, endpoint: EndpointId, asked: int) -> bool:
        return self._noted.get((partition, endpoint), 0) > asked

    def _times(self) -> Iterator[tuple[EndpointId, UnixMs]]:
        for sites in self._due.values():
            for name, due in sites.items():
                held = self._held.get(name, AT_ONCE)
                yield from ((name, max(at, held)) for at in due if at is not None)


def _earlier(known: UnixMs | None, at: UnixMs) -> UnixMs:
    return at if known is None else min(known, at)


def _is_due(at: UnixMs | None, now: int) -> bool:
    return at is not None and at <= now


def _is_served(endpoints: Mapping[EndpointId, Endpoint], name: EndpointId) -> bool:
    endpoint = endpoints.get(name)
    return endpoint is not None and not endpoint.disabled
