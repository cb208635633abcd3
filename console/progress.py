"""How does a long piece of work show that it goes on? A bar on a terminal, a plain line every ten seconds elsewhere.

On stderr: what is asked for goes to stdout.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

_EVERY_S = 10.0


class Shown(Protocol):
    def __call__(self, done: int, *, numbers: int) -> None: ...


@contextmanager
def shown(what: str, total: int | None, *, now: Callable[[], float] = time.monotonic) -> Iterator[Shown]:
    """Told how much is done, of `total` where that is known, and how many numbers that was."""
    err = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
    if not err.is_terminal:
        yield _Lines(err, what, total, now)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[numbers]:,}  {task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
        *(() if total is None else (TimeRemainingColumn(),)),
    )
    began = now()
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=total, numbers=0, rate=0.0)
        yield lambda done, *, numbers: bar.update(
            task, completed=done, numbers=numbers, rate=numbers / max(now() - began, 0.001)
        )


class _Lines:
    def __init__(self, err: Console, what: str, total: int | None, now: Callable[[], float]) -> None:
        self._err = err
        self._what = what
        self._total = total
        self._now = now
        self._began = self._last = now()

    def __call__(self, done: int, *, numbers: int) -> None:
        now = self._now()
        if now - self._last < _EVERY_S:
            return
        self._last = now
        share = f", {100 * done // self._total} %" if self._total else ""
        rate = numbers / (now - self._began)
        self._err.print(Text(f"{self._what}: {numbers:,}{share}, {rate:,.0f}/s"), soft_wrap=True)
