"""How many deliveries of which endpoint to claim from which partition? Pure.

Room is shared out a piece at a time, round and round: each endpoint gets one from each partition where it is due before
any gets a second, so that neither a long backlog nor a busy partition takes it all.
"""

from collections.abc import Callable, Sequence

from consent.model import EndpointId, Partition
from dispatcher.agenda import Site

_PER_CLAIM = 32
"""Of one endpoint from one partition: a claim is one step in the store, which serves nobody else meanwhile."""

Claims = dict[Partition, dict[EndpointId, int]]


def plan_claims(sites: Sequence[Site], room_for: Callable[[EndpointId], int], *, free: int) -> Claims:
    """`room_for` says how many more of an endpoint may be held, `free` how many in all."""
    room = {name: room_for(name) for name in dict.fromkeys(name for _, name in sites)}
    claims: Claims = {}
    while free > 0 and sites:
        still = []
        for partition, name in sites:
            if free <= 0 or room[name] <= 0:
                continue
            wanted = claims.setdefault(partition, {})
            wanted[name] = wanted.get(name, 0) + 1
            room[name] -= 1
            free -= 1
            if wanted[name] < _PER_CLAIM:
                still.append((partition, name))
        sites = still
    return claims
