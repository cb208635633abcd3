"""Which fault happens when, to whom, for how long? Pure: a seed is a schedule, the same one every time."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

RECEIVERS = ("receiver0", "receiver1")
DISPATCHERS = ("dispatcher0", "dispatcher1")
STORE = "store"
LINK = "link"
"""The way from every process to the store."""
STEADY, FALTERING, HANGING = "steady", "faltering", "hanging"
"""The endpoints; the first is never at fault, so that it shows what the others' faults cost it."""


class Kind(StrEnum):
    KILL = "kill -9"
    STOP = "SIGTERM, started again"
    PAUSE = "SIGSTOP, SIGCONT"
    FULL = "store out of memory"
    FLUSH = "FUNCTION FLUSH"
    FAIL_OVER = "store lost, replica promoted"
    CUT = "connections reset"
    SILENCE = "network silent"
    CLOCK = "clock jump"
    ERROR = "endpoint answers 500"
    BUSY = "endpoint answers 503, Retry-After"
    HANG = "endpoint hangs"
    SLOW = "endpoint is slow"
    DROP = "endpoint takes it, then resets"
    DISABLED = "endpoint disabled, then enabled"
    LIMITED = "endpoint limited, then not"
    REPLAYED = "replay of the last seconds"
    HASTENED = "what waits is retried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    at: float
    """Seconds after the load began."""
    kind: Kind
    target: str
    seconds: float
    """How long it lasts; a process that was killed is started again after so long."""
    amount: float = 0.0
    """Of a clock jump: seconds ahead, or behind where negative. Of a limit: requests a second."""

    @property
    def end(self) -> float:
        return self.at + self.seconds

    def __str__(self) -> str:
        amount = f" {self.amount:+.0f}" if self.amount else ""
        return f"{self.at:7.1f} s  {self.target:<12} {self.kind}{amount} for {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class _Sort:
    """One sort of fault: how often among all, whom it may hit, how long it may last."""

    weight: int
    targets: Sequence[str]
    shortest: float
    longest: float


SORTS: Mapping[Kind, _Sort] = {
    Kind.KILL: _Sort(6, (*RECEIVERS, *DISPATCHERS, *DISPATCHERS, STORE), 0.0, 3.0),
    Kind.STOP: _Sort(2, (*RECEIVERS, *DISPATCHERS, STORE), 0.0, 1.0),
    Kind.PAUSE: _Sort(4, (*RECEIVERS, *DISPATCHERS, *DISPATCHERS, STORE), 1.0, 8.0),
    Kind.FULL: _Sort(2, (STORE,), 1.0, 6.0),
    Kind.FLUSH: _Sort(2, (STORE,), 0.0, 0.0),
    Kind.FAIL_OVER: _Sort(3, (STORE,), 0.0, 2.0),
    Kind.CUT: _Sort(3, (LINK,), 0.0, 2.0),
    Kind.SILENCE: _Sort(1, (LINK,), 1.0, 7.0),
    Kind.CLOCK: _Sort(3, (*RECEIVERS, *DISPATCHERS), 1.0, 10.0),
    Kind.ERROR: _Sort(2, (FALTERING, HANGING), 1.0, 8.0),
    Kind.BUSY: _Sort(1, (FALTERING, HANGING), 1.0, 6.0),
    Kind.HANG: _Sort(2, (HANGING,), 1.0, 8.0),
    Kind.SLOW: _Sort(1, (FALTERING, HANGING), 1.0, 8.0),
    Kind.DROP: _Sort(1, (FALTERING, HANGING), 0.5, 3.0),
    Kind.DISABLED: _Sort(2, (FALTERING, HANGING), 0.5, 6.0),
    Kind.LIMITED: _Sort(1, (FALTERING, HANGING), 1.0, 6.0),
    Kind.REPLAYED: _Sort(2, (FALTERING, HANGING), 0.0, 0.0),
    Kind.HASTENED: _Sort(1, (FALTERING, HANGING), 0.0, 0.0),
}
_REST_S = 1.0
_REST_OF_STORE_S = 3.0
"""A target that recovered is left alone for so long, or its recovery would never be seen."""
_LONGEST_JUMP_S = 3600.0


def schedule(seed: int, *, faults: int, seconds: float, has_replica: bool = False) -> list[Fault]:
    """So many faults over about so many seconds. Different targets may be at fault together; one target never twice."""
    chance = random.Random(f"schedule {seed}")
    kinds = [kind for kind in SORTS if has_replica or kind is not Kind.FAIL_OVER]
    free_at: dict[str, float] = defaultdict(float)
    planned = []
    for at in sorted(chance.uniform(0, seconds) for _ in range(faults)):
        fault = _fault(chance, kinds, at, free_at)
        place = _place(fault.target)
        free_at[place] = fault.end + (_REST_OF_STORE_S if place == STORE else _REST_S)
        planned.append(fault)
    return sorted(planned, key=lambda fault: fault.at)


def _fault(chance: random.Random, kinds: Sequence[Kind], at: float, free_at: Mapping[str, float]) -> Fault:
    kind = chance.choices(kinds, [SORTS[kind].weight for kind in kinds])[0]
    sort = SORTS[kind]
    target = chance.choice(sort.targets)
    return Fault(
        at=round(max(at, free_at.get(_place(target), 0.0)), 2),
        kind=kind,
        target=target,
        seconds=round(chance.uniform(sort.shortest, sort.longest), 2),
        amount=round(_amount(chance, kind)),
    )


def _amount(chance: random.Random, kind: Kind) -> float:
    match kind:
        case Kind.CLOCK:
            return chance.choice((-1, 1)) * _LONGEST_JUMP_S ** chance.uniform(0.1, 1)
        case Kind.LIMITED:
            return chance.uniform(5, 50)
    return 0.0


def _place(target: str) -> str:
    """The store and the way to it are one: without either, nobody has the other."""
    return STORE if target == LINK else target


def kinds_of(faults: Sequence[Fault]) -> Iterator[tuple[Kind, int]]:
    for kind in Kind:
        if count := sum(fault.kind is kind for fault in faults):
            yield kind, count
