"""How many requests may be under way, and what is claimed ahead of them?

An endpoint has `max_in_flight` requests under way at most, the dispatcher `concurrency`. A request ends when the answer
is there; its delivery stays held until that is settled. So that slots do not idle for two trips to the store, as many
again may be claimed ahead, of endpoints that answer quickly: a slow one's would only be kept from other dispatchers.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from consent.model import Endpoint, EndpointId, EventType, Lease

QUICK_MS = 250
"""An endpoint whose last answer took no longer is one to claim ahead for."""


class Holding(Protocol):
    @property
    def lease(self) -> Lease: ...


HoldingT = TypeVar("HoldingT", bound=Holding)


class Slots(Generic[HoldingT]):
    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._all_held = self._all_under_way = 0
        self._held: Counter[EndpointId] = Counter()
        self._under_way: Counter[EndpointId] = Counter()
        self._lines: dict[EndpointId, _Line[HoldingT]] = {}
        self._slow: set[EndpointId] = set()

    @property
    def free(self) -> int:
        """How many more may be claimed in all."""
        return 2 * self._concurrency - self._all_held

    def room_for(self, endpoints: Mapping[EndpointId, Endpoint]) -> Callable[[EndpointId], int]:
        """How many more of an endpoint may be claimed: none of one that is disabled or unknown."""

        def room(name: EndpointId) -> int:
            endpoint = endpoints.get(name)
            if endpoint is None or endpoint.disabled:
                return 0
            share = 1 if name in self._slow else 2
            return share * endpoint.max_in_flight - self._held[name]

        return room

    def join(self, holding: HoldingT) -> None:
        """A claimed delivery, to be started when its turn comes."""
        endpoint = holding.lease.endpoint
        self._all_held += 1
        self._held[endpoint] += 1
        self._lines.setdefault(endpoint, _Line()).join(holding)

    def start(self, endpoints: Mapping[EndpointId, Endpoint]) -> Iterator[HoldingT]:
        """Those whose turn it is; each takes a slot until it is `answered`."""
        for name in [*self._lines]:
            line, endpoint = self._lines[name], endpoints.get(name)
            allowed = endpoint.max_in_flight if endpoint else len(line)
            while line and self._under_way[name] < allowed and self._all_under_way < self._concurrency:
                self._all_under_way += 1
                self._under_way[name] += 1
                yield line.first()
            if not line:
                del self._lines[name]

    def answered(self, endpoint: EndpointId, took_ms: int) -> None:
        self._all_under_way -= 1
        self._under_way[endpoint] -= 1
        if took_ms > QUICK_MS:
            self._slow.add(endpoint)
        else:
            self._slow.discard(endpoint)

    def settled(self, endpoint: EndpointId) -> None:
        self._all_held -= 1
        self._held[endpoint] -= 1

    def close(self) -> None:
        """Start nothing more."""
        self._lines.clear()


class _Line(Generic[HoldingT]):
    """Who waits for a slot of one endpoint: opt-outs before all else."""

    __slots__ = ("_others", "_urgent")

    def __init__(self) -> None:
        self._urgent: deque[HoldingT] = deque()
        self._others: deque[HoldingT] = deque()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._others)

    def join(self, holding: HoldingT) -> None:
        event = holding.lease.event
        is_urgent = event is not None and event.type is EventType.OPTED_OUT
        (self._urgent if is_urgent else self._others).append(holding)

    def first(self) -> HoldingT:
        return (self._urgent or self._others).popleft()
