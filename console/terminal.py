"""How is a result shown? As a table or lines for people, as plain columns in a pipe, or as JSON.

Nothing is ever cut off: an id, a URL or a secret is there to be copied. What comes from outside cannot steer the
terminal.
"""

import codecs
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from console.moments import written

_GAP = "  "
_LEAST_FOLDED = 20
"""What is folded into less cannot be read."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    folds: bool = False
    """May be spread over several lines where the terminal is narrow."""
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    columns: Sequence[Column]
    rows: Sequence[Sequence[str | Text]]
    when_empty: str
    """What to say when there are no rows: a sentence that leads on."""


class Screen:
    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._out = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)

    def show(self, value: object, *pictures: Listing | RenderableType) -> None:
        """One result: `value` as a JSON document, or the pictures for people."""
        if self._as_json:
            self._write(json.dumps(plain(value), indent=2, ensure_ascii=not _shows_all()))
            return
        for number, picture in enumerate(pictures):
            if number:
                self._write("")
            self._draw(picture)

    def _draw(self, picture: Listing | RenderableType) -> None:
        if not isinstance(picture, Listing):
            self._out.print(picture, soft_wrap=True)
        elif not picture.rows:
            _aside(Text(picture.when_empty, style="dim"))
        elif not self._out.is_terminal:
            self._write("\n".join(columns(picture)))
        elif fits(picture, self._out.width):
            self._out.print(table(picture))
        else:
            self._out.print(blocks(picture), soft_wrap=True)

    def line(self, value: object, text: Text) -> None:
        """One of a stream."""
        if self._as_json:
            self._write(json.dumps(plain(value), ensure_ascii=not _shows_all()))
        else:
            self._out.print(text, soft_wrap=True)

    def aside(self, text: Text) -> None:
        """A remark on the result, for people: on stderr, never in the way of a pipe."""
        if not self._as_json:
            _aside(text)

    def _write(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()  # in a pipe, `up` and `tail -f` would keep it to themselves


def complain(text: str) -> None:
    _aside(Text.assemble(("error: ", "bold red"), clean(text, lines=True)))


def fits(listing: Listing, width: int) -> bool:
    """As a table. Where it does not, Rich would leave columns out, and nobody would know."""
    least = [
        min(widest, _LEAST_FOLDED) if column.folds else widest
        for column, widest in zip(listing.columns, _widths(listing), strict=True)
    ]
    return sum(least) + len(_GAP) * (len(least) - 1) <= width


def table(listing: Listing) -> Table:
    """For a terminal that is wide enough."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, widest in zip(listing.columns, _widths(listing), strict=True):
        drawn.add_column(
            column.name,
            justify="right" if column.is_number else "left",
            overflow="fold",
            no_wrap=not column.folds,
            min_width=None if column.folds else widest,
        )
    for row in zip(*_by_column(listing), strict=True):
        drawn.add_row(*row)
    return drawn


def blocks(listing: Listing) -> Text:
    """For a narrow terminal: a line for each cell that says something. The terminal breaks it where it must."""
    longest = max(cell_len(column.name) for column in listing.columns)
    return Text("\n\n").join(
        Text("\n").join(
            Text.assemble((f"{column.name:<{longest}}{_GAP}", "dim"), cell)
            for column, cell in zip(listing.columns, row, strict=True)
            if cell
        )
        for row in zip(*_by_column(listing), strict=True)
    )


def columns(listing: Listing) -> list[str]:
    """For a pipe: aligned, without colours, one row a line."""
    rows = [[column.name for column in listing.columns]]
    rows += [[cell.plain for cell in row] for row in zip(*_by_column(listing), strict=True)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def clean(text: str, *, lines: bool = False) -> str:
    """Without characters that would start a line or steer the terminal; `lines` lets line breaks stand."""
    return "".join(c if c.isprintable() or (lines and c == "\n") else "�" for c in text)


def plain(value: Any) -> Any:
    """As JSON has it: a dataclass as an object, an instant in ISO 8601."""
    match value:
        case datetime():
            return written(value)
        case list() | tuple():
            return [plain(each) for each in value]
        case dict():
            return {str(name): plain(each) for name, each in value.items()}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return plain(asdict(value))
        case _:
            return value


def _by_column(listing: Listing) -> list[list[Text]]:
    return [
        [cell if isinstance(cell, Text) else Text(clean(cell)) for cell in cells]
        for cells in zip(*listing.rows, strict=True)
    ] or [[] for _ in listing.columns]


def _widths(listing: Listing) -> list[int]:
    return [
        max([cell_len(column.name), *(cell.cell_len for cell in cells)])
        for column, cells in zip(listing.columns, _by_column(listing), strict=True)
    ]


def _shows_all() -> bool:
    """Standard output. Elsewhere JSON has its own way to write what is no ASCII, and loses nothing."""
    return codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"


def _aside(text: Text) -> None:
    Console(file=sys.stderr, highlight=False, markup=False, emoji=False).print(text, soft_wrap=True)
