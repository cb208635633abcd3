"""What is shown can be copied and piped, and what comes from outside cannot steer the terminal."""

from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from console.moments import roughly
from console.terminal import Column, Listing, clean, columns, plain, table

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
