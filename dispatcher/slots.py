"""How many requests may be under way, and what is claimed ahead of them?

An endpoint has `max_in_flight` requests under way at most, the dispatcher `concurrency`. The fuller the dispatcher, the
fewer any one endpoint may have: those that hang take most of the slots between them, and never the last ones, so that
who answers finds a slot. And of an endpoint's slots some are kept for deliveries that were never tried, so that new
ones do not starve behind the retries of old ones.

Nor are there more of them under way than we keep up with. Where answers lie here unread, more of them would only lie
longer: nothing would be done sooner, and whatever is under way when this process is killed is sent again by another. So
an endpoint's width shrinks while that is so, and grows again once it is the endpoint that is waited for.

A request ends when the answer is there; its delivery stays held until that is settled. So that slots do not idle for
two trips to the store, more may be begun than are under way, though no more than twice as many, or a disk that hangs
would let us run far ahead of what is written down; and more may be claimed ahead, of endpoints that answer quickly: a
slow one's would only be kept from other dispatchers, and a rated one's would go out in bursts.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from consent.model import Endpoint, EndpointId, Lease

QUICK_MS = 250
"""An endpoint whose last answer took no longer is one to claim ahead for."""
AT_ONCE_MS = 25
"""And this is one to claim far ahead for: what waits here for it is sent within half a second, so an opt-out that comes
meanwhile loses no more."""
AHEAD = 4
"""So many times what has a slot may be held: what waits for one, and what waits to be settled. The more, the more are
claimed in one step, which costs the store less than one by one."""
FEW = 4
"""What one endpoint may have of slots that are three quarters full."""
UNSETTLED = 2
"""So many times what an endpoint may have under way may be begun and not settled: what a kill repeats at most."""
NARROWEST = 2
"""An endpoint keeps one in so many of its slots: with fewer to settle at once each costs us and the store more."""
_ENOUGH = 2
"""Nothing more is claimed far ahead while one in so many of those that anybody may hold waits here for the endpoint: to
claim many at once costs a fraction of many claims of one."""
_TOO_LONG = 1 / 3
"""An answer that lay here unread for a larger share of its time came sooner than we could use it."""
_NARROWER, _WIDER = 1.0, 0.25
"""By so much, with each answer. An endpoint widens while fewer than one answer in five comes too soon."""


class Holding(Protocol):
    @property
    def lease(self) -> Lease: ...


HoldingT = TypeVar("HoldingT", bound=Holding)
Room = Callable[[EndpointId, int], int]
"""How much of an endpoint, when so much is planned to be taken of all?"""


def is_roomy(taken: int, of: int) -> bool:
    """Nobody waits for another's slot."""
    return 4 * taken < 3 * of


def most_for_one(taken: int, of: int, most: int) -> int:
    """What one endpoint may have while all together have `taken`. With 256 slots: all it is allowed while fewer than
    192 are taken, FEW of the next 32, and one of the last 32."""
    if is_roomy(taken, of):
        return most
    return min(most, FEW if 8 * taken < 7 * of else 1)


def next_width(width: float | None, under_way: int, our_share: float) -> float | None:
    """How many requests to one endpoint are worth having under way, after one more answer, with so many still under
    way? None: as many as it may have."""
    if our_share > _TOO_LONG:
        return max(under_way if width is None else width - _NARROWER, 1)
    return None if width is None else width + _WIDER


def most_retries(slots: int) -> int:
    """Three quarters. Who has but one slot shares it."""
    return max(1, slots * 3 // 4)


class Slots(Generic[HoldingT]):
    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._all_held = self._all_under_way = self._all_retries = 0
        self._held: Counter[EndpointId] = Counter()
        self._retries: Counter[EndpointId] = Counter()
        self._under_way: Counter[EndpointId] = Counter()
        self._begun: Counter[EndpointId] = Counter()
        """And not settled."""
        self._lines: dict[EndpointId, _Line[HoldingT]] = {}
        self._slow: set[EndpointId] = set()
        self._at_once: set[EndpointId] = set()
        self._widths: dict[EndpointId, float] = {}
        """Of those that are narrower than they might be."""

    @property
    def under_way(self) -> int:
        return self._all_under_way

    @property
    def free(self) -> int:
        """How many more may be claimed in all."""
        return AHEAD * self._concurrency - self._all_held

    def room_for(self, endpoints: Mapping[EndpointId, Endpoint]) -> Room:
        """How many more of an endpoint may be claimed: none of one that is disabled or unknown. A quarter of all is for
        whoever comes and answers at once: where the disk is slow, what is being settled takes far more than the slots.
        """
        most = AHEAD * self._concurrency
        anybodys = most // 4

        def room(name: EndpointId, planned: int) -> int:
            endpoint = endpoints.get(name)
            if endpoint is None or endpoint.disabled:
                return 0
            if name in self._slow or endpoint.rate:
                return most_for_one(self._all_held + planned, most, endpoint.max_in_flight) - self._held[name]
            if name in self._at_once:
                if self._waiting(name) >= max(anybodys // _ENOUGH, endpoint.max_in_flight):
                    return 0
                if planned < anybodys - self._all_held:
                    return anybodys - self._all_held
            wanted = AHEAD * endpoint.max_in_flight
            return most_for_one(self._all_held + planned, most, wanted) - self._held[name]

        return room

    def retries_for(self, endpoints: Mapping[EndpointId, Endpoint]) -> Room:
        """How many of these may be retries."""

        def room(name: EndpointId, planned: int) -> int:
            endpoint = endpoints.get(name)
            if endpoint is None or self._all_retries + planned >= most_retries(self._concurrency):
                return 0
            return most_retries(endpoint.max_in_flight) - self._retries[name]

        return room

    def reserve(self, counts: Mapping[EndpointId, int]) -> None:
        """Keep room for so many that may be claimed, until it is known which are."""
        self._held.update(counts)
        self._all_held += sum(counts.values())

    def give_back(self, counts: Mapping[EndpointId, int]) -> None:
        """What was reserved."""
        self._held.subtract(counts)
        self._all_held -= sum(counts.values())

    def join(self, holding: HoldingT) -> None:
        """A claimed delivery, to be started when its turn comes."""
        self._count(holding.lease, 1)
        self._lines.setdefault(holding.lease.endpoint, _Line()).join(holding)

    def start(self, endpoints: Mapping[EndpointId, Endpoint], *, of: EndpointId | None = None) -> Iterator[HoldingT]:
        """Those whose turn it is, of one endpoint or of all; each takes a slot until it is `answered`."""
        for name in self._candidates() if of is None else {of} & self._lines.keys():
            if self._all_under_way >= self._concurrency:
                return
            line, endpoint = self._lines[name], endpoints.get(name)
            width, unsettled = self._limits(endpoint) if endpoint else (len(line), len(line))
            while line and self._begun[name] < unsettled and self._has_slot(name, width):
                self._all_under_way += 1
                self._under_way[name] += 1
                self._begun[name] += 1
                yield line.first()
            if not line:
                del self._lines[name]

    def answered(self, endpoint: EndpointId, took_ms: int | None, our_share: float = 0.0) -> EndpointId | None:
        """Who may `start` now: the endpoint itself, or None for all, where they may have waited for each other's slots.

        None: no request was made, which tells nothing about the endpoint. `our_share`: of that time, how much the
        answer lay here unread."""
        was_roomy = is_roomy(self._all_under_way, self._concurrency)
        self._all_under_way -= 1
        self._under_way[endpoint] -= 1
        if took_ms is not None:
            self._learn(endpoint, took_ms, our_share)
        return endpoint if was_roomy else None

    def _learn(self, endpoint: EndpointId, took_ms: int, our_share: float) -> None:
        _mark(self._slow, endpoint, took_ms > QUICK_MS)
        _mark(self._at_once, endpoint, took_ms * (1 - our_share) <= AT_ONCE_MS)
        width = next_width(self._widths.get(endpoint), self._under_way[endpoint], our_share)
        if width is not None:
            self._widths[endpoint] = width

    def settled(self, lease: Lease) -> None:
        """What was begun is over."""
        self._begun[lease.endpoint] -= 1
        self._count(lease, -1)

    def close(self) -> None:
        """Start nothing more."""
        self._lines.clear()

    def _candidates(self) -> list[EndpointId]:
        """Where slots are scarce, hardly anybody of those who wait."""
        most = most_for_one(self._all_under_way, self._concurrency, self._concurrency)
        return [name for name in self._lines if self._under_way[name] < most]

    def _waiting(self, name: EndpointId) -> int:
        line = self._lines.get(name)
        return len(line) if line else 0

    def _limits(self, endpoint: Endpoint) -> tuple[int, int]:
        """How many may be under way, and how many begun."""
        most, width = endpoint.max_in_flight, self._widths.get(endpoint.id)
        if width is None:
            return most, UNSETTLED * most
        if width >= most:
            del self._widths[endpoint.id]
        return max(min(int(width), most), most - most // NARROWEST), UNSETTLED * most

    def _count(self, lease: Lease, by: int) -> None:
        self._all_held += by
        self._held[lease.endpoint] += by
        if lease.attempt > 1:
            self._all_retries += by
            self._retries[lease.endpoint] += by

    def _has_slot(self, name: EndpointId, allowed: int) -> bool:
        taken = self._all_under_way
        return taken < self._concurrency and self._under_way[name] < most_for_one(taken, self._concurrency, allowed)


def _mark(marked: set[EndpointId], endpoint: EndpointId, is_so: bool) -> None:
    if is_so:
        marked.add(endpoint)
    else:
        marked.discard(endpoint)


class _Line(Generic[HoldingT]):
    """Who waits for a slot of one endpoint: opt-outs before all else."""

    __slots__ = ("_others", "_urgent")

    def __init__(self) -> None:
        self._urgent: deque[HoldingT] = deque()
        self._others: deque[HoldingT] = deque()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._others)

    def join(self, holding: HoldingT) -> None:
        (self._urgent if holding.lease.is_urgent else self._others).append(holding)

    def first(self) -> HoldingT:
        return (self._urgent or self._others).popleft()
