"""What came of all the benchmarks of one run? Each notes its rows, and one table shows them together.

    python -m bench.table FILE     shows what was noted in FILE

A benchmark notes a row for each comparison that it printed, if `BENCH_ROWS` names a file, as `make bench`
does; on its own it notes nothing.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "BENCH_ROWS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    bench: str
    what: str
    ratio: float | None = None
    of: str
    """What the ratio is one of, as in "the rate of bare aiohttp"."""
    rate: float | None = None
    """A second."""
    cpu: float | None = None
    """Seconds for 1,000 of them, of the processes that did it; of the store, the next one."""
    store_cpu: float | None = None
    memory_mb: float | None = None
    """Of those processes."""
    bytes_each: float | None = None
    """What the store has for each: in its file, or, of a queue, in memory."""


def note(*rows: Row) -> None:
    if name := os.environ.get(FILE):
        with Path(name).open("a") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def noted(file: Path) -> list[Row]:
    return [Row(**json.loads(line)) for line in file.read_text().splitlines()]


def lines(rows: Sequence[Row]) -> list[str]:
    wide = max((len(row.what) for row in rows), default=0)
    heads = f"{'rate/s':>9}{'CPU s':>8}{'store s':>9}{'MB':>7}{'bytes':>8}"
    return [
        f"{'':<11}{'':<{wide}}{'ratio':>8}{heads}  of",
        *(
            f"{row.bench:<11}{row.what:<{wide}}{_shown(row.ratio, 8, 2)}{_shown(row.rate, 9)}"
            f"{_shown(row.cpu, 8, 3)}{_shown(row.store_cpu, 9, 3)}{_shown(row.memory_mb, 7)}"
            f"{_shown(row.bytes_each, 8)}  {row.of}"
            for row in rows
        ),
        "CPU s: seconds for 1,000; store s: the store's; MB: memory of the processes; bytes: in the store, for each.",
    ]


def _shown(number: float | None, width: int, digits: int = 0) -> str:
    return " " * width if number is None else f"{number:>{width},.{digits}f}"


if __name__ == "__main__":
    print("\n".join(lines(noted(Path(sys.argv[1])))))
