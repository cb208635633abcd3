"""What is said of a run: what was done, what came of it, and how long it took to recover. Pure."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.checker import Repeats, Violation
from tests.chaos.faults import Done
from tests.chaos.schedule import DISPATCHERS, LINK, RECEIVERS, STORE

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    seed: int
    seconds: float
    messages: int
    events: int
    superseded: int
    deliveries: int
    done: Sequence[Done]
    missed: int
    refusals: int
    repeats: Mapping[str, Repeats]
    stale_signatures: int
    slowest_recovery: tuple[float, Done] | None
    work_alone: Mapping[str, float]
    """By process: how long it took, alone, after all of that and without a restart, to do its work once more."""
    unusual_lines: Counter[str]
    busiest_second: tuple[int, str]
    out_of_form: Mapping[str, Sequence[str]]
    violations: Sequence[Violation]

    @property
    def has_passed(self) -> bool:
        return not self.violations

    def lines(self) -> Iterable[str]:
        yield f"seed {self.seed}: {'PASSED' if self.has_passed else 'FAILED'} in {self.seconds:.0f} s"
        yield (
            f"  {self.messages} messages, {self.events} events ({self.superseded} came late), {self.deliveries} "
            f"deliveries taken; {self.refusals} posts were answered otherwise than 2xx, and sent again"
        )
        yield f"  {len(self.done)} faults, {self.missed} found nobody:"
        for (kind, target), count in sorted(
            Counter((one.fault.kind.value, one.fault.target) for one in self.done).items()
        ):
            yield f"    {count:4}  {kind}: {target}"
        for name, repeats in self.repeats.items():
            yield (
                f"  {name}: {repeats.again} of {repeats.taken} taken again ({repeats.share:.2%}), "
                f"{repeats.stale} of these behind a later one"
            )
        if self.stale_signatures:
            yield f"  {self.stale_signatures} requests refused for a timestamp of a clock that had jumped"
        if self.slowest_recovery:
            took, slowest = self.slowest_recovery
            yield f"  longest recovery {took:.1f} s, after {slowest.fault}"
        for name, took in self.work_alone.items():
            yield f"  {name} worked alone after {took:.1f} s"
        most, who = self.busiest_second
        yield f"  log lines besides one a request: at most {most} in a second ({who}); in all:"
        for words, count in self.unusual_lines.most_common():
            yield f"    {count:6}  {words}"
        for name, said in self.out_of_form.items():
            yield f"  {name} said {len(said)} lines out of form, the last of them:"
            yield from (f"    {line}" for line in said[-_MOST_SHOWN:])
        yield f"  {len(self.violations)} violations"
        for violation in self.violations[:_MOST_SHOWN]:
            yield f"    {violation}"


def slowest_recovery(
    done: Sequence[Done], *, until: float, acknowledged: Sequence[float], delivered: Sequence[float]
) -> tuple[float, Done] | None:
    """From the end of a fault until a webhook was acknowledged and a delivery taken, whichever was later.

    Of faults that hit a process or the store: an endpoint's own slowness is no recovery of ours. Where the next fault
    began before that, it is the next one's recovery; and where the load was over, at `until`, there is nothing to see.
    """
    hurting = [one for one in done if one.fault.target in {STORE, LINK, *RECEIVERS, *DISPATCHERS}]
    took = []
    for one in hurting:
        if one.ended_at >= until:
            continue
        again = max(_first_after(one.ended_at, acknowledged), _first_after(one.ended_at, delivered))
        if not any(one.ended_at < other.ended_at and other.began_at < again for other in hurting):
            took.append((again - one.ended_at, one))
    return max(took, key=lambda entry: entry[0], default=None)


def _first_after(instant: float, times: Sequence[float]) -> float:
    place = bisect_left(times, instant)
    return times[place] if place < len(times) else float("inf")
