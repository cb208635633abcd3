"""Which lines are entries, and which are bad, and why? Any bytes are one or the other, never a failure. Pure.

One line, one number: a quoted cell ends with its line, so that a quote somebody forgot spoils one line and not a file.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import orjson

from consent.errors import Refused
from consent.ledger import Entry
from console.rolls.blocks import Block
from console.rolls.entries import entry_of
from console.rolls.layout import Layout, Rules
from console.rolls.vocabulary import COLUMN, LONGEST_LINE, Cells, Row, word


@dataclass(frozen=True, slots=True)
class BadLine:
    line: int
    reason: str


def read(block: Block, layout: Layout, rules: Rules) -> tuple[list[Entry], list[BadLine]]:
    entries: list[Entry] = []
    bad: list[BadLine] = []
    cells_of = _ndjson_cells if layout.format == "ndjson" else _csv_cells
    for line, cells in cells_of(block, layout):
        if isinstance(cells, str):
            bad.append(BadLine(line, cells))
            continue
        try:
            entries.append(entry_of(cells, rules))
        except Refused as refused:
            bad.append(BadLine(line, str(refused)))
    return entries, bad


def _csv_cells(block: Block, layout: Layout) -> Iterator[tuple[int, Row | str]]:
    width = len(layout.columns)
    pick = _picker(layout.columns)
    for line, row in enumerate(_rows(block.lines, layout.delimiter), block.first):
        if isinstance(row, str):
            yield line, row
        elif len(row) > width and any(map(str.strip, row[width:])):
            yield line, f"{len(row)} cells where there should be {width}"
        elif any(row):
            if len(row) != width:
                row[width:] = [""] * (width - len(row))
            row.append("")
            yield line, pick(row)


def _picker(columns: Sequence[str]) -> Callable[[list[str]], Row]:
    """Takes the cells of a row with one empty cell more, which stands for the columns that the list lacks."""
    return itemgetter(*(columns.index(name) if name in columns else len(columns) for name in Cells._fields))


def _rows(lines: Sequence[bytes], delimiter: str) -> list[list[str] | str]:
    """A row or a reason for each line. All in one go, unless one line swallows the next or cannot be read."""
    texts = [line.decode("utf-8", "replace") for line in lines]
    try:
        rows: list[list[str] | str] = list(csv.reader(texts, delimiter=delimiter))
    except csv.Error:
        rows = []
    if len(rows) == len(texts) and max(map(len, lines), default=0) <= LONGEST_LINE:
        return rows
    return [_row_or_reason(line, delimiter) for line in lines]


def _row_or_reason(line: bytes, delimiter: str) -> list[str] | str:
    if len(line) > LONGEST_LINE:
        return "the line is too long"
    try:
        return _row(line.decode("utf-8", "replace"), delimiter)
    except csv.Error:  # all that is wrong with a line in Python's eyes
        return "no CSV: a carriage return within the line"


def _row(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter), [])


def _ndjson_cells(block: Block, layout: Layout) -> Iterator[tuple[int, Row | str]]:
    for number, line in enumerate(block.lines, block.first):
        if len(line) > LONGEST_LINE:
            yield number, "the line is too long"
            continue
        if not line.strip():
            continue
        try:
            said = orjson.loads(line)
        except orjson.JSONDecodeError as wrong:
            yield number, f"no JSON: {wrong}"
            continue
        yield number, _cells(said) if isinstance(said, dict) else "no JSON object"


def _cells(said: Mapping[str, object]) -> Cells:
    known = ((COLUMN.get(name) or COLUMN.get(word(name), ""), value) for name, value in said.items())
    return Cells(**{name: _text(value) for name, value in known if name and value is not None})


def _text(value: object) -> str:
    """A flag may be true; lists and objects are nothing that a cell could hold, and read as nonsense."""
    if isinstance(value, bool):
        return "odd" if value else ""
    return value if isinstance(value, str) else str(value)
