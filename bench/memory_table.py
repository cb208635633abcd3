"""What does a store need for so many numbers and so many events a second? Arithmetic on measured bytes; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

_DAY_S = 86_400
_SLICE_S = 2 * _DAY_S
"""De-duplication remembers a message for one to two of these."""
_BUCKETS, _COMPACT = 256, 512
"""Hashes a partition for one slice, and how many fields of one are kept compact."""
_GIB = 2**30
NUMBERS = (1_000_000, 10_000_000, 100_000_000)
RATES = (10, 1_000, 10_000)
RETENTION_DAYS = (30, 7, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """Each is of one: a number, a webhook, a delivery, an attempt."""

    opted_in: float
    opted_out: float
    sparse: float
    """Opted out, where a bucket holds a dozen numbers."""
    crowded: float
    """Opted out, where a bucket holds more than the compact encoding takes."""
    stop: float
    text: float
    trace: float
    """Of a message, for de-duplication; the other where more than 512 come to a bucket within two days."""
    crowded_trace: float
    file: float
    waiting: float
    behind: float
    attempt: float
    beyond: float
    """What the server's process held beyond `used_memory`, in all."""


def told(each: Bytes) -> str:
    return "\n".join((*_measured(each), "", *_of_numbers(each), "", *_of_events(each)))


def _measured(each: Bytes) -> Iterator[str]:
    yield "measured, bytes of used_memory for one"
    for what, count in (
        ("number opted in, in one campaign", each.opted_in),
        ("number opted out, in one campaign", each.opted_out),
        ("the same, 12 numbers a bucket", each.sparse),
        ("the same, buckets past the compact encoding", each.crowded),
        ("event of a STOP in the log", each.stop),
        ("event of a text of 101 characters in the log", each.text),
        ("trace of a message for de-duplication", each.trace),
        ("the same, buckets past the compact encoding", each.crowded_trace),
        ("delivery that waits, opt-out", each.waiting),
        ("delivery behind another of its number", each.behind),
        ("attempt in the attempt log", each.attempt),
        ("append-only file, for each STOP by webhook", each.file),
    ):
        yield f"  {what:<46}{count:>8,.0f}"
    yield f"  {'resident beyond used_memory, in all, MiB':<46}{each.beyond / 2**20:>8.1f}"


def _of_numbers(each: Bytes) -> Iterator[str]:
    yield "computed: GiB for the numbers, all of them opted out of one campaign"
    yield f"  {'numbers':>12}{'right partitions':>18}{'too few':>10}"
    for numbers in NUMBERS:
        yield f"  {numbers:>12,}{numbers * each.opted_out / _GIB:>18.2f}{numbers * each.crowded / _GIB:>10.2f}"


def _of_events(each: Bytes) -> Iterator[str]:
    yield "computed: GiB for the events of STOPs that come without end, by retention; de-duplication at its fullest"
    days = "".join(f"{f'{day} d':>10}" for day in RETENTION_DAYS)
    yield f"  {'events/s':>12}{days}{'de-duplication':>16}"
    for rate in RATES:
        kept = "".join(f"{rate * day * _DAY_S * each.stop / _GIB:>10,.1f}" for day in RETENTION_DAYS)
        yield f"  {rate:>12,}{kept}{_traces(each, rate) / _GIB:>16,.1f}"


def _traces(each: Bytes, rate: int) -> float:
    """At 16 partitions."""
    is_crowded = rate * _SLICE_S > 16 * _BUCKETS * _COMPACT
    return rate * 2 * _SLICE_S * (each.crowded_trace if is_crowded else each.trace)
