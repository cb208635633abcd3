"""How many deliveries of which endpoint to claim from which partition? Pure.

Room is shared out a piece at a time, round and round: each endpoint gets one from each partition where it is due before
any gets a second, so that neither a long backlog nor a busy partition takes it all. Retries have room of their own
inside of that: where only they are due and theirs is taken, there is nothing to claim.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from consent.model import EndpointId, Partition
from dispatcher.agenda import Site

_PER_CLAIM = 32
"""Of one endpoint from one partition: a claim is one step in the store, which serves nobody else meanwhile."""


class Wanted(NamedTuple):
    """How much to claim of one endpoint from one partition."""

    limit: int
    tried: int
    """How many of these may have been tried before."""


Claims = dict[Partition, dict[EndpointId, Wanted]]
Room = Callable[[EndpointId, int], int]
_NONE = Wanted(0, 0)


def plan_claims(sites: Sequence[Site], room_for: Room, retries_for: Room, *, free: int) -> Claims:
    """The rooms say how many of an endpoint, and how many retries among them, may be claimed when so many of all are
    planned; `free` how many in all."""
    taken: Counter[EndpointId] = Counter()
    retries: Counter[EndpointId] = Counter()
    all_taken = all_retries = 0
    claims: Claims = {}
    while sites:
        still = []
        for site in sites:
            name = site.endpoint
            if all_taken >= free or room_for(name, all_taken) <= taken[name]:
                continue
            may_retry = site.has_tried and retries_for(name, all_retries) > retries[name]
            if not (site.has_untried or may_retry):
                continue
            count, tried = claims.setdefault(site.partition, {}).get(name, _NONE)
            claims[site.partition][name] = Wanted(count + 1, tried + may_retry)
            taken[name] += 1
            retries[name] += may_retry
            all_taken, all_retries = all_taken + 1, all_retries + may_retry
            if count + 1 < _PER_CLAIM:
                still.append(site)
        sites = still
    return claims


def wanted_of(claims: Claims) -> Counter[EndpointId]:
    """How many of each endpoint, over all partitions."""
    total: Counter[EndpointId] = Counter()
    for wanted in claims.values():
        for endpoint, (count, _) in wanted.items():
            total[endpoint] += count
    return total


def trimmed(claims: Claims, granted: dict[EndpointId, int]) -> Claims:
    """No more of an endpoint than was granted; all of those that nobody limits."""
    left = dict(granted)
    kept: Claims = {}
    for partition, wanted in claims.items():
        for endpoint, (count, tried) in wanted.items():
            allowed = min(count, left.get(endpoint, count))
            if endpoint in left:
                left[endpoint] -= allowed
            if allowed:
                kept.setdefault(partition, {})[endpoint] = Wanted(allowed, min(tried, allowed))
    return kept


def where_untried(claims: Claims, sites: Sequence[Site], endpoints: frozenset[EndpointId]) -> Claims:
    """These endpoints only at the first of the sites where something is due that was never tried, if there is any."""
    first: dict[EndpointId, Partition] = {}
    for site in sites if endpoints else ():
        if site.has_untried and site.endpoint in endpoints and site.endpoint in claims.get(site.partition, {}):
            first.setdefault(site.endpoint, site.partition)
    return {
        partition: {name: count for name, count in wanted.items() if first.get(name, partition) == partition}
        for partition, wanted in claims.items()
    }
