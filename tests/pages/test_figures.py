"""What the counters of all processes amount to."""

import math

import pytest

from consent.ledger import Beat
from consent.ledger.pulse import HEARD_BOUNDS, heard_counter
from consent.model import UnixMs
from console.pages.figures import Figures, quantile

START = 1_764_000_000_000


def a_beat(second: float, process: str = "r1", **counters: float) -> Beat:
    return Beat(process, "receiver", UnixMs(int(START + second * 1000)), counters)


def heard(*seconds: float) -> dict[str, float]:
    """The counters after opt-outs that took so long."""
    counts = {heard_counter(bound): float(sum(each <= bound for each in seconds)) for bound in HEARD_BOUNDS}
    return {**counts, "heard_seconds_count": float(len(seconds)), "heard_seconds_sum": sum(seconds)}


def at(second: float) -> UnixMs:
    return UnixMs(int(START + second * 1000))


def test_what_was_counted_before_anybody_watched_is_no_rate() -> None:
    figures = Figures()

    figures.note([a_beat(0, events=1_000_000)], at(0.5))

    assert figures.rate("events", at(3)) == 0
    assert figures.totals["events"] == 1_000_000


def test_a_steady_stream_is_an_even_line_though_beats_and_looks_do_not_keep_step() -> None:
    figures = Figures()
    for second in range(30):
        figures.note([a_beat(second * 1.07, events=second * 107)], at(second * 1.07 + 0.3))

    last = figures.series("events", at(31))[-20:-2]

    assert all(amount == pytest.approx(100, rel=0.15) for amount in last)


@pytest.mark.parametrize("ahead_s", [0, 3600, -3600])
def test_a_steady_stream_is_even_up_to_its_end_whatever_the_clock_of_its_process(ahead_s: int) -> None:
    figures = Figures()
    beats = [a_beat(ahead_s + 0.31 * n, events=31 * n) for n in range(200)]

    ends = []
    for look in range(100):
        now = 0.5 * look
        figures.note([beats[int(now / 0.31)]], at(now))
        ends.append((figures.series("events", at(now))[-1], figures.rate("events", at(now))))

    assert all(newest == pytest.approx(100, rel=0.1) for newest, _ in ends[20:])
    assert all(rate == pytest.approx(100, rel=0.05) for _, rate in ends[20:])


def test_what_was_counted_is_in_the_rate_within_a_second() -> None:
    figures = Figures()
    figures.note([a_beat(0, events=0)], at(0))
    figures.note([a_beat(0, events=0)], at(9.7))
    figures.note([a_beat(10.1, events=10)], at(10.2))

    assert figures.rate("events", at(10.6)) == pytest.approx(2)
    assert (figures.series("events", at(10.6))[-1] or 0) > 5


def test_a_clock_that_is_set_back_is_believed_anew() -> None:
    figures = Figures()
    figures.note([a_beat(0, events=0)], at(0))
    for second in range(1, 20):
        figures.note([a_beat(second - (3600 if second > 10 else 0), events=second * 10)], at(second + 0.1))

    assert figures.rate("events", at(19.5)) == pytest.approx(10, rel=0.2)


def test_what_a_process_counts_is_neither_lost_nor_counted_twice() -> None:
    figures = Figures()
    figures.note([a_beat(0, events=5)], at(0))
    for look in (3.0, 4.0, 5.0, 6.0):
        figures.note([a_beat(2 if look < 5 else 5, events=15 if look < 5 else 40)], at(look))

    counted = [amount for amount in figures.series("events", at(20)) if amount is not None]

    assert sum(counted) == pytest.approx(35)


def test_a_process_that_starts_while_somebody_watches_is_counted_from_nothing() -> None:
    figures = Figures()
    figures.note([], at(0))
    figures.note([a_beat(2.5, events=3)], at(3))

    assert sum(amount for amount in figures.series("events", at(10)) if amount) == pytest.approx(3)


def test_several_processes_add_up() -> None:
    figures = Figures()
    figures.note([a_beat(0, "r1", events=0), a_beat(0, "r2", events=0)], at(0))
    figures.note([a_beat(3, "r1", events=10), a_beat(3, "r2", events=20)], at(3))

    assert figures.totals["events"] == 30
    assert sum(amount for amount in figures.series("events", at(10)) if amount) == pytest.approx(30)


def test_seconds_before_anybody_watched_are_unknown_and_not_zero() -> None:
    figures = Figures()
    figures.note([], at(0))

    series = figures.series("events", at(10))

    assert len(series) == 120
    assert series[0] is None
    assert series[-1] == 0.0


def test_how_fast_is_told_of_the_last_minutes_once_there_is_anything_to_tell() -> None:
    figures = Figures()
    figures.note([a_beat(0, **heard(50, 50, 50))], at(0))
    before = figures.heard()
    figures.note([a_beat(1, **heard(50, 50, 50, 0.05, 0.05))], at(1))
    after = figures.heard()

    assert before.p50 is not None
    assert before.p50 > 10
    assert not before.is_recent
    assert (after.count, after.is_recent) == (2, True)
    assert after.p95 is not None
    assert after.p95 <= 0.1


def test_what_was_long_ago_does_not_count_as_lately() -> None:
    figures = Figures()
    figures.note([a_beat(0, **heard())], at(0))
    figures.note([a_beat(1, **heard(0.05))], at(1))
    figures.note([a_beat(1, **heard(0.05))], at(400))

    assert not figures.heard().is_recent


@pytest.mark.parametrize(
    ("took", "share", "low", "high"),
    [
        ((0.05,), 0.5, 0, 0.1),
        ((0.05, 0.05, 0.3, 2.0), 0.5, 0, 0.1),
        ((0.05, 0.05, 0.3, 2.0), 0.95, 1.0, 2.5),
        ((61.0,), 0.5, math.inf, math.inf),
    ],
)
def test_a_quantile_lies_between_the_bounds_around_it(
    took: tuple[float, ...], share: float, low: float, high: float
) -> None:
    found = quantile(heard(*took), share)

    assert found is not None
    assert low <= found <= high


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile({}, 0.5) is None
