"""How many deliveries of which endpoint to claim from which partition? Pure.

Room is shared out a piece at a time, round and round: each endpoint gets one from each partition where it is due before
any gets a second, so that neither a long backlog nor a busy partition takes it all.
"""

from collections.abc import Mapping, Sequence

from consent.ledger import Look
from consent.model import Endpoint, EndpointId, Partition

_PER_CLAIM = 32
"""Of one endpoint from one partition: a claim is one step in the store, which serves nobody else meanwhile."""

Claims = dict[Partition, dict[EndpointId, int]]


def plan_claims(
    looks: Sequence[Look],
    endpoints: Mapping[EndpointId, Endpoint],
    in_flight: Mapping[EndpointId, int],
    *,
    free: int,
) -> Claims:
    room = {
        endpoint.id: endpoint.max_in_flight - in_flight.get(endpoint.id, 0)
        for endpoint in endpoints.values()
        if not endpoint.disabled
    }
    sites = [(look.partition, name) for look in looks for name, at in look.due.items() if at <= look.now]
    claims: Claims = {}
    while free > 0 and sites:
        still = []
        for partition, name in sites:
            if free <= 0 or room.get(name, 0) <= 0:
                continue
            wanted = claims.setdefault(partition, {})
            wanted[name] = wanted.get(name, 0) + 1
            room[name] -= 1
            free -= 1
            if wanted[name] < _PER_CLAIM:
                still.append((partition, name))
        sites = still
    return claims


def rest_ms(looks: Sequence[Look], endpoints: Mapping[EndpointId, Endpoint], *, longest: int) -> int:
    """How long nothing will be due and no lease will expire. What is due now and was not claimed waits for room, and
    room wakes the loop."""
    waits = [longest]
    for look in looks:
        waits += [at - look.now for name, at in look.due.items() if at > look.now and _is_served(endpoints, name)]
        if look.first_expiry is not None:
            waits.append(max(look.first_expiry - look.now, 0))
    return min(waits)


def _is_served(endpoints: Mapping[EndpointId, Endpoint], name: EndpointId) -> bool:
    endpoint = endpoints.get(name)
    return endpoint is not None and not endpoint.disabled
