"""Where is something due? What this dispatcher knows of it, so that the store is asked only for deliveries.

Looks tell all of it, every few seconds. In between it follows from what happens here: events routed, deliveries claimed
and settled. What other dispatchers do shows at the next look; until then a claim may find less than was expected, and
says when to come again. Times are the store's; `now` asks for ours and adds how far the store's clock is ahead.
"""

from collections.abc import Iterable, Mapping

from consent.ledger import Claimed, Look
from consent.model import Endpoint, EndpointId, Partition, UnixMs

Site = tuple[Partition, EndpointId]

AT_ONCE = UnixMs(0)


class Agenda:
    def __init__(self) -> None:
        self._due: dict[Partition, dict[EndpointId, UnixMs]] = {}
        self._ahead = 0

    def looked(self, look: Look, clock: UnixMs) -> None:
        self._ahead = look.now - clock
        self._due[look.partition] = dict(look.due)

    def claimed(self, partition: Partition, claimed: Claimed, clock: UnixMs) -> None:
        self._ahead = claimed.now - clock
        sites = self._due.setdefault(partition, {})
        for endpoint, at in claimed.due.items():
            if at is None:
                sites.pop(endpoint, None)
            else:
                sites[endpoint] = at

    def note(self, partition: Partition, endpoint: EndpointId, at: UnixMs = AT_ONCE) -> None:
        """One more is due then, in the store's time."""
        sites = self._due.setdefault(partition, {})
        sites[endpoint] = min(at, sites.get(endpoint, at))

    def due(self, clock: UnixMs) -> list[Site]:
        now = clock + self._ahead
        return [(partition, name) for partition, sites in self._due.items() for name, at in sites.items() if at <= now]

    def rest(self, endpoints: Mapping[EndpointId, Endpoint], clock: UnixMs, *, longest: int) -> int:
        """For so many ms nothing will become due. What is due already waits for room, and room wakes the loop."""
        now = clock + self._ahead
        return min(
            (at - now for name, at in self._times() if at > now and _is_served(endpoints, name)), default=longest
        )

    def _times(self) -> Iterable[tuple[EndpointId, UnixMs]]:
        return (entry for sites in self._due.values() for entry in sites.items())


def _is_served(endpoints: Mapping[EndpointId, Endpoint], name: EndpointId) -> bool:
    endpoint = endpoints.get(name)
    return endpoint is not None and not endpoint.disabled
