"""How are many values spread? Counted by bounds as they come, in plain integers: a fraction of a microsecond each."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate


class Histogram:
    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` rise; what is above the last is counted too."""
        self._bounds = tuple(map(float, bounds))
        self._counts = [0] * (len(self._bounds) + 1)
        self.total: float = 0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def add_all(self, values: Iterable[float]) -> None:
        """As `add` for each, in a fraction of the time where there are many."""
        ordered = sorted(values)
        begin = 0
        for place, bound in enumerate(self._bounds):
            end = bisect_right(ordered, bound, begin)
            self._counts[place] += end - begin
            begin = end
        self._counts[-1] += len(ordered) - begin
        self.total += sum(ordered)

    @property
    def count(self) -> int:
        return sum(self._counts)

    def up_to(self) -> Iterator[tuple[float, int]]:
        """Each bound, and how many values were not above it; at last infinity, and how many there were."""
        return zip((*self._bounds, float("inf")), accumulate(self._counts), strict=True)
