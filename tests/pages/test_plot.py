"""How numbers become the paths of a chart."""

import pytest

from console.pages.plot import plot, rounded_up


def test_the_axis_ends_at_a_round_number() -> None:
    assert [rounded_up(amount) for amount in (0, 0.4, 1, 1.1, 4, 7, 10, 11, 480, 1001)] == [
        1, 1, 1, 2, 5, 10, 10, 20, 500, 2000,
    ]  # fmt: skip


def test_what_is_unknown_is_not_drawn() -> None:
    drawn = plot([None, None, 5.0, 10.0])

    assert drawn.line.startswith("M400.0 ")
    assert drawn.fill.endswith("L400.0 100 Z")
    assert (drawn.now, drawn.peak, drawn.top) == (10.0, 10.0, 10.0)


@pytest.mark.parametrize("series", [[], [None], [None, 3.0], [None] * 120])
def test_too_little_to_draw_is_an_empty_chart(series: list[float | None]) -> None:
    assert plot(series).line == ""
    assert plot(series).fill == ""


def test_the_highest_number_touches_the_top_only_where_it_is_round() -> None:
    assert "0.0 0.0" in plot([10.0, 0.0]).line
    assert "0.0 30.0" in plot([7.0, 0.0]).line
