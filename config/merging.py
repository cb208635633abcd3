"""How do the metrics of several workers become those of one process? Counters and histograms are added up, gauges are
joined by what each means.

Workers' expositions are read with prometheus-client's own parser, and told again as a collector's. Pure but for what it
remembers: what workers had counted that are gone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import add

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from config.metrics import PREFIX

Join = Callable[[float, float], float]

_COUNTED = frozenset({"counter", "histogram"})
GAUGES: Mapping[str, Join] = {
    f"{PREFIX}attempts_under_way": add,
    f"{PREFIX}build_info": max,
    f"{PREFIX}deliveries": max,  # the store's, and the same from each, as are those of endpoints
    f"{PREFIX}endpoint_disabled": max,
    f"{PREFIX}endpoint_failing": max,
    f"{PREFIX}endpoint_paused": max,
    f"{PREFIX}oldest_optout_seconds": max,
    f"{PREFIX}ready": max,  # as /readyz, one suffices
    f"{PREFIX}source_last_received_timestamp_seconds": max,
    f"{PREFIX}store_clock_ahead_seconds": max,  # one machine, one clock: they differ by the time of a check
    f"{PREFIX}store_safe": min,
    "process_max_fds": min,  # with the next one: how far the fullest is from its limit
    "process_open_fds": max,
    "process_resident_memory_bytes": add,
    "process_start_time_seconds": min,
    "process_virtual_memory_bytes": add,
    "python_info": max,
}
"""How two values of a gauge are one. Of one that is not here, the larger: tests see to it that all of ours are."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What a worker said of itself."""

    process: str
    """Another one, and the worker was started again."""
    families: tuple[Metric, ...]

    @classmethod
    def read(cls, process: str, text: str) -> "Telling":
        return cls(process, tuple(text_string_to_metric_families(text)))


class Merging(Collector):
    """Whatever a worker had counted when it was last heard stays counted, so nothing that was told ever falls."""

    def __init__(self, own: Callable[[], Iterable[Metric]] = lambda: ()) -> None:
        """`own`: what the parent tells of itself as a process."""
        self._own = own
        self._gone: tuple[Metric, ...] = ()
        self._told: dict[int, Telling] = {}

    def hear(self, worker: int, telling: Telling) -> None:
        before = self._told.get(worker)
        if before is not None and before.process != telling.process:
            self._gone = merged([self._gone, counted(before.families)])
        self._told[worker] = telling

    def miss(self, worker: int) -> None:
        """It does not answer: what it is like now, nobody knows."""
        if before := self._told.get(worker):
            self._told[worker] = Telling(before.process, counted(before.families))

    def collect(self) -> Iterator[Metric]:
        yield from merged([self._own(), self._gone, *(telling.families for telling in self._told.values())])


def counted(families: Iterable[Metric]) -> tuple[Metric, ...]:
    return tuple(family for family in families if family.type in _COUNTED)


def merged(tellings: Iterable[Iterable[Metric]]) -> tuple[Metric, ...]:
    """In the order in which they come, which keeps a histogram's buckets as they are."""
    cells: dict[str, _Cells] = {}
    for family in (family for telling in tellings for family in telling):
        cells.setdefault(family.name, _Cells(family)).take(family)
    return tuple(one.family() for one in cells.values())


class _Cells:
    """One metric, by name of sample and labels."""

    def __init__(self, like: Metric) -> None:
        self._like = like
        self._join: Join = add if like.type in _COUNTED else GAUGES.get(like.name, max)
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def take(self, family: Metric) -> None:
        values = self._values
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            values[key] = self._join(values[key], sample.value) if key in values else sample.value

    def family(self) -> Metric:
        told = Metric(self._like.name, self._like.documentation, self._like.type)
        for (name, labels), value in self._values.items():
            told.add_sample(name, dict(labels), value)
        return told
