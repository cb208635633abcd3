"""Which words does a list speak? What columns and statuses may be called, and how long a line may be. Pure."""

import re
from typing import Literal, NamedTuple

from consent.model import Status

Format = Literal["csv", "ndjson"]


class Cells(NamedTuple):
    """What one line says, column by column; "" where it says nothing."""

    msisdn: str = ""
    date: str = ""
    account: str = ""
    campaign: str = ""
    status: str = ""
    actor: str = ""
    opted_in: str = ""
    confirmed: str = ""
    odd: str = ""


Row = tuple[str, ...]
"""Cells, or a plain tuple in their order: to make it one of them takes a tenth of all that is done for a line."""

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

COLUMN = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
STATUS = {alias: status for status, aliases in STATUSES.items() for alias in aliases}
_FORMULA = "=+-@\t'"
"""A cell that begins so is a formula to a spreadsheet; an apostrophe in front makes it text."""


def guarded(cell: str) -> str:
    """As a spreadsheet may open it: a name that comes from outside shall not be a formula."""
    return f"'{cell}" if cell[:1] in _FORMULA and cell else cell


def unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" else cell


def word(text: str) -> str:
    return re.sub(r"[\s-]+", "_", unguarded(text.strip()).strip().lower())
