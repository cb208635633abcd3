"""What is shown can be copied and piped, and what comes from outside cannot steer the terminal."""

import os
import pty
import subprocess
import sys
import termios
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from consent.model import Account
from console.moments import roughly
from console.terminal import Column, Listing, blocks, clean, columns, fits, plain, table
from tests.builders import ACME, an_endpoint
from tests.console.command_line import CommandLine

EVENT = "evt_13_1795313753051_0"
LISTING = Listing(
    (Column("event"), Column("count", is_number=True), Column("reason", folds=True)),
    [(EVENT, "3", Text("a long explanation of what went wrong", style="red")), ("evt_1", "12", "")],
    when_empty="Nothing.",
)


def test_in_a_pipe_columns_are_aligned_and_without_colours() -> None:
    assert columns(LISTING) == [
        "event                   count  reason",
        f"{EVENT}  3      a long explanation of what went wrong",
        "evt_1                   12",
    ]


def test_a_narrow_terminal_folds_explanations_and_never_ids() -> None:
    out = StringIO()

    Console(file=out, width=45).print(table(LISTING))

    assert EVENT in out.getvalue()
    assert "…" not in out.getvalue()
    assert "wrong" in out.getvalue()


def test_control_characters_are_replaced() -> None:
    assert clean("a\x1b[31m\nb") == "a�[31m�b"
    assert clean("a\nb\r", lines=True) == "a\nb�"


def test_json_has_objects_and_instants_that_programs_read() -> None:
    @dataclass(frozen=True)
    class Thing:
        at: datetime
        names: tuple[str, ...]

    thing = Thing(datetime(2026, 11, 22, 1, 8, 39, 500_000, tzinfo=UTC), ("a",))

    assert plain([thing, {"x": None}]) == [{"at": "2026-11-22T01:08:39.500Z", "names": ["a"]}, {"x": None}]


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1 second"),
        (61_000, "1 minute 1 second"),
        (3_600_000, "1 hour"),
        (3_605_000, "1 hour"),
        (273_905_000, "3 days 4 hours"),
    ],
)
def test_a_span_is_told_by_its_two_largest_units(span: int, told: str) -> None:
    assert roughly(span) == told


DELIVERIES = Listing(
    (
        *map(Column, ("endpoint", "event", "number", "state")),
        Column("attempts", is_number=True),
        Column("reason", folds=True),
    ),
    [("demo/crm", EVENT, "•••••••7009", Text("dead"), "10", "connect_refused: Connection refused by that host")],
    when_empty="Nothing.",
)


@pytest.mark.parametrize("width", [20, 30, 60, 80, 93, 94, 120, 200])
def test_no_terminal_is_so_narrow_that_a_cell_or_its_name_is_left_out(width: int) -> None:
    out = StringIO()

    if fits(DELIVERIES, width):
        Console(file=out, width=width).print(table(DELIVERIES))
    else:
        Console(file=out, width=width).print(blocks(DELIVERIES), soft_wrap=True)

    names = [column.name for column in DELIVERIES.columns]
    wanted = [*names, "demo/crm", EVENT, "•••••••7009", "dead", "10", "connect_refused:", "refused", "host"]
    assert [word for word in wanted if word not in out.getvalue()] == []


def test_where_a_table_does_not_fit_each_row_is_a_block_of_what_it_says() -> None:
    listing = Listing(DELIVERIES.columns, [*DELIVERIES.rows, ("demo/erp", "evt_1", "", "due", "0", "")], when_empty="")

    assert blocks(listing).plain.splitlines() == [
        "endpoint  demo/crm",
        f"event     {EVENT}",
        "number    •••••••7009",
        "state     dead",
        "attempts  10",
        "reason    connect_refused: Connection refused by that host",
        "",
        "endpoint  demo/erp",
        "event     evt_1",
        "state     due",
        "attempts  0",
    ]


def test_a_table_fits_as_long_as_what_folds_can_be_read() -> None:
    least = len("  ".join(("demo/crm", EVENT, "•••••••7009", "state", "attempts", "20 characters of why")))

    assert fits(DELIVERIES, least)
    assert not fits(DELIVERIES, least - 1)


@pytest.mark.parametrize("width", [30, 80, 120, 200])
def test_a_command_shows_all_that_it_has_on_any_terminal(cli: CommandLine, width: int) -> None:
    cli.register(Account(id=ACME), an_endpoint())
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, width))

    with subprocess.Popen(
        [sys.executable, "-c", "from console.cli import main; main()", "endpoint", "list", "--config", str(cli.config)],
        stdout=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(width), "NO_COLOR": "1"},
    ):
        os.close(theirs)
        shown = all_of(ours)

    wanted = [
        "endpoint",
        "state",
        "enabled",
        "owed",
        "in flight",
        "dead",
        "format",
        "json",
        "events",
        "consent.*",
        "url",
    ]
    assert [word for word in wanted if word not in shown] == []


def all_of(terminal: int) -> str:
    """Linux says EIO where the other end was closed."""
    shown = b""
    with suppress(OSError):
        while piece := os.read(terminal, 4096):
            shown += piece
    os.close(terminal)
    return shown.decode()
