"""How are the lines of this list to be read? Told from its first bytes, or it is said what to do instead. Pure."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from consent.errors import Misconfigured
from consent.model import AccountId, CampaignId, Status, UnixMs
from console.rolls.vocabulary import COLUMN, COLUMNS, Format, word

_SPREADSHEET = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
SEPARATOR_SAID = re.compile(rb"(?:\xef\xbb\xbf)?sep=", re.IGNORECASE)
"""A first line of Excel's, before the header."""
_LOOKED_AT = 1024
"""Bytes: no text has a null among them, and most other files have."""
_UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines of one list are to be read."""

    format: Format
    begins_at: int
    """The byte at which the entries begin,"""
    begins_on: int
    """and the number of that line."""
    delimiter: str = ","
    columns: tuple[str, ...] = ("msisdn",)
    """Empty names are columns that mean nothing to us."""
    line_end: bytes = b"\n"
    """A CR before it is no matter."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """What holds for lines that do not say it themselves, and whom they may be about. Compared by identity."""

    now: UnixMs
    known: Mapping[AccountId, frozenset[CampaignId]] = field(repr=False)
    account: AccountId | None = None
    campaign: CampaignId | None = None
    status: Status | None = None


def layout_of(head: bytes, name: str, given: Format | None = None) -> Layout:
    """From the first bytes. Misconfigured, with what to do, where no line could be understood."""
    if head.startswith(_SPREADSHEET):
        raise Misconfigured(f"{name} is a spreadsheet: save it as CSV (UTF-8) and import that")
    if head.startswith(_UTF16):
        raise Misconfigured(f"{name} is UTF-16: save it as CSV UTF-8, or pipe it through `iconv -f utf-16 -t utf-8`")
    if head.startswith(b"\x1f\x8b"):
        raise Misconfigured(f"{name} is compressed: gunzip -c {name} | consent-relay consent import -")
    if b"\0" in head[:_LOOKED_AT]:
        raise Misconfigured(f"{name} is no text: export the list as CSV (UTF-8) and import that")
    mark = len(_UTF8_MARK) if head.startswith(_UTF8_MARK) else 0
    if (given or guessed(name, head[mark:])) == "ndjson":
        return Layout("ndjson", begins_at=mark, begins_on=1)
    return _csv_layout(head, mark, name)


def guessed(name: str, head: bytes) -> Format:
    if name.lower().endswith((".ndjson", ".jsonl", ".ldjson")):
        return "ndjson"
    is_named_csv = name.lower().endswith((".csv", ".tsv", ".txt"))
    return "ndjson" if not is_named_csv and head.lstrip()[:1] == b"{" else "csv"


def ensure_complete(layout: Layout, rules: Rules) -> None:
    """Misconfigured where no line of the list can say what the command does not say either."""
    if layout.format == "ndjson":
        return
    for name, given in (("account", rules.account), ("campaign", rules.campaign), ("status", rules.status)):
        if given is None and name not in layout.columns:
            raise Misconfigured(f"the list has no column {name}: say --{name}, for all of its lines")


def _csv_layout(head: bytes, at: int, name: str) -> Layout:
    # A lone CR ends the lines of Excel's "CSV (Macintosh)".
    line_end = b"\r" if b"\n" not in head and b"\r" in head[:-1] else b"\n"
    line, begins_on, delimiter = _first_line(head, at, line_end), 1, ""
    if found := re.fullmatch(rb"sep=(.)\r?\n?", line):
        delimiter = found[1].decode("latin-1")
        at, begins_on = at + len(line), 2
        line = _first_line(head, at, line_end)
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    if not delimiter:
        delimiter = max(",;\t|", key=text.count)
    try:
        cells = next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error as wrong:
        raise Misconfigured(
            f"{name}: the first line has a carriage return in it: save the list as CSV with line ends LF or CRLF"
        ) from wrong
    columns = tuple(COLUMN.get(word(cell), "") for cell in cells)
    if "msisdn" in columns:
        if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
            raise Misconfigured(f"the first line names several columns for {', '.join(twice)}: keep one of each")
        return Layout("csv", at + len(line), begins_on + 1, delimiter, columns, line_end)
    if len([cell for cell in cells if cell.strip()]) > 1:
        raise Misconfigured(
            f"the first line names no column for the number, only {', '.join(repr(cell) for cell in cells[:8])}: "
            f"call one of them {', '.join(COLUMNS['msisdn'][:4])}"
        )
    return Layout("csv", at, begins_on, delimiter, line_end=line_end)


def _first_line(head: bytes, at: int, line_end: bytes) -> bytes:
    end = head.find(line_end, at)
    return head[at : end + 1] if end >= 0 else head[at:]
