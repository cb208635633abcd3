"""How is what is known written, so that it reads back as it was? One line of an export. Pure."""

import json
from collections.abc import Iterable

from consent.ledger import Listed
from consent.model import Status, UnixMs
from console import moments
from console.rolls.vocabulary import COLUMNS, Format, guarded


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
