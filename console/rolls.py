"""What does a list of opt-outs and opt-ins say, line by line? CSV and NDJSON, as spreadsheets and other systems write
them. Pure: any bytes are an entry or a bad line with its reason, never a failure.

One line, one number: a quoted cell ends with its line, so that a quote somebody forgot spoils one line and not a file.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

import orjson

from consent.errors import Misconfigured, Refused
from consent.instants import instant
from consent.ledger import Entry, Kind, Listed
from consent.model import AccountId, Actor, CampaignId, Msisdn, Status, UnixMs
from consent.numbers import recipient
from consent.ordering import deciding_time
from console import moments

Format = Literal["csv", "ndjson"]
Cells = Mapping[str, str]

COLUMNS = {
    "account": ("account", "account_id"),
    "campaign": ("campaign", "campaign_id", "campaignid"),
    "msisdn": ("msisdn", "number", "phone", "phone_number", "mobile", "mobile_number"),
    "status": ("status", "state", "consent"),
    "date": ("date", "timestamp", "time", "opted_at", "opt_out_date", "opt_in_date", "occurred_at", "since"),
    "actor": ("actor", "who"),
    "opted_in": ("opted_in",),
    "confirmed": ("confirmed",),
    "odd": ("odd",),
}
"""What a column may be called. The last three are written by an export; nobody else needs them."""
STATUSES = {
    Status.OPTED_OUT: (
        "opted_out",
        "opt_out",
        "optout",
        "out",
        "unsubscribed",
        "unsubscribe",
        "stop",
        "stopped",
        "n302",
    ),
    Status.OPTED_IN: ("opted_in", "opt_in", "optin", "in", "subscribed", "subscribe", "start", "n301"),
}
LONGEST_LINE = 65_536

_COLUMN = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
_STATUS = {alias: status for status, aliases in STATUSES.items() for alias in aliases}
_ACTOR = {actor.value: actor for actor in Actor}
# The commonest writing, past the cache of consent.numbers, which a million different numbers would only churn.
_PLAIN = re.compile(r"\+?([1-9][0-9]{6,14})")
_ROUNDED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?[eE][+-]?[0-9]+")
_IN_FRONT = re.compile(r"\A(?:tel|sms|rcs|whatsapp):", re.IGNORECASE)
_FLOAT = re.compile(r"([0-9]{7,15})\.0+")
_SPREADSHEET = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"
_FORMULA = "=+-@\t'"
"""A cell that begins so is a formula to a spreadsheet; an apostrophe in front makes it text."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """What holds for lines that do not say it themselves, and whom they may be about. Compared by identity."""

    now: UnixMs
    known: Mapping[AccountId, frozenset[CampaignId]] = field(repr=False)
    account: AccountId | None = None
    campaign: CampaignId | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    line: int
    reason: str


class Block(NamedTuple):
    """Some whole lines."""

    first: int
    """The number of the first one."""
    lines: list[bytes]
    ends_at: int
    """The byte behind the last one."""


class Blocks:
    """Cuts a stream of bytes into whole lines. A line longer than any list has is cut, and so a bad one."""

    def __init__(self, *, at: int, line: int) -> None:
        self._rest = b""
        self._at = at
        self._line = line

    def push(self, chunk: bytes) -> Block:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > 2 * LONGEST_LINE:
            # What of it is kept is too long still; its end is somewhere ahead.
            self._at += len(self._rest) - LONGEST_LINE - 1
            self._rest = self._rest[: LONGEST_LINE + 1]
        return self._block(lines, sum(map(len, lines)) + len(lines))

    def end(self) -> Block:
        """The last line, which nobody ended."""
        lines, self._rest = ([self._rest] if self._rest else []), b""
        return self._block(lines, sum(map(len, lines)))

    def _block(self, lines: list[bytes], size: int) -> Block:
        block = Block(self._line, lines, self._at + size)
        self._at, self._line = block.ends_at, self._line + len(lines)
        return block


# ── the beginning ───────────────────────────────────────────────────────────────────────────────────────────────────


def layout_of(head: bytes, name: str, given: Format | None = None) -> Layout:
    """From the first bytes. Misconfigured, with what to do, where no line could be understood."""
    if head.startswith(_SPREADSHEET):
        raise Misconfigured(f"{name} is a spreadsheet: save it as CSV (UTF-8) and import that")
    if head.startswith(_UTF16):
        raise Misconfigured(f"{name} is UTF-16: save it as CSV UTF-8, or pipe it through `iconv -f utf-16 -t utf-8`")
    if head.startswith(b"\x1f\x8b"):
        raise Misconfigured(f"{name} is compressed: gunzip -c {name} | consent-relay consent import -")
    mark = len(_UTF8_MARK) if head.startswith(_UTF8_MARK) else 0
    if (given or guessed(name, head[mark:])) == "ndjson":
        return Layout("ndjson", begins_at=mark, begins_on=1)
    return _csv_layout(head, mark)


def guessed(name: str, head: bytes) -> Format:
    if name.lower().endswith((".ndjson", ".jsonl", ".ldjson")):
        return "ndjson"
    is_named_csv = name.lower().endswith((".csv", ".tsv", ".txt"))
    return "ndjson" if not is_named_csv and head.lstrip()[:1] == b"{" else "csv"


def _csv_layout(head: bytes, at: int) -> Layout:
    line, begins_on, delimiter = _first_line(head, at), 1, ""
    if found := re.fullmatch(rb"sep=(.)\r?\n?", line):
        delimiter = found[1].decode("latin-1")
        at, begins_on = at + len(line), 2
        line = _first_line(head, at)
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    if not delimiter:
        delimiter = max(",;\t|", key=text.count)
    try:
        cells = _row(text, delimiter)
    except csv.Error as wrong:
        raise Misconfigured(
            f"the first line is no CSV ({wrong}): save the list as CSV with line ends LF or CRLF"
        ) from wrong
    columns = tuple(_COLUMN.get(_word(cell), "") for cell in cells)
    if "msisdn" in columns:
        if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
            raise Misconfigured(f"the first line names several columns for {', '.join(twice)}: keep one of each")
        return Layout("csv", at + len(line), begins_on + 1, delimiter, columns)
    if len([cell for cell in cells if cell.strip()]) > 1:
        raise Misconfigured(
            f"the first line names no column for the number, only {', '.join(repr(cell) for cell in cells[:8])}: "
            f"call one of them {', '.join(COLUMNS['msisdn'][:4])}"
        )
    return Layout("csv", at, begins_on, delimiter)


def _first_line(head: bytes, at: int) -> bytes:
    end = head.find(b"\n", at)
    return head[at : end + 1] if end >= 0 else head[at:]


def ensure_complete(layout: Layout, rules: Rules) -> None:
    """Misconfigured where no line of the list can say what the command does not say either."""
    if layout.format == "ndjson":
        return
    for name, given in (("account", rules.account), ("campaign", rules.campaign), ("status", rules.status)):
        if given is None and name not in layout.columns:
            raise Misconfigured(f"the list has no column {name}: say --{name}, for all of its lines")


# ── the lines ───────────────────────────────────────────────────────────────────────────────────────────────────────


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


def entry_of(cells: Cells, rules: Rules) -> Entry:
    """Refused, with the reason, when nothing can be recorded of it."""
    says = cells.get
    date, confirmed, opted_in, odd = says("date", ""), says("confirmed"), says("opted_in"), says("odd")
    msisdn, is_odd = _number(says("msisdn", ""), is_odd=bool(odd))
    said = (says("account", ""), says("campaign", ""), says("status", ""), says("actor", ""))
    kind, undated = _kinds(rules, said)
    occurred_at, decides_at, is_dated = _when(date, rules.now, kind.status)
    kind = kind if is_dated else undated
    entry = Entry(kind._replace(is_odd=True) if is_odd else kind, msisdn, decides_at, occurred_at)
    return _amended(entry, confirmed or "", opted_in or "", rules) if confirmed or opted_in else entry


def _amended(entry: Entry, confirmed: str, opted_in: str, rules: Rules) -> Entry:
    """With the dates that only an export knows."""
    if opted_in:
        entry = entry._replace(opted_in=_date(opted_in, rules.now)[0] // 1000)
    if confirmed:
        _, decides_at, _ = _when(confirmed, rules.now, entry.kind.status)
        entry = entry._replace(decides_at=decides_at, since=entry.occurred_at // 1000)
    return entry


# Lines differ by number and date; all else is said again and again.
@lru_cache(maxsize=4096)
def _kinds(rules: Rules, said: tuple[str, str, str, str]) -> tuple[Kind, Kind]:
    """With a date and without."""
    account_said, campaign_said, status_said, actor_said = said
    account, campaign = _whose(account_said, campaign_said, rules)
    status = _status(status_said, rules)
    kind = Kind(account, campaign, status, _actor(actor_said, status))
    return kind, kind._replace(is_dated=False)


def _csv_cells(block: Block, layout: Layout) -> Iterator[tuple[int, Cells | str]]:
    columns, width = layout.columns, len(layout.columns)
    for line, row in enumerate(_rows(block.lines, layout.delimiter), block.first):
        if isinstance(row, str):
            yield line, row
        elif len(row) > width and any(map(str.strip, row[width:])):
            yield line, f"{len(row)} cells where there should be {width}"
        elif any(row):
            yield line, dict(zip(columns, row, strict=False))


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
    except csv.Error as wrong:
        return f"no CSV: {wrong}"


def _row(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter), [])


def _ndjson_cells(block: Block, layout: Layout) -> Iterator[tuple[int, Cells | str]]:
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
    known = ((_COLUMN.get(name) or _COLUMN.get(_word(name), ""), value) for name, value in said.items())
    return {name: _text(value) for name, value in known if name and value is not None}


def _text(value: object) -> str:
    """A flag may be true; lists and objects are nothing that a cell could hold, and read as nonsense."""
    if isinstance(value, bool):
        return "odd" if value else ""
    return value if isinstance(value, str) else str(value)


def _word(text: str) -> str:
    return re.sub(r"[\s-]+", "_", unguarded(text.strip()).strip().lower())


def _whose(account_said: str, campaign_said: str, rules: Rules) -> tuple[AccountId, CampaignId]:
    account = AccountId(unguarded(account_said.strip())) if account_said else rules.account
    campaign = CampaignId(unguarded(campaign_said.strip())) if campaign_said else rules.campaign
    if account is None:
        raise Refused("no account: name one, or say --account")
    if rules.account is not None and account != rules.account:
        raise Refused(f"of account {account!r}: import it with --account {account}")
    campaigns = rules.known.get(account)
    if campaigns is None:
        raise Refused(f"there is no account {account!r}")
    if campaign is None:
        raise Refused("no campaign: name one, or say --campaign")
    if campaign not in campaigns:
        raise Refused(f"{account} has no campaign {campaign!r}: consent-relay campaign add")
    return account, campaign


def _status(said: str, rules: Rules) -> Status:
    status = (_STATUS.get(said) or _STATUS.get(_word(said))) if said else rules.status
    if status is None and said.strip():
        raise Refused(f"status {said[:40]!r}: expected opted_out or opted_in")
    if (status := status or rules.status) is None:
        raise Refused("no status: say opted_out or opted_in, or --status")
    return status


def _actor(said: str, status: Status) -> Actor:
    """Who opted out is kept: what she decided herself, no account may undo. An opt-in is only ever as good as the list
    that says so."""
    if status is not Status.OPTED_OUT or not said.strip():
        return Actor.IMPORT
    if found := _ACTOR.get(said.strip().lower()):
        return found
    raise Refused(f"actor {said[:40]!r}: expected one of {', '.join(_ACTOR)}")


def _number(said: str, *, is_odd: bool) -> tuple[Msisdn, bool]:
    if found := _PLAIN.fullmatch(said):
        return Msisdn(found[1]), False
    text = unguarded(said.strip()) if is_odd else said.strip(" \t'\"=\xa0")
    if not text:
        raise Refused("no number")
    if _ROUNDED.fullmatch(text):
        raise Refused(f"{text[:40]!r} was rounded by a spreadsheet: format the column as text and export it again")
    if found := _FLOAT.fullmatch(text):
        text = found[1]
    who = recipient(text)
    # A webhook's sender may be dug out of words; in a cell, words are a shifted column or a quote that nobody closed.
    has_words = any(map(str.isalpha, _IN_FRONT.sub("", text)))
    if (who.is_odd or has_words) and not is_odd:
        raise Refused(f"{text[:40]!r} is no number with its country code")
    return who.msisdn, who.is_odd


def _date(said: str, now: UnixMs) -> tuple[UnixMs, bool]:
    """One that is ahead of the clock is taken for now: nobody has opted out tomorrow."""
    text = said.strip().removesuffix(" UTC")
    if not text:
        return now, False
    at = _plain_instant(text) or instant(text)
    if at is None:
        raise Refused(f"date {text[:40]!r}: expected ISO 8601, or YYYY-MM-DD HH:MM:SS in UTC")
    return (at, True) if at <= now else (now, False)


def _plain_instant(text: str) -> UnixMs | None:
    """What `instant` says of the commonest writing, day and time apart: of either there are few. None for any other."""
    if len(text) < 19 or text[10] not in " T" or text[19:] not in {"", "Z"}:
        return None
    day, time = _ms_of(f"{text[:10]} 00:00:00"), _ms_of(f"1970-01-01 {text[11:19]}")
    return None if day is None or time is None else UnixMs(day + time)


@lru_cache(maxsize=131_072)
def _ms_of(text: str) -> UnixMs | None:
    return instant(text)


def _when(said: str, now: UnixMs, status: Status) -> tuple[UnixMs, UnixMs, bool]:
    """When it happened, the instant that decides, and whether the line said so. A date with a fraction is exact; one
    without means "some time in this second" (consent/ordering.py)."""
    at, is_dated = _date(said, now)
    return at, at if "." in said else deciding_time(at, now, status=status), is_dated


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def guarded(cell: str) -> str:
    """As a spreadsheet may open it: a name that comes from outside shall not be a formula."""
    return f"'{cell}" if cell[:1] in _FORMULA and cell else cell


def unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" else cell


def written(listed: Listed, format: Format) -> str:  # noqa: A002  # what it is called everywhere
    """One line of an export, which reads back as it was (tests/console/test_rolls.py)."""
    cells = _cells_of(listed)
    if format == "ndjson":
        said = {
            name: f"'{cell}" if cell[:1] == "'" else cell for name, cell in zip(COLUMNS, cells, strict=True) if cell
        }
        return json.dumps(said, ensure_ascii=False) + "\n"
    return _csv_line(map(guarded, cells))


def header(format: Format) -> str:  # noqa: A002
    return "" if format == "ndjson" else _csv_line(COLUMNS)


def _cells_of(listed: Listed) -> tuple[str, ...]:
    state = listed.state
    is_out = state.status is Status.OPTED_OUT
    since = (state.opted_out_at if is_out else state.opted_in_at) or state.decides_at
    is_confirmed = state.decides_at // 1000 > since // 1000
    return (
        listed.account,
        listed.campaign,
        listed.msisdn,
        state.status,
        _instant(since) if is_confirmed else _exact(state.decides_at),
        state.actor,
        _instant(state.opted_in_at) if is_out and state.opted_in_at else "",
        _exact(state.decides_at) if is_confirmed else "",
        "odd" if state.is_odd else "",
    )


def _instant(at: UnixMs) -> str:
    return moments.written(moments.moment(at))


def _exact(at: UnixMs) -> str:
    return f"{_instant(UnixMs(at - at % 1000))[:-1]}.{at % 1000:03}Z"


def _csv_line(cells: Iterable[str]) -> str:
    """Quoted where it must be. A line break would end the line (above), and no number or name has one."""
    return (
        ",".join(
            '"' + cell.replace('"', '""') + '"' if any(map(cell.__contains__, ',";\t|')) else cell for cell in cells
        )
        + "\n"
    )
